"""What the protos' comments say, by the full name of what they stand above."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet

# Field numbers of descriptor.proto, of which a location's path is made.
_MESSAGES, _SERVICES, _FIELDS, _NESTED, _METHODS = 4, 6, 2, 3, 2


def comments(described: FileDescriptorSet) -> Mapping[str, str]:
    """The comment of each service, method, message and field that has one, as Markdown paragraphs."""
    return {name: text for file in described.file for name, text in _of_file(file) if text}


def _of_file(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    texts = {tuple(place.path): _paragraphs(place.leading_comments) for place in file.source_code_info.location}
    for path, name in _places(file):
        yield name, texts.get(path, "")


def _places(file: FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    for index, message in enumerate(file.message_type):
        yield from _in_message((_MESSAGES, index), f"{file.package}.{message.name}", message)
    for index, service in enumerate(file.service):
        name = f"{file.package}.{service.name}"
        yield (_SERVICES, index), name
        for number, method in enumerate(service.method):
            yield (_SERVICES, index, _METHODS, number), f"{name}.{method.name}"


def _in_message(path: tuple[int, ...], name: str, message: DescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    yield path, name
    for index, field in enumerate(message.field):
        yield (*path, _FIELDS, index), f"{name}.{field.name}"
    for index, nested in enumerate(message.nested_type):
        yield from _in_message((*path, _NESTED, index), f"{name}.{nested.name}", nested)


def _paragraphs(comment: str) -> str:
    """Lines that only the editor's width broke are joined; an empty line stays the end of a paragraph."""
    blocks: Sequence[str] = re.split(r"\n\s*\n", comment.strip())
    return "\n\n".join(" ".join(block.split()) for block in blocks)
