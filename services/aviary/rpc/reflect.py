"""One gRPC call without stubs: types by reflection, messages as JSON."""

from __future__ import annotations

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from aviary.errors import InvalidInput, NotFound
from aviary.rpc.status import from_rpc_error

_TIMEOUT_S = 10


def call(address: str, method: str, body: str, *, token: str) -> str:
    """Call `package.Service/Method` at `address` with a JSON body; returns the answers as JSON, one after another."""
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    with grpc.insecure_channel(address) as channel:
        try:
            descriptor = _find(channel, method)
            # To the wire a single answer is a stream of one.
            invoke: grpc.UnaryStreamMultiCallable[Message, Message] = channel.unary_stream(
                f"/{descriptor.containing_service.full_name}/{descriptor.name}",
                request_serializer=_serialized,
                response_deserializer=GetMessageClass(descriptor.output_type).FromString,
            )
            answers = list(invoke(_request(descriptor, body), metadata=metadata, timeout=_TIMEOUT_S))
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
    return "\n".join(json_format.MessageToJson(each, preserving_proto_field_name=True) for each in answers)


def _find(channel: grpc.Channel, method: str) -> MethodDescriptor:
    service_name, _, method_name = method.strip("/").partition("/")
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    try:
        return pool.FindServiceByName(service_name).methods_by_name[method_name]
    except KeyError:
        raise NotFound(f"the server has no method {method}") from None


def _serialized(request: Message) -> bytes:
    return request.SerializeToString()


def _request(descriptor: MethodDescriptor, body: str) -> Message:
    try:
        return json_format.Parse(body, GetMessageClass(descriptor.input_type)())
    except json_format.ParseError as error:
        raise InvalidInput(f"the body is no {descriptor.input_type.full_name}: {error}") from None
