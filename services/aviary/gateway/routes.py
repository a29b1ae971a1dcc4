"""What Envoy does with each path: our calls by exact verb and path, the pages that it serves itself, nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from aviary.gateway.bindings import UNVERSIONED, VERSIONED, Binding
from aviary.gateway.upstreams import Upstreams
from aviary.gateway.xds import Json, header, per_route, seconds, typed
from aviary.rpc.method import PUBLIC
from aviary.settings import Settings

# The name under which jwt_authn knows "a signed-in user".
SIGNED_IN = "signed_in"
# In which jwt_authn leaves the id of the user whose token it has verified.
USER_HEADER = "x-aviary-user"
# Of a read only what never reached a handler; in a fleet, where another replica is there, also what broke off.
_RETRIED = "connect-failure,refused-stream,reset-before-request"
# Left to the service to say that its deadline passed, in its own words, before the gateway does.
_GRACE_S = 0.5
_CORS = {
    "allow-methods": "GET, POST, PUT, DELETE",
    "allow-headers": "authorization, content-type, idempotency-key, traceparent, x-client-name",
    "max-age": "86400",
}
# The transcoder refuses, with 404, any path that no RPC is bound to.
_NOT_TRANSCODED: Json = {
    "typed_per_filter_config": {"transcoder": typed("envoy.config.route.v3.FilterConfig", disabled=True)}
}
# gRPC's own headers, which the transcoder leaves in its answers. Only here: who speaks gRPC to us is told no in gRPC.
_QUIET: Json = per_route(
    "headers",
    "header_mutation.v3.HeaderMutationPerRoute",
    mutations={"response_mutations": [{"remove_on_match": {"key_matcher": {"prefix": "grpc-"}}}]},
)
# One character of a URL: itself, or the percent escapes of its UTF-8 (RFC 3629, section 4).
_TAIL = "%[89ABab][[:xdigit:]]"
_UTF8 = "|".join(
    [
        "[^%]",
        "%[0-7][[:xdigit:]]",
        f"%(?:[Cc][2-9A-Fa-f]|[Dd][[:xdigit:]]){_TAIL}",
        f"%[Ee]0%[ABab][[:xdigit:]]{_TAIL}",
        f"%[Ee][1-9A-CEFa-cef]{_TAIL}{_TAIL}",
        f"%[Ee][Dd]%[89][[:xdigit:]]{_TAIL}",
        f"%[Ff]0%[9ABab][[:xdigit:]]{_TAIL}{_TAIL}",
        f"%[Ff][1-3]{_TAIL}{_TAIL}{_TAIL}",
        f"%[Ff]4%8[[:xdigit:]]{_TAIL}{_TAIL}",
    ]
)
_JSON = r"(?i)application/json\s*(;.*)?"


def routes(
    bindings: Sequence[Binding], pages: Mapping[str, Json], settings: Settings, upstreams: Upstreams
) -> list[Json]:
    """All routes, in the order in which Envoy tries them; a wrong verb is a path that does not exist.

    `/healthz` never gets here: a filter answers it.
    """
    return [
        _preflight(),
        _not_utf8(),
        _queries_beside_bodies(),
        _parameters_without_value(),
        *_foreign_bodies(),
        *(route for binding in _literal_first(bindings) for route in _calls(binding, settings, upstreams)),
        *_served(pages),
    ]


def _literal_first(bindings: Sequence[Binding]) -> list[Binding]:
    """`/users/me` before `/users/{id}`, which it would also be."""
    return sorted(bindings, key=lambda binding: bool(binding.variables))


def _served(pages: Mapping[str, Json]) -> Iterator[Json]:
    """Routes of the pages that Envoy answers from its own configuration, by path."""
    for path, action in pages.items():
        yield {"name": path, "match": {"path": path, "headers": [_verb("GET|HEAD")]}, **action, **_NOT_TRANSCODED}


def page(body: str, content_type: str, **headers: str) -> Json:
    """The action that answers with `body`."""
    return {
        "direct_response": {"status": 200, "body": {"inline_string": body}},
        "response_headers_to_add": [
            header("content-type", content_type),
            header("cache-control", "no-cache"),
            *(header(key.replace("_", "-"), value) for key, value in headers.items()),
        ],
    }


def redirect(path: str) -> Json:
    """The action that sends a browser to `path` of the same host, whatever name and scheme it used."""
    return {"direct_response": {"status": 302}, "response_headers_to_add": [header("location", path)]}


def _calls(binding: Binding, settings: Settings, upstreams: Upstreams) -> Iterator[Json]:
    for template in _templates(binding.template):
        yield {
            # What the access log says of the path, whose variables are people's names and words.
            "name": template,
            "match": {**_path(template), "headers": [_verb(binding.verb)]},
            "route": _action(binding, settings, upstreams),
            "decorator": {"operation": binding.method.path, "propagate": False},
            "typed_per_filter_config": {**_QUIET, **_access(binding)},
        }


def _templates(template: str) -> list[str]:
    if template.startswith(VERSIONED):
        return [template, template.replace(VERSIONED, UNVERSIONED, 1)]
    return [template]


def _path(template: str) -> Json:
    # Exact: as a prefix, /users/me would also match /users/media.
    if "{" not in template:
        return {"path": template}
    pattern = "/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in template.split("/"))
    return {"safe_regex": {"regex": pattern}}


def _action(binding: Binding, settings: Settings, upstreams: Upstreams) -> Json:
    deadline_s = (binding.method.deadline_ms or settings.deadline_ms) / 1000
    action: Json = {"cluster": upstreams.cluster_of(binding.method), "timeout": seconds(deadline_s + _GRACE_S)}
    if not binding.writes:
        # A write is repeated by its sender, under its key.
        action["retry_policy"] = _elsewhere() if upstreams.is_fleet else {"retry_on": _RETRIED, "num_retries": 2}
    if not binding.writes and upstreams.is_by_user(binding.method):
        action["hash_policy"] = [{"header": {"header_name": USER_HEADER}}]
    return action


def _elsewhere() -> Json:
    kind = "envoy.retry_host_predicates.previous_hosts"
    other = {
        "name": kind,
        "typed_config": typed("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"),
    }
    return {
        "retry_on": f"{_RETRIED},reset",
        "num_retries": 2,
        "retry_host_predicate": [other],
        # On a hash ring the next place may be the same replica's again.
        "host_selection_retry_max_attempts": 20,
    }


def _access(binding: Binding) -> Json:
    if binding.method.access == PUBLIC:
        return {}
    return per_route("jwt_authn", "jwt_authn.v3.PerRouteConfig", requirement_name=SIGNED_IN)


def _preflight() -> Json:
    """Tell a browser, which asks before it lets a page call, that any page may."""
    asks = [{"name": name, "present_match": True} for name in ("origin", "access-control-request-method")]
    answer = _answers({"prefix": "/", "headers": [_verb("OPTIONS"), *asks]}, 204)
    return answer | {
        "response_headers_to_add": [header(f"access-control-{key}", value) for key, value in _CORS.items()]
    }


def _not_utf8() -> Json:
    """Refuse paths and queries whose escapes are no UTF-8: the transcoder would pass them on as strings."""
    matcher = {"name": ":path", "string_match": {"safe_regex": {"regex": f"({_UTF8})*"}}, "invert_match": True}
    return _answers({"prefix": "/", "headers": [matcher]}, 400, "the path or the query is not UTF-8")


def _queries_beside_bodies() -> Json:
    """Refuse a query where the body is the whole request: the transcoder would take fields from both."""
    query = {"name": ":path", "string_match": {"safe_regex": {"regex": r"[^?]*\?.+"}}}
    match = {"prefix": UNVERSIONED, "headers": [_verb("POST|PUT|PATCH"), query]}
    return _answers(match, 400, "a call with a body takes no query parameters")


def _parameters_without_value() -> Json:
    """Refuse `?offset` and `?=1`: the transcoder would ignore a parameter without a name or a value, known or not."""
    query = {"name": ":path", "string_match": {"safe_regex": {"regex": r"[^?]*\?(.*&)?(=[^&]*|[^&=]+)(&.*)?"}}}
    match = {"prefix": UNVERSIONED, "headers": [query]}
    return _answers(match, 400, "a query parameter has a name, an equals sign and a value")


def _answers(match: Json, status: int, text: str = "") -> Json:
    body = {"body": {"inline_string": text}} if text else {}
    return {"match": match, "direct_response": {"status": status, **body}, **_NOT_TRANSCODED}


def _foreign_bodies() -> Iterator[Json]:
    """Refuse bodies that are not declared as JSON: the transcoder would read a form's text as JSON as well.

    A browser sends such a body to any site without asking that site first. No
    body needs no type. Over HTTP/2 a body may come without its length, so there
    a wrong type is refused whether or not a body follows.
    """
    wrong = {"name": "content-type", "string_match": {"safe_regex": {"regex": _JSON}}, "invert_match": True}
    missing_counts = {"treat_missing_header_as_empty": True}
    some_length = {"name": "content-length", "string_match": {"safe_regex": {"regex": "0*[1-9][0-9]*"}}}
    no_length = {"name": "content-length", "present_match": False}
    chunked = {"name": "transfer-encoding", "present_match": True}
    declared = {"name": "content-type", "present_match": True}
    grpc = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
    # A gRPC request would pass the transcoder untouched, by whatever path and verb.
    yield _answers({"prefix": "/", "headers": [grpc]}, 415)
    for conditions in (
        [{**wrong, **missing_counts}, some_length],
        [{**wrong, **missing_counts}, chunked],
        [_verb("POST|PUT|PATCH|DELETE"), declared, wrong, no_length],
    ):
        yield _answers({"prefix": UNVERSIONED, "headers": conditions}, 415)


def _verb(pattern: str) -> Json:
    matcher: Json = {"safe_regex": {"regex": pattern}} if "|" in pattern else {"exact": pattern}
    return {"name": ":method", "string_match": matcher}
