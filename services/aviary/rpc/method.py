"""What the protos say of each method: its types, its path, who may call it, what it counts against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from aviary.api.options.v1 import options_pb2

PUBLIC = options_pb2.ACCESS_PUBLIC
SERVICE = options_pb2.ACCESS_SERVICE


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One RPC; `path` is its gRPC path, `/package.Service/Name`."""

    path: str
    service: str
    name: str
    request: type[Message]
    response: type[Message]
    streams: bool
    access: int
    limit: str
    # The repeated field each of whose elements counts; "" when a call counts once.
    limit_each: str
    deadline_ms: int
    has_key: bool
    # Changes nothing, so that it may be repeated and raced.
    read_only: bool
    # Answers the gateway with JSON, too, under the same name in the service `ready_service`.
    ready_json: bool
    http: Sequence[HttpRule]

    @property
    def group(self) -> str:
        """The service as operators name it, "users": all that one process serves, from one package."""
        return group_of(self.service)

    @property
    def ready_service(self) -> str:
        """The gRPC service whose method of this name answers with an HttpBody."""
        return f"{self.service}Json"


def group_of(service: str) -> str:
    """The service, as operators name it, that the gRPC service `aviary.api.<group>.v1.<Name>` is part of."""
    return service.split(".")[2]


def methods_of(service: ServiceDescriptor) -> Iterator[Method]:
    """Read every method of `service` from its descriptor."""
    for descriptor in service.methods:
        yield _method(service, descriptor)


@cache
def method_at(path: str) -> Method:
    """The method with this gRPC path, of any service whose stub or servicer was imported."""
    service, _, name = path.removeprefix("/").partition("/")
    found = descriptor_pool.Default().FindServiceByName(service)
    return next(method for method in methods_of(found) if method.name == name)


def _method(service: ServiceDescriptor, descriptor: MethodDescriptor) -> Method:
    options = descriptor.GetOptions()
    policy = options.Extensions[options_pb2.policy]
    # The stubs of googleapis say less of the extension than it is.
    rule: HttpRule = options.Extensions[cast(Any, annotations_pb2.http)]
    rules: list[HttpRule] = [rule, *rule.additional_bindings] if rule.WhichOneof("pattern") else []
    return Method(
        path=f"/{service.full_name}/{descriptor.name}",
        service=service.full_name,
        name=descriptor.name,
        request=GetMessageClass(descriptor.input_type),
        response=GetMessageClass(descriptor.output_type),
        streams=descriptor.server_streaming,
        access=policy.access,
        limit=policy.limit,
        limit_each=policy.limit_each,
        deadline_ms=policy.deadline_ms,
        has_key="request_id" in descriptor.input_type.fields_by_name,
        read_only=policy.read_only,
        ready_json=policy.ready_json,
        http=rules,
    )
