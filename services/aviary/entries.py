"""Timeline entries as the core keeps them: rows of 32 bytes, flags in the spare top bits of their words."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

ROW_BYTES = 32
_ROW = struct.Struct("<QQQQ")
_TOP_BIT = 1 << 63
_ID = _TOP_BIT - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A tweet in a timeline; `ref_id` and `ref_author_id` are what it replies to or retweets, 0 for neither."""

    id: int
    author_id: int
    ref_id: int = 0
    ref_author_id: int = 0
    is_retweet: bool = False
    # The retweeted original is itself a reply.
    ref_is_reply: bool = False
    has_media: bool = False


def pack(entry: Entry) -> bytes:
    """Encode one entry as a row."""
    return _ROW.pack(
        entry.id,
        entry.author_id | (_TOP_BIT if entry.has_media else 0),
        entry.ref_id | (_TOP_BIT if entry.is_retweet else 0),
        entry.ref_author_id | (_TOP_BIT if entry.ref_is_reply else 0),
    )


def unpack(rows: bytes) -> Iterator[Entry]:
    """Decode rows in their order."""
    for tweet, author, ref, ref_author in _ROW.iter_unpack(rows):
        yield Entry(
            id=tweet,
            author_id=author & _ID,
            ref_id=ref & _ID,
            ref_author_id=ref_author & _ID,
            is_retweet=ref > _ID,
            ref_is_reply=ref_author > _ID,
            has_media=author > _ID,
        )


def last_id(rows: bytes) -> int:
    """Return the id of the last row, without its neighbours being decoded."""
    return int.from_bytes(rows[-ROW_BYTES : -ROW_BYTES + 8], "little")
