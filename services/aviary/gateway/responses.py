"""What the description says of answers in general: the error shape, each error's status, and the headers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aviary.gateway.bindings import Binding
from aviary.gateway.xds import Json
from aviary.rpc.method import PUBLIC

# gRPC's name for an error, by which the comments speak of it; the status that a client sees; what it means.
ERRORS: Mapping[str, tuple[int, str]] = {
    "INVALID_ARGUMENT": (400, "Malformed, too long or out of range; `details` name the fields."),
    "UNAUTHENTICATED": (401, "No token, or one that is expired, forged, revoked or for another audience."),
    "PERMISSION_DENIED": (403, "Not yours, or not allowed to you."),
    "NOT_FOUND": (404, "Missing, or not visible to you."),
    "ALREADY_EXISTS": (409, "A name is taken, or the key was used with another body."),
    "BODY_TOO_LARGE": (413, "The body is larger than the limit."),
    "CONTENT_TYPE": (415, "The body is not application/json."),
    "RESOURCE_EXHAUSTED": (429, "A limit is used up, or the platform is overloaded; `retry-after` says for how long."),
    "INTERNAL": (500, "A fault of the platform."),
    "UNAVAILABLE": (503, "A part of the platform does not answer; safe to repeat under the same key."),
    "DEADLINE_EXCEEDED": (504, "The outcome is unknown; repeat under the same key."),
}
_ALWAYS = frozenset({"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED"})
_LIMITS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


def responses(binding: Binding, answer: Json, comment: str) -> Json:
    """All answers of one call: the good one by content type, and the errors that any or this one may meet."""
    named = _ALWAYS | {name for name in ERRORS if re.search(rf"\b{name}\b", comment)}
    if binding.method.access != PUBLIC:
        named |= {"UNAUTHENTICATED"}
    if binding.body:
        named |= {"BODY_TOO_LARGE", "CONTENT_TYPE"}
    if binding.method.has_key:
        named |= {"ALREADY_EXISTS"}
    success = {
        "description": "Done.",
        "headers": _references("headers", *_LIMITS, "x-request-id"),
        "content": answer,
    }
    refused = {str(status): _reference("responses", name) for name, (status, _) in ERRORS.items() if name in named}
    return {"200": success, **refused}


def components() -> Json:
    """What the answers refer to, but for the messages' schemas."""
    return {
        "responses": {name: _error(text) for name, (_, text) in ERRORS.items()},
        "headers": {
            "x-ratelimit-limit": _whole("How many calls the limit allows that counted this one."),
            "x-ratelimit-remaining": _whole("How many of them are left."),
            "x-ratelimit-reset": _whole("Seconds until some come back."),
            "retry-after": _whole("Seconds to wait; with 429 and 503."),
            "x-request-id": {"description": "Names this request in the platform's logs.", "schema": {"type": "string"}},
        },
    }


def error_schemas() -> Json:
    """The one error shape."""
    violation = {name: {"type": "string"} for name in ("field", "description", "reason")}
    detail = {
        "@type": {"type": "string"},
        "reason": {"type": "string", "description": "Of google.rpc.ErrorInfo: what went wrong, for programs."},
        "domain": {"type": "string"},
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
        "field_violations": {
            "type": "array",
            "description": "Of google.rpc.BadRequest: each field that is wrong, and what it must be.",
            "items": {"type": "object", "properties": violation},
        },
        "retry_delay": {"type": "string", "description": "Of google.rpc.RetryInfo: such as `1.5s`."},
    }
    error = {
        "code": {"type": "integer", "description": "The gRPC status code."},
        "message": {"type": "string", "description": "A sentence that holds the value and the limit."},
        "details": {"type": "array", "items": _reference("schemas", "ErrorDetail")},
    }
    return {
        "Error": {"type": "object", "properties": error, "required": list(error)},
        "ErrorDetail": {"type": "object", "properties": detail, "required": ["@type"]},
    }


def _error(text: str) -> Json:
    return {
        "description": text,
        "headers": _references("headers", *_LIMITS, "retry-after", "x-request-id"),
        "content": {"application/json": {"schema": _reference("schemas", "Error")}},
    }


def _whole(text: str) -> Json:
    return {"description": text, "schema": {"type": "integer"}}


def _references(kind: str, *names: str) -> Json:
    return {name: _reference(kind, name) for name in names}


def _reference(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}
