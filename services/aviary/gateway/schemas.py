"""JSON Schema for the messages as the transcoder reads and prints them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from aviary.errors import InvalidInput
from aviary.gateway.xds import Json
from aviary.paging import DEFAULT_LIMIT, MAX_LIMIT

_ID: Json = {"type": "string", "format": "int64"}
_SCALARS: Mapping[int, Json] = {
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.CPPTYPE_UINT32: {"type": "integer", "format": "int64", "minimum": 0},
    # Beyond what a JavaScript number holds exactly: a string.
    FieldDescriptor.CPPTYPE_INT64: _ID,
    FieldDescriptor.CPPTYPE_UINT64: _ID,
    FieldDescriptor.CPPTYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.CPPTYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
}
# Messages that JSON writes otherwise than as objects of their fields.
_SPECIAL: Mapping[str, Json] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    # What else it must be is said beside it and checked by the service.
    "google.protobuf.Value": {},
}
_BODY = "google.api.HttpBody"
# Fields that mean the same in every request that has them.
_EVERYWHERE: Mapping[str, Json] = {
    "limit": {
        "description": "How many items a page has at most.",
        "minimum": 1,
        "maximum": MAX_LIMIT,
        "default": DEFAULT_LIMIT,
    },
    "cursor": {"description": "The `next_cursor` of the page before; none for the first page."},
    "since_id": {"description": "Only what is newer than this id, newest first, paged down to it."},
}
_LENGTH = re.compile(r"(\d+)-(\d+) characters")
_AT_MOST = re.compile(r"[Aa]t most (\d+) characters")
_ALPHABET = re.compile(r"(\d+)-(\d+) of (\[[^\]]+\])")
_WORD = r'"(\w+)"'
_CHOICES = re.compile(rf"{_WORD}(?: \(the default\)|, the default)?(?:(?:,| or) {_WORD}(?: \(the default\))?)*\.")


def is_body(message: Descriptor) -> bool:
    """Tell whether an answer is sent as it is, under a content type of its own, instead of as JSON."""
    return message.full_name == _BODY


class Schemas:
    """Collects a schema for each message that is asked for, and for those that it refers to."""

    def __init__(self, comments: Mapping[str, str]) -> None:
        self._comments = comments
        self._answered: dict[str, Descriptor] = {}
        self._asked: dict[str, Descriptor] = {}

    def answered(self, message: Descriptor) -> Json:
        """A reference to `message` as an answer, in which every field without presence is printed."""
        self._collect(message, self._answered)
        return _reference(message)

    def asked(self, message: Descriptor, said_elsewhere: Collection[str] = ()) -> Json:
        """`message` as a request, in which any field may be left out, and those in `said_elsewhere` are."""
        if not said_elsewhere:
            self._collect(message, self._asked)
            return _reference(message)
        fields = [field for field in message.fields if field.name not in said_elsewhere]
        for field in fields:
            self._collect_type(field, self._asked)
        return {"type": "object", "properties": {field.name: self.field(field) for field in fields}}

    def components(self) -> Json:
        """All collected schemas by name. Raises InvalidInput when two messages share one."""
        merged = self._asked | self._answered
        names = [message.name for message in merged.values()]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InvalidInput(f"two messages are called {twice[0]}; the public API needs one name for each")
        return {message.name: self._object(message) for message in sorted(merged.values(), key=lambda one: one.name)}

    def field(self, field: FieldDescriptor) -> Json:
        """The schema of one field: its type, and what its comment says of its limits."""
        schema = _repeated(field) if field.is_repeated else _single(field)
        comment = self._comments.get(field.full_name, "")
        limits = _limits(comment) if field.cpp_type == FieldDescriptor.CPPTYPE_STRING and not field.is_repeated else {}
        described = {"description": comment} if comment else {}
        usual = _EVERYWHERE.get(field.name, {}) if field.full_name.endswith(f"Request.{field.name}") else {}
        return {**schema, **usual, **limits, **described}

    def _object(self, message: Descriptor) -> Json:
        schema: Json = {"type": "object", "properties": {field.name: self.field(field) for field in message.fields}}
        if comment := self._comments.get(message.full_name):
            schema["description"] = comment
        if message.full_name in self._answered:
            required = [field.name for field in message.fields if field.is_repeated or not field.has_presence]
            schema |= {"required": required} if required else {}
        return schema

    def _collect(self, message: Descriptor, into: dict[str, Descriptor]) -> None:
        if message.full_name in into or message.full_name in _SPECIAL:
            return
        if not message.GetOptions().map_entry:
            into[message.full_name] = message
        for field in message.fields:
            self._collect_type(field, into)

    def _collect_type(self, field: FieldDescriptor, into: dict[str, Descriptor]) -> None:
        if field.message_type is not None:
            self._collect(field.message_type, into)


def _repeated(field: FieldDescriptor) -> Json:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {"type": "object", "additionalProperties": _single(field.message_type.fields_by_name["value"])}
    listed: Json = {"type": "array", "items": _single(field)}
    return listed | ({"maxItems": MAX_LIMIT} if field.name == "ids" else {})


def _single(field: FieldDescriptor) -> Json:
    if field.message_type is not None:
        if (special := _SPECIAL.get(field.message_type.full_name)) is not None:
            return dict(special)
        return _reference(field.message_type)
    if field.enum_type is not None:
        return {"type": "string", "enum": [value.name for value in field.enum_type.values]}
    if field.type == FieldDescriptor.TYPE_BYTES:
        return {"type": "string", "contentEncoding": "base64"}
    return dict(_SCALARS[field.cpp_type])


def _reference(message: Descriptor) -> Json:
    return {"$ref": f"#/components/schemas/{message.name}"}


def _limits(comment: str) -> Json:
    """What a comment says in the words that the protos always use for it."""
    if alphabet := _ALPHABET.search(comment):
        shortest, longest, characters = alphabet.groups()
        return {"pattern": f"^{characters}{{{shortest},{longest}}}$"}
    if length := _LENGTH.search(comment):
        shortest = 0 if "when empty" in comment else int(length[1])
        return {"minLength": shortest, "maxLength": int(length[2])}
    if most := _AT_MOST.search(comment):
        return {"maxLength": int(most[1])}
    if choices := _CHOICES.match(comment):
        words = re.findall(_WORD, choices[0])
        return {"enum": words} | ({"default": words[0]} if "the default" in choices[0] else {})
    return {}
