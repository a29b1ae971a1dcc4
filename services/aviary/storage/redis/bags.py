"""Rows as Redis holds them: two bags, plain rows in 16 bytes and those with a reference in 32, in any order.

Apart, because then neither needs to be walked to be read.
"""

from __future__ import annotations

import operator
from array import array
from collections.abc import Sequence
from itertools import compress

from aviary._native import MAX_ID, Sources, TimelineStore, merge_rows
from aviary.entries import ROW_BYTES, last_id
from aviary.timelines.store import Piece

PLAIN_BYTES = 16
_WORD = 8
_NOTHING = bytes(PLAIN_BYTES)
# A list on its way through the core is never trimmed there.
_ROOM = 1 << 24


def is_plain(row: bytes) -> bool:
    """Whether a row refers to nothing."""
    return row[PLAIN_BYTES:] == _NOTHING


def split(rows: bytes) -> tuple[bytes, bytes]:
    """Rows as their two bags."""
    columns = _columns(rows, 4)
    refers = [bool(tweet or author) for tweet, author in zip(columns[2], columns[3], strict=True)]
    plain = [array("Q", compress(column, map(operator.not_, refers))) for column in columns[:2]]
    return _woven(plain), _woven([array("Q", compress(column, refers)) for column in columns])


def join(plain: bytes, referring: bytes) -> bytes:
    """The rows of two bags."""
    tweets, authors = _columns(plain, 2)
    none = array("Q", bytes(len(plain) // 2))
    return _woven([tweets, authors, none, none]) + referring


def trimmed(plain: bytes, referring: bytes, *, floor: int, keep: int) -> tuple[bytes, bytes, int]:
    """The bags without repeats and with the newest `keep` of both together, and the id down to which they reach."""
    every = newest(join(plain, referring), floor=floor, upper=MAX_ID, keep=keep + 1)
    if len(every) > keep * ROW_BYTES:
        # Else only repeats have to go, and the list reaches as far down as before.
        floor = last_id(every[:-ROW_BYTES])
    tweets, authors, _, _ = _columns(newest(join(plain, b""), floor=floor, upper=MAX_ID, keep=keep), 4)
    return _woven([tweets, authors]), newest(referring, floor=floor, upper=MAX_ID, keep=keep), floor


def newest(rows: bytes, *, floor: int, upper: int, keep: int) -> bytes:
    """The newest `keep` of the rows in [floor, upper), newest first, each id once."""
    return merge_rows([rows], below=upper, above=max(floor - 1, 0), limit=keep)


def page(
    rows: bytes, *, floor: int, upper: int, sources: Sources, below: int, above: int, limit: int, extra: bytes
) -> Piece:
    """A page of a list that is complete from `floor` up, by the core's own rule: it passes through a store of one."""
    store = TimelineStore(capacity=_ROOM, max_bytes=_ROOM)
    token = store.begin(1, version=0, now_ms=0, upper=upper)
    store.finish(1, token, rows, floor=floor, now_ms=0, upper=upper)
    found = store.page(
        1, version=0, sources=sources, below=below, above=above, limit=limit, extra=extra, now_ms=0, upper=upper
    )
    if found is None:
        raise AssertionError("a list that was just built is ready")
    return Piece(*found)


def _columns(rows: bytes, width: int) -> list[array[int]]:
    # Words are only moved, so their byte order does not matter.
    words = array("Q", rows)
    return [words[at::width] for at in range(width)]


def _woven(columns: Sequence[array[int]]) -> bytes:
    words = array("Q", bytes(sum(map(len, columns)) * _WORD))
    for at, column in enumerate(columns):
        words[at :: len(columns)] = column
    return words.tobytes()
