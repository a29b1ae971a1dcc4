"""The gateway's own refusals, in the one error shape that the services' errors have."""

from __future__ import annotations

from dataclasses import dataclass

from google.rpc import code_pb2

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
from aviary.rpc.status import DOMAIN, INTERNAL
from aviary.settings import Settings

MAX_HEADERS_KB = 60
_RETRY_AFTER_S = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What Envoy answers in place of its own text for a status; `becomes` replaces the status."""

    status: int
    code: int
    reason: str
    # May hold Envoy's %COMMANDS%; LOCAL_REPLY_BODY is what Envoy would have said.
    message: str
    becomes: int | None = None
    retry_after: str = ""
    # Only for requests that carry this header.
    with_header: str = ""


def refusals(settings: Settings) -> list[Refusal]:
    """One for each status that Envoy itself was seen to answer, most particular first."""
    invalid, refused = InvalidInput.reason, Unauthenticated.reason
    unavailable = Unavailable.reason
    return [
        Refusal(
            status=400,
            code=code_pb2.INVALID_ARGUMENT,
            reason=invalid,
            message="the request is malformed: %LOCAL_REPLY_BODY%",
        ),
        Refusal(
            status=401,
            code=code_pb2.UNAUTHENTICATED,
            reason=refused,
            message="the access token was not accepted: %LOCAL_REPLY_BODY%",
        ),
        # Envoy says 403 to one thing only: a token that is for somebody else.
        Refusal(
            status=403,
            becomes=401,
            code=code_pb2.UNAUTHENTICATED,
            reason=refused,
            message="the access token was not accepted: %LOCAL_REPLY_BODY%",
        ),
        Refusal(
            status=404,
            code=code_pb2.NOT_FOUND,
            reason=NotFound.reason,
            message="there is no call %REQ(:METHOD)% %PATH(NQ)%; /openapi.json lists them all",
        ),
        Refusal(
            status=408,
            code=code_pb2.DEADLINE_EXCEEDED,
            reason=DeadlineExceeded.reason,
            message="the request took too long to arrive",
        ),
        Refusal(
            status=413,
            code=code_pb2.INVALID_ARGUMENT,
            reason=invalid,
            message=f"the body is larger than {settings.max_body_bytes} bytes, which is the limit",
        ),
        Refusal(
            status=415,
            code=code_pb2.INVALID_ARGUMENT,
            reason=invalid,
            message="the body's content type is '%REQ(content-type)%'; only application/json is understood",
        ),
        Refusal(
            status=431,
            code=code_pb2.INVALID_ARGUMENT,
            reason=invalid,
            message=f"the headers are larger than {MAX_HEADERS_KB} KiB, which is the limit",
        ),
        Refusal(
            status=429,
            code=code_pb2.RESOURCE_EXHAUSTED,
            reason=RateLimited.reason,
            message=f"the limit of {settings.limit_address_requests} requests in "
            f"{settings.limit_address_requests_window_s} s from one address is used up; "
            "try again in %RESP(retry-after)% s",
            retry_after="%RESP(retry-after)%",
        ),
        *(
            Refusal(
                status=status,
                becomes=503,
                code=code_pb2.UNAVAILABLE,
                reason=unavailable,
                message="the service does not answer; repeat the call under the same key",
                retry_after=str(_RETRY_AFTER_S),
            )
            for status in (502, 503)
        ),
        Refusal(
            status=504,
            code=code_pb2.DEADLINE_EXCEEDED,
            reason=DeadlineExceeded.reason,
            message="the service did not answer in time; repeat the call under the same key",
        ),
        Refusal(status=500, code=code_pb2.INTERNAL, reason=AviaryError.reason, message=INTERNAL),
    ]


def local_replies(settings: Settings) -> Json:
    """The table as Envoy's local_reply_config."""
    return {"mappers": [_health(), *(_mapper(refusal) for refusal in refusals(settings))]}


def _mapper(refusal: Refusal) -> Json:
    headers = [header("retry-after", refusal.retry_after)] if refusal.retry_after else []
    return {
        "filter": _status(refusal.status),
        "status_code": refusal.becomes or refusal.status,
        "headers_to_add": headers,
        "body_format_override": {"json_format": _shape(refusal), "content_type": "application/json"},
    }


def _shape(refusal: Refusal) -> Json:
    kind = "type.googleapis.com/google.rpc"
    details: list[Json] = [
        {"@type": f"{kind}.ErrorInfo", "reason": refusal.reason, "domain": DOMAIN, "metadata": {}}
    ]
    if refusal.retry_after:
        details.append({"@type": f"{kind}.RetryInfo", "retry_delay": f"{refusal.retry_after}s"})
    return {"code": refusal.code, "message": refusal.message, "details": details}


def _status(status: int) -> Json:
    comparison = {"op": "EQ", "value": {"default_value": status, "runtime_key": f"gateway.reply.{status}"}}
    return {"status_code_filter": {"comparison": comparison}}


def _health() -> Json:
    path = {"name": ":path", "string_match": {"safe_regex": {"regex": r"/healthz(\?.*)?"}}}
    return {
        "filter": {"and_filter": {"filters": [_status(200), {"header_filter": {"header": path}}]}},
        "body_format_override": {"json_format": {"status": "ok"}, "content_type": "application/json"},
    }

