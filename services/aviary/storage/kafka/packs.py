"""Records of Kafka: one event each, or many packed into one, for a record costs more than what is in it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

# A pack's header says how many are in it.
PACKED = "packed"
TRACEPARENT = "traceparent"
MOST = 512
_MOST_BYTES = 512 * 1024
_FRAME = struct.Struct(">qI")
_KEY = struct.Struct(">q")
Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Item:
    """What is kept under a key; `traceparent` is for those who look at the topic with other tools.

    One with headers travels alone.
    """

    key: int
    body: bytes
    traceparent: str = ""
    headers: tuple[tuple[str, bytes], ...] = ()


class Raw(NamedTuple):
    """A record as it came, and how many items are in it."""

    offset: int
    items: int
    key: bytes
    value: bytes


def share(items: Sequence[Item]) -> int:
    """Return how many of the first items fit into one record."""
    size = 0
    for place, item in enumerate(items[:MOST]):
        size += _FRAME.size + len(item.body)
        if size > _MOST_BYTES or item.headers:
            return max(place, 1)
    return min(len(items), MOST)


def pack(items: Sequence[Item]) -> tuple[bytes, bytes, Headers]:
    """Return the key, the value and the headers of a record that holds the items."""
    first = items[0]
    if len(items) == 1:
        traced = [(TRACEPARENT, first.traceparent.encode())] if first.traceparent else []
        return _KEY.pack(first.key), first.body, [*traced, *first.headers]
    value = b"".join(_FRAME.pack(item.key, len(item.body)) + item.body for item in items)
    return _KEY.pack(first.key), value, [(PACKED, str(len(items)).encode())]


def count(headers: Sequence[tuple[str, bytes]]) -> int:
    """Return how many items a record with these headers holds."""
    return next((int(value) for name, value in headers if name == PACKED), 0) or 1


def unpack(raw: Raw) -> list[tuple[int, bytes]]:
    """Return the key and the body of each item in a record."""
    if raw.items == 1:
        return [(_KEY.unpack(raw.key)[0], raw.value)]
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(raw.value):
        key, size = _FRAME.unpack_from(raw.value, at)
        at += _FRAME.size
        found.append((key, raw.value[at : at + size]))
        at += size
    return found
