"""The one table between Aviary's exceptions and gRPC: status, reason and details, both ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from aviary.errors import (
    AviaryError,
    Conflict,
    DeadlineExceeded,
    FailedPrecondition,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
)

DOMAIN = "aviary"
INTERNAL = "internal error"

_CODES: dict[type[AviaryError], int] = {
    InvalidInput: code_pb2.INVALID_ARGUMENT,
    Unauthenticated: code_pb2.UNAUTHENTICATED,
    Forbidden: code_pb2.PERMISSION_DENIED,
    NotFound: code_pb2.NOT_FOUND,
    Conflict: code_pb2.ALREADY_EXISTS,
    FailedPrecondition: code_pb2.FAILED_PRECONDITION,
    RateLimited: code_pb2.RESOURCE_EXHAUSTED,
    Unavailable: code_pb2.UNAVAILABLE,
    DeadlineExceeded: code_pb2.DEADLINE_EXCEEDED,
}
_ERRORS = {code: kind for kind, code in _CODES.items()}


def to_status(error: AviaryError) -> status_pb2.Status:
    """Return what leaves the process for `error`."""
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)]
    if isinstance(error, InvalidInput) and error.fields:
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(field=name, description=text)
                    for name, text in error.fields.items()
                ]
            )
        )
    if error.retry_after_s is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(int(error.retry_after_s * 1000))
        details.append(retry)
    code = _CODES.get(type(error), code_pb2.INTERNAL)
    return status_pb2.Status(code=code, message=error.message, details=[_packed(detail) for detail in details])


def from_rpc_error(error: grpc.RpcError) -> AviaryError:
    """Return the exception that the other process raised, so that a caller cannot tell where it ran."""
    if not isinstance(error, grpc.Call | grpc.aio.AioRpcError):
        return AviaryError(INTERNAL)
    kind = _ERRORS.get(error.code().value[0], AviaryError)
    status: status_pb2.Status | None = rpc_status.from_call(error)  # type: ignore[arg-type]
    raised = kind(error.details() or INTERNAL)
    for detail in _details(status):
        _read_detail(raised, detail)
    return raised


def is_told(error: grpc.aio.AioRpcError) -> bool:
    """Whether one of our handlers raised this; else it is the connection's."""
    return rpc_status.from_call(error) is not None  # type: ignore[arg-type]


def _details(status: Any) -> Sequence[any_pb2.Any]:  # noqa: ANN401 - googleapis has no types for the field
    return status.details if status else ()


def _read_detail(raised: AviaryError, detail: any_pb2.Any) -> None:
    retry, bad = error_details_pb2.RetryInfo(), error_details_pb2.BadRequest()
    if detail.Unpack(retry):
        raised.retry_after_s = retry.retry_delay.ToMilliseconds() / 1000
    elif isinstance(raised, InvalidInput) and detail.Unpack(bad):
        raised.fields = {violation.field: violation.description for violation in bad.field_violations}


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
