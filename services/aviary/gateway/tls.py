"""Mutual TLS from the gateway to the services: its certificate, and whom it expects to find."""

from __future__ import annotations

from pathlib import Path

from aviary.gateway.xds import Json, typed
from aviary.rpc.callers import GATEWAY
from aviary.rpc.tls import CA, host_of, uri_of

_AUTHORITY = "authority"


def transport(service: str) -> Json:
    """How a cluster is connected to: as the gateway, to replicas that are this very service."""
    expected = {"match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"exact": uri_of(service)}}]}
    context = typed(
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        sni=host_of(service),
        common_tls_context={
            # As a client Envoy goes up to 1.2 unless told.
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
            "alpn_protocols": ["h2"],
            "tls_certificate_sds_secret_configs": [_from_file(GATEWAY)],
            "combined_validation_context": {
                "default_validation_context": expected,
                "validation_context_sds_secret_config": _from_file(_AUTHORITY),
            },
        },
    )
    return {"name": "tls", "typed_config": context}


def secrets(folder: Path) -> dict[str, Json]:
    """The files, by name, that Envoy finds the certificates of `folder` by; they belong into the folder it runs in.

    Only what is named in such a file, one secret in each, does it read again when it changes.
    """
    # It sees files that are moved to their place, by hand or by Kubernetes, and not those written over.
    held, watched = folder.absolute(), {"path": str(folder.absolute())}
    pair = {
        "certificate_chain": {"filename": str(held / f"{GATEWAY}.pem")},
        "private_key": {"filename": str(held / f"{GATEWAY}.key")},
        "watched_directory": watched,
    }
    authority = {"trusted_ca": {"filename": str(held / CA)}, "watched_directory": watched}
    kind = "envoy.extensions.transport_sockets.tls.v3.Secret"
    return {
        _file_of(GATEWAY): {"resources": [typed(kind, name=GATEWAY, tls_certificate=pair)]},
        _file_of(_AUTHORITY): {"resources": [typed(kind, name=_AUTHORITY, validation_context=authority)]},
    }


def _file_of(secret: str) -> str:
    return f"{secret}.secret.json"


def _from_file(secret: str) -> Json:
    # The path needs its ./, by which Envoy tells the folder to watch.
    source = {"path": f"./{_file_of(secret)}"}
    return {"name": secret, "sds_config": {"resource_api_version": "V3", "path_config_source": source}}
