"""Rows, ids and texts for the core's benchmarks, made from fixed seeds."""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def packed_ids(ids: Sequence[int]) -> bytes:
    """Pack ids as little-endian words."""
    return struct.pack(f"<{len(ids)}Q", *ids)


def plain_rows(author: int, ids: Sequence[int]) -> bytes:
    """Pack original tweets of one author."""
    return b"".join(struct.pack("<4Q", tweet, author, 0, 0) for tweet in ids)


def row_ids(rows: bytes) -> list[int]:
    """Read the tweets' ids out of packed rows."""
    return [row[0] for row in struct.iter_unpack("<4Q", rows)]


def spread_lists(lists: int, length: int, *, seed: int = 7) -> list[list[int]]:
    """Make `lists` lists of `length` ids each, newest first, interleaved as those of active people are."""
    rng = random.Random(seed)
    ids = rng.sample(range(1, 1_000_000_000), lists * length)
    return [sorted(ids[at * length : (at + 1) * length], reverse=True) for at in range(lists)]


def skewed_keys(count: int, *, vocabulary: int = 50_000, seed: int = 7) -> list[str]:
    """Draw hashtags by Zipf's law: the second is used half as often as the first, the third a third as often."""
    rng = random.Random(seed)
    weights = [1 / rank for rank in range(1, vocabulary + 1)]
    return [f"topic{rank}" for rank in rng.choices(range(1, vocabulary + 1), weights, k=count)]


def texts(count: int, *, seed: int = 7) -> list[str]:
    """Make texts of some 100 characters, of which many name people, tags and addresses."""
    rng = random.Random(seed)
    words = ["coffee", "morning", "release", "today", "привет", "日本語", "naïve", "again", "the", "of", "😀"]
    names = ["@ada_l", "#rust", "https://example.com/a/b?c=d", "example.org/x", "$TEST", "#日本語", "@grace/people"]
    return [" ".join(rng.choices(words, k=14) + rng.choices(names, k=2)) for _ in range(count)]
