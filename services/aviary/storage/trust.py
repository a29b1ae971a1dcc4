"""Whom the clients of the stores take for a store's server."""

from __future__ import annotations

import ssl

from aviary.errors import InvalidInput


def trusting(authority: str, setting: str) -> ssl.SSLContext | None:
    """Return what checks that a server's certificate was signed by `authority`, a PEM file; None for "", no TLS.

    Raises InvalidInput when the file that `setting` names can't be used.
    """
    if not authority:
        return None
    try:
        return ssl.create_default_context(cafile=authority)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) if not isinstance(error, ssl.SSLError) else "it holds no certificate"
        raise InvalidInput(f"the authority {authority} of {setting} cannot be read: {reason}") from None
