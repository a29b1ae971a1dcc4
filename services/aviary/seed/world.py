"""The world to load: how many people, who follows whom, and what they say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

Edge = tuple[int, int]


@dataclass(frozen=True, slots=True)
class World:
    """People are numbered from 0; an edge is (follower, followed), without repeats and without self."""

    people: int
    follows: tuple[Edge, ...]
    texts: tuple[str, ...]

    def digest(self) -> str:
        """Equal for equal worlds, so that a journal can refuse to go on with another one."""
        content = json.dumps([self.people, self.follows, self.texts])
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def read_edges(path: Path, *, directed: bool = False) -> tuple[int, tuple[Edge, ...]]:
    """The number of people and the follows of an edge list.

    Lines are "a b" with any labels; further columns, comments, self-loops and repeats are passed over.
    An undirected edge is a follow each way; a directed one is a following b. Raises ValueError for a
    line with one column and for a file without edges.
    """
    numbers: dict[str, int] = {}
    edges = [
        (numbers.setdefault(a, len(numbers)), numbers.setdefault(b, len(numbers))) for a, b in _labels(path) if a != b
    ]
    if not edges:
        raise ValueError(f"{path} holds no edge")
    both = edges if directed else chain.from_iterable(((a, b), (b, a)) for a, b in edges)
    return len(numbers), tuple(dict.fromkeys(both))


def _labels(path: Path) -> Iterator[tuple[str, str]]:
    rows = list(_rows(path))
    yield from rows[1:] if _is_header(rows[:2]) else rows


def _rows(path: Path) -> Iterator[tuple[str, str]]:
    sizes_follow = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith(("#", "%")):
            # Matrix Market puts a line of sizes after its comments, which looks like an edge.
            sizes_follow |= line.startswith("%%MatrixMarket")
            continue
        columns = line.replace(",", " ").split()
        if len(columns) == 1:
            raise ValueError(f"{path} line {number} has one column; an edge needs two")
        if columns and not sizes_follow:
            yield columns[0], columns[1]
        sizes_follow &= not columns


def _is_header(rows: list[tuple[str, str]]) -> bool:
    """Whether words stand above numbers."""
    words_then_numbers = [all(label.isdecimal() for label in row) for row in rows]
    return words_then_numbers == [False, True]
