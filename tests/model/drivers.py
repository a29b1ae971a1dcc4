"""One way to call the product by an RPC's name, over gRPC or over REST: the model cannot tell which."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast
from urllib.parse import quote

import aiohttp
import grpc.aio
from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf import descriptor_pool, json_format
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from aviary.api.graph.v1 import lists_pb2, relations_pb2
from aviary.api.timelines.v1 import timelines_pb2
from aviary.api.tweets.v1 import drafts_pb2, engagement_pb2
from aviary.api.users.v1 import accounts_pb2, admin_pb2

_FILES = (accounts_pb2, admin_pb2, drafts_pb2, engagement_pb2, lists_pb2, relations_pb2, timelines_pb2)
_MORE = ("aviary/api/users/v1/users.proto", "aviary/api/tweets/v1/tweets.proto", "aviary/api/graph/v1/graph.proto")
_CODES = {code.value[0]: code.name for code in grpc.StatusCode}


def _methods() -> Iterator[MethodDescriptor]:
    pool = descriptor_pool.Default()
    for file in [pool.FindFileByName(each.DESCRIPTOR.name) for each in _FILES] + [*map(pool.FindFileByName, _MORE)]:
        for service in file.services_by_name.values():
            yield from service.methods


METHODS: Mapping[str, MethodDescriptor] = {method.name: method for method in _methods()}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status by its gRPC name, and what was answered with it: the empty message when that isn't OK."""

    code: str
    # One of as many generated classes as there are RPCs.
    message: Any
    # Why not, in the product's words.
    why: str = ""


class Driver(Protocol):
    """A caller of the public API."""

    async def call(self, token: str, rpc: str, request: Message) -> Answer:
        """Call as the bearer of the token."""

    async def close(self) -> None:
        """Let go of the connections."""


class Grpc:
    """As an internal service calls."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address)

    async def call(self, token: str, rpc: str, request: Message) -> Answer:
        method = METHODS[rpc]
        answer = _answer_of(method)
        stub: grpc.aio.UnaryUnaryMultiCallable[Message, Message] = self._channel.unary_unary(
            f"/{method.containing_service.full_name}/{rpc}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        try:
            return Answer("OK", await stub(request, metadata=(("authorization", f"Bearer {token}"),), timeout=30))
        except grpc.aio.AioRpcError as error:
            return Answer(error.code().name, answer(), str(error.details()))

    async def close(self) -> None:
        await self._channel.close()


class Rest:
    """As a web client calls: every RPC by the path that its proto gives it, in JSON."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = aiohttp.ClientSession()

    async def call(self, token: str, rpc: str, request: Message) -> Answer:
        method = METHODS[rpc]
        verb, path, has_body = _binding(method, request)
        in_path = set(re.findall(r"{(\w+)}", path))
        for name in in_path:
            path = path.replace(f"{{{name}}}", quote(str(getattr(request, name)), safe=""))
        rest = json_format.MessageToDict(request, preserving_proto_field_name=True)
        rest = {name: value for name, value in rest.items() if name not in in_path}
        async with self._session.request(
            verb,
            self._url + path,
            headers={"authorization": f"Bearer {token}"} if token else {},
            json=rest if has_body else None,
            params=None if has_body else list(_query(rest)),
        ) as response:
            body = await response.json()
        answer = _answer_of(method)()
        if response.status != 200:
            return Answer(_CODES[body["code"]], answer, body["message"])
        return Answer("OK", json_format.ParseDict(body, answer))

    async def close(self) -> None:
        await self._session.close()


def request_of(rpc: str, fields: Mapping[str, Any]) -> Message:
    """The request of an RPC; fields that are None are left out."""
    message: Message = GetMessageClass(METHODS[rpc].input_type)(
        **{name: value for name, value in fields.items() if value is not None}
    )
    return message


def _answer_of(method: MethodDescriptor) -> type[Message]:
    return GetMessageClass(method.output_type)


def _binding(method: MethodDescriptor, request: Message) -> tuple[str, str, bool]:
    """The most telling of an RPC's paths: the last whose variables were all sent."""
    # The stubs of both packages disagree about what an extension is.
    rule: HttpRule = method.GetOptions().Extensions[cast(Any, annotations_pb2.http)]
    fields = method.input_type.fields_by_name
    for each in (*reversed(rule.additional_bindings), rule):
        verb = each.WhichOneof("pattern") or ""
        path = getattr(each, verb)
        if each is rule or all(_is_sent(request, fields[name]) for name in re.findall(r"{(\w+)}", path)):
            return verb.upper(), path, bool(each.body)
    raise AssertionError(f"{method.full_name} has no path")


def _is_sent(request: Message, field: FieldDescriptor) -> bool:
    return bool(getattr(request, field.name))


def _query(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            yield name, str(each)
