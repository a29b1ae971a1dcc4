"""The gateway's own refusals, in the one error shape that the services' errors have."""

from __future__ import annotations

from dataclasses import dataclass

from aviary.errors import (
    AviaryError,
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from aviary.gateway.xds import Json, header
from aviary.rpc.status import DOMAIN, INTERNAL, to_status
from aviary.settings import Settings

MAX_HEADERS_KB = 60
# Whether there is somebody to pass calls on to, and whether the gateway itself is there.
HEALTH, LIVENESS = "/healthz", "/livez"
_DETAIL = "type.googleapis.com/google.rpc"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is answered in place of Envoy's own text when it refuses with `status`."""

    status: int
    error: type[AviaryError]
    # May hold Envoy's %COMMANDS%; LOCAL_REPLY_BODY is what Envoy would have said.
    message: str
    # The status that the client sees instead.
    becomes: int | None = None
    # Seconds, or the %COMMAND% that knows them.
    retry_after: str = ""
    # Also for every status above.
    and_above: bool = False


def path_of(*paths: str) -> Json:
    """What matches these paths with any query."""
    return {"name": ":path", "string_match": {"safe_regex": {"regex": rf"({'|'.join(paths)})(\?.*)?"}}}


def refusals(settings: Settings) -> list[Refusal]:
    """One for each status that Envoy answers by itself; the first that fits is taken."""
    count, window_s = settings.limit_address_requests, settings.limit_address_requests_window_s
    unaccepted = "the access token was not accepted: %LOCAL_REPLY_BODY%"
    unanswered = "the service does not answer; repeat the call under the same key"
    return [
        Refusal(400, InvalidInput, "the request is malformed: %LOCAL_REPLY_BODY%"),
        Refusal(401, Unauthenticated, unaccepted),
        # Envoy says 403 to one thing only: a token that is for somebody else.
        Refusal(403, Unauthenticated, unaccepted, becomes=401),
        Refusal(
            404,
            NotFound,
            "there is no call %REQ(x-envoy-original-method?:METHOD)% %PATH(NQ)%; /openapi.json lists them all",
        ),
        Refusal(408, DeadlineExceeded, "the request took too long to arrive"),
        Refusal(413, InvalidInput, f"the body is larger than {settings.max_body_bytes} bytes, which is the limit"),
        Refusal(415, InvalidInput, "the content type is '%REQ(content-type)%'; only application/json is understood"),
        Refusal(
            429,
            RateLimited,
            f"the limit of {count} requests in {window_s} s from one address is used up; "
            "try again in %RESP(retry-after)% s",
            retry_after="%RESP(retry-after)%",
        ),
        Refusal(431, InvalidInput, f"the headers are larger than {MAX_HEADERS_KB} KiB, which is the limit"),
        Refusal(502, Unavailable, unanswered, becomes=503, retry_after="1"),
        Refusal(503, Unavailable, unanswered, retry_after="1"),
        Refusal(504, DeadlineExceeded, "the service did not answer in time; repeat the call under the same key"),
        # What is rarer, such as 426 to HTTP/1.0, has the one shape too.
        Refusal(500, AviaryError, INTERNAL, and_above=True),
        Refusal(400, InvalidInput, "the request is not understood: %LOCAL_REPLY_BODY%", and_above=True),
    ]


def local_replies(settings: Settings) -> Json:
    """The table as Envoy's local_reply_config."""
    return {"mappers": [_healthy(), *(_mapper(refusal) for refusal in refusals(settings))]}


def _mapper(refusal: Refusal) -> Json:
    mapper: Json = {
        "filter": _status(refusal.status, "GE" if refusal.and_above else "EQ"),
        "body_format_override": _json(_shape(refusal)),
    }
    if refusal.becomes:
        mapper["status_code"] = refusal.becomes
    if refusal.retry_after:
        mapper["headers_to_add"] = [header("retry-after", refusal.retry_after)]
    return mapper


def _shape(refusal: Refusal) -> Json:
    status = to_status(refusal.error(refusal.message))
    info: Json = {"@type": f"{_DETAIL}.ErrorInfo", "reason": refusal.error.reason, "domain": DOMAIN, "metadata": {}}
    retry: Json = {"@type": f"{_DETAIL}.RetryInfo", "retry_delay": f"{refusal.retry_after}s"}
    return {
        "code": status.code,
        "message": refusal.message,
        "details": [info, retry] if refusal.retry_after else [info],
    }


def _healthy() -> Json:
    """The health check's 200, which has no body of its own."""
    return {
        "filter": {"and_filter": {"filters": [_status(200), {"header_filter": {"header": path_of(HEALTH, LIVENESS)}}]}},
        "body_format_override": _json({"status": "ok"}),
    }


def _status(status: int, op: str = "EQ") -> Json:
    # Envoy wants a name under which an operator could override the number at run time.
    value = {"default_value": status, "runtime_key": f"gateway.reply.{op.lower()}.{status}"}
    return {"status_code_filter": {"comparison": {"op": op, "value": value}}}


def _json(body: Json) -> Json:
    return {"json_format": body, "content_type": "application/json"}
