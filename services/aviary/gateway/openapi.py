"""The OpenAPI 3.1 document, made from the protos: paths, types, limits and what the comments say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from aviary.gateway import responses
from aviary.gateway.bindings import Binding, bindings, methods
from aviary.gateway.comments import comments
from aviary.gateway.schemas import Schemas, is_body
from aviary.gateway.xds import Json
from aviary.rpc.method import PUBLIC, Method

_OVERVIEW = """\
A microblogging platform. JSON in snake_case, ids as strings, times in RFC 3339 and UTC. `/api/…` without the version \
is the same as `/api/v1/…`.

Every field of an answer is always present, except optional ids and messages that have no value. Errors have one \
shape, whoever refuses: `code` is the gRPC code, `message` a sentence, `details` hold a machine-readable reason. Lists \
are paged by cursor. A POST may be repeated under the same `Idempotency-Key`: the first answer comes again. A client \
may name itself in `x-client-name` (at most 50 printable characters): sessions and tweets then say so."""
_SYSTEM = "system"


def openapi(described: FileDescriptorSet) -> Json:
    """The whole document; the same descriptors always give the same one."""
    texts = comments(described)
    schemas = Schemas(texts)
    called = [method for method in methods(described) if method.http]
    paths = _paths(bindings(called), schemas, texts)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Aviary",
            "version": "v1",
            "description": _OVERVIEW,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [*_tags(called, texts), {"name": _SYSTEM, "description": "Health, and this description."}],
        "paths": {**paths, **_system_paths()},
        "components": {
            "schemas": dict(sorted({**schemas.components(), **responses.error_schemas()}.items())),
            **responses.components(),
            "parameters": {"IdempotencyKey": _idempotency_key()},
            "securitySchemes": {"token": _token()},
        },
    }


def _paths(bound: Sequence[Binding], schemas: Schemas, texts: Mapping[str, str]) -> Json:
    paths: Json = {}
    named: set[str] = set()
    for binding in bound:
        name = binding.method.name
        operation = _operation(binding, schemas, texts.get(f"{binding.method.service}.{name}", ""))
        # The second path to one method is told apart by its last word.
        last = binding.template.rpartition("/")[2]
        operation["operationId"] = f"{name}{last.title()}" if name in named else name
        named.add(name)
        paths.setdefault(binding.template, {})[binding.verb.lower()] = operation
    return paths


def _operation(binding: Binding, schemas: Schemas, comment: str) -> Json:
    operation: Json = {
        "tags": [_tag(binding.method)],
        "summary": re.split(r"(?<=\.)\s", comment, maxsplit=1)[0].removesuffix("."),
        "description": comment,
        "parameters": list(_parameters(binding, schemas)),
        "responses": responses.responses(binding, _answer(binding, schemas), comment),
    }
    if binding.body:
        operation["requestBody"] = _body(binding, schemas)
    if binding.method.access == PUBLIC:
        operation["security"] = []
    return operation


def _answer(binding: Binding, schemas: Schemas) -> Json:
    """What the good answer holds, by content type."""
    if is_body(binding.response):
        return {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    return {"application/json": {"schema": schemas.answered(binding.response)}}


def _parameters(binding: Binding, schemas: Schemas) -> Iterator[Json]:
    fields = binding.request.fields
    yield from (_parameter(field, "path", schemas) for field in fields if field.name in binding.variables)
    if not binding.body:
        skipped = {*binding.variables, "request_id"}
        yield from (_parameter(field, "query", schemas) for field in fields if field.name not in skipped)
    if binding.method.has_key:
        yield {"$ref": "#/components/parameters/IdempotencyKey"}


def _parameter(field: FieldDescriptor, place: str, schemas: Schemas) -> Json:
    schema = schemas.field(field)
    parameter: Json = {"name": field.name, "in": place, "required": place == "path"}
    if description := schema.pop("description", ""):
        parameter["description"] = description
    if field.is_repeated:
        # Repeated, never joined by commas.
        parameter |= {"style": "form", "explode": True}
    return {**parameter, "schema": schema}


def _body(binding: Binding, schemas: Schemas) -> Json:
    schema = schemas.asked(binding.request, binding.variables)
    return {"required": False, "content": {"application/json": {"schema": schema}}}


def _system_paths() -> Json:
    healthy = {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]}
    unhealthy = {"503": {"$ref": "#/components/responses/UNAVAILABLE"}}
    return {
        "/healthz": _get("Healthz", "Whether calls are answered", _served("application/json", healthy) | unhealthy),
        "/openapi.json": _get("OpenApi", "This description", _served("application/json", {"type": "object"})),
        "/docs": _get("Docs", "This description as a page", _served("text/html", {"type": "string"})),
        "/": _get("Root", "Leads a browser to the documentation", {"302": {"description": "See /docs."}}),
    }


def _get(name: str, summary: str, answers: Json) -> Json:
    operation = {"tags": [_SYSTEM], "summary": summary, "operationId": name, "security": [], "responses": answers}
    return {"get": operation}


def _served(kind: str, schema: Json) -> Json:
    return {"200": {"description": "Done.", "content": {kind: {"schema": schema}}}}


def _tags(called: Sequence[Method], texts: Mapping[str, str]) -> list[Json]:
    services = {_tag(method): method.service for method in called}
    return [{"name": tag, "description": texts.get(service, "")} for tag, service in services.items()]


def _tag(method: Method) -> str:
    """`users`, of `aviary.api.users.v1.UserService`."""
    return method.service.split(".")[-3]


def _token() -> Json:
    return {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `access_token` that register, login and refresh answer; it lives 15 minutes.",
    }


def _idempotency_key() -> Json:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same key and body give the first answer again for 24 h; `request_id` does the same.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
    }
