"""The REST surface as the protos declare it: one binding for each verb and path."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor import Descriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto
from google.protobuf.message import Message

import aviary.api
from aviary.errors import InvalidInput
from aviary.rpc.method import Method, methods_of

DESCRIPTORS = Path(aviary.api.__path__[0]) / "descriptors.binpb"
VERSIONED, UNVERSIONED = "/api/v1/", "/api/"
_HTTP_BODY = "google/api/httpbody.proto"
_VARIABLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One verb and path template, and the RPC behind it."""

    method: Method
    verb: str
    template: str
    body: bool

    @property
    def variables(self) -> list[str]:
        """The request's fields that the path carries."""
        return _VARIABLE.findall(self.template)

    @property
    def request(self) -> Descriptor:
        return _descriptor(self.method.request)

    @property
    def response(self) -> Descriptor:
        return _descriptor(self.method.response)

    @property
    def writes(self) -> bool:
        return self.verb != "GET"


def read_descriptors(path: Path = DESCRIPTORS) -> FileDescriptorSet:
    """Read the descriptor set. Raises InvalidInput when the file is missing."""
    try:
        return FileDescriptorSet.FromString(path.read_bytes())
    except FileNotFoundError:
        raise InvalidInput(f"{path} does not exist; `make proto` generates it") from None


def methods(described: FileDescriptorSet) -> Iterator[Method]:
    """Every method of the set's own services, in the order of the protos."""
    for file in described.file:
        if file.service and file.name.startswith("aviary/"):
            for service in _generated(file.name).services_by_name.values():
                yield from methods_of(service)


def bindings(methods_: Iterable[Method]) -> list[Binding]:
    """The bindings of `methods_`, in the order of the protos."""
    return [_binding(method, rule) for method in methods_ for rule in method.http]


def with_unversioned_paths(described: FileDescriptorSet) -> FileDescriptorSet:
    """The set as the gateway reads it: `/api/…` beside each `/api/v1/…`, and no comments.

    Envoy's transcoder matches the path before the router could rewrite it, so
    the unversioned paths are further bindings of the same methods.
    """
    aliased = FileDescriptorSet()
    aliased.CopyFrom(described)
    for file in aliased.file:
        file.ClearField("source_code_info")
        for service in file.service:
            for method in service.method:
                # The stubs of googleapis say less of the extension than it is.
                _alias(method.options.Extensions[annotations_pb2.http])  # type: ignore[index]
    return aliased


def with_ready_json(described: FileDescriptorSet) -> FileDescriptorSet:
    """The set with each method that answers with ready JSON bound where it does so, and no longer as itself."""
    # Envoy reads them one by one and must have read what a file needs before: Google's need none of ours.
    ready = FileDescriptorSet(file=sorted(described.file, key=lambda file: file.name.startswith("aviary/")))
    twins = {
        f"{method.service}.{method.name}": method.ready_service for method in methods(described) if method.ready_json
    }
    for file in ready.file:
        for service in list(file.service):
            full_name = f"{file.package}.{service.name}"
            moved = [method for method in service.method if f"{full_name}.{method.name}" in twins]
            if moved:
                _move(moved, file, twins[f"{full_name}.{moved[0].name}"])
    return ready


def _move(methods_: Sequence[MethodDescriptorProto], file: FileDescriptorProto, service: str) -> None:
    twin = file.service.add(name=service.removeprefix(f"{file.package}."))
    for method in methods_:
        twin.method.add().CopyFrom(method)
        twin.method[-1].output_type = ".google.api.HttpBody"
        method.options.ClearExtension(annotations_pb2.http)  # type: ignore[arg-type]
    if _HTTP_BODY not in file.dependency:
        file.dependency.append(_HTTP_BODY)


def _generated(file_name: str) -> FileDescriptor:
    # Through the generated module: options of a message that another pool made don't know our extensions.
    module = importlib.import_module(file_name.removesuffix(".proto").replace("/", ".") + "_pb2")
    descriptor: FileDescriptor = module.DESCRIPTOR
    return descriptor


def _binding(method: Method, rule: HttpRule) -> Binding:
    verb = rule.WhichOneof("pattern") or ""
    template = getattr(rule, verb)
    if not re.fullmatch(r"(/([\w.-]+|\{\w+\}))+", template):
        raise InvalidInput(f"{method.path} is bound to {template}; a path is made of names and {{fields}}")
    if rule.body not in {"", "*"}:
        raise InvalidInput(f"{method.path} is bound to the body {rule.body!r}; only the whole message can be one")
    return Binding(method=method, verb=verb.upper(), template=template, body=bool(rule.body))


def _alias(rule: HttpRule) -> None:
    for bound in [rule, *rule.additional_bindings]:
        verb = bound.WhichOneof("pattern")
        if verb and getattr(bound, verb).startswith(VERSIONED):
            alias = HttpRule(body=bound.body)
            setattr(alias, verb, getattr(bound, verb).replace(VERSIONED, UNVERSIONED, 1))
            rule.additional_bindings.append(alias)


def _descriptor(message: type[Message]) -> Descriptor:
    # One class, which the stubs know by two names.
    return cast("Descriptor", message.DESCRIPTOR)
