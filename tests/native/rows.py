"""Packed ids and rows, written and read the plain way."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FLAG = 1 << 63


@dataclass(frozen=True, slots=True)
class Row:
    """A timeline entry."""

    tweet: int
    author: int = 1
    ref_tweet: int = 0
    ref_author: int = 0
    has_media: bool = False
    is_retweet: bool = False
    of_reply: bool = False

    def packed(self) -> bytes:
        return struct.pack(
            "<4Q",
            self.tweet,
            self.author | FLAG * self.has_media,
            self.ref_tweet | FLAG * self.is_retweet,
            self.ref_author | FLAG * self.of_reply,
        )


def pack_ids(ids: Iterable[int]) -> bytes:
    return b"".join(struct.pack("<Q", id) for id in ids)


def pack(rows: Iterable[Row]) -> bytes:
    return b"".join(row.packed() for row in rows)


def unpack(data: bytes) -> list[Row]:
    return [
        Row(
            tweet,
            author & ~FLAG,
            ref_tweet & ~FLAG,
            ref_author & ~FLAG,
            has_media=bool(author & FLAG),
            is_retweet=bool(ref_tweet & FLAG),
            of_reply=bool(ref_author & FLAG),
        )
        for tweet, author, ref_tweet, ref_author in struct.iter_unpack("<4Q", data)
    ]
