"""The timeline store as one would write it down: dictionaries, and sorting at every read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aviary._native import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.native.rows import Row

BUILD_LIMIT_MS = 10_000


@dataclass(slots=True)
class ModelList:
    """One list: rows by id, and what its header says."""

    version: int
    token: int
    since_ms: int
    read_ms: int
    ready: bool = False
    floor: int = 0
    rows: dict[int, Row] = field(default_factory=dict[int, "Row"])


def taken(row: Row, sources: set[int]) -> bool:
    """The rule of home: who is taken, replies only between people one follows, no retweet of what stands by itself."""
    if row.author not in sources:
        return False
    if row.is_retweet:
        return row.of_reply or row.ref_author not in sources
    return row.ref_tweet == 0 or row.ref_author in sources


def merged(
    rows: Iterable[Row], floor: int, below: int, limit: int, keep: Callable[[Row], bool]
) -> tuple[list[Row], int]:
    """Return the newest rows kept within [floor, below), and down to where that is all there is."""
    answer: list[Row] = []
    examined = None
    for row in sorted(rows, key=lambda row: -row.tweet):
        if floor <= row.tweet < below:
            if len(answer) == limit:
                return answer, examined or row.tweet + 1
            examined = row.tweet
            answer += [row] * keep(row)
    return answer, floor


class ModelStore:
    """Every list by (owner, upper)."""

    def __init__(self, capacity: int, idle_ttl_ms: int) -> None:
        self.capacity, self.idle_ttl_ms = capacity, idle_ttl_ms
        self.lists: dict[tuple[int, int], ModelList] = {}

    def state(self, owner: int, now_ms: int, *, version: int | None = None, upper: int = MAX_ID) -> str:
        held = self.lists.get((owner, upper))
        if held is None or now_ms - held.read_ms > self.idle_ttl_ms or version not in {None, held.version}:
            return "absent"
        if held.ready:
            return "ready"
        return "absent" if now_ms - held.since_ms > BUILD_LIMIT_MS else "building"

    def append(self, owners: Iterable[int], rows: list[Row], now_ms: int, within_ms: int) -> int:
        return sum(self._append(owner, rows, now_ms, within_ms) for owner in owners)

    def _append(self, owner: int, rows: list[Row], now_ms: int, within_ms: int) -> int:
        if self.state(owner, now_ms) == "absent":
            self.lists.pop((owner, MAX_ID), None)
            return 0
        held = self.lists[owner, MAX_ID]
        before = len(held.rows)
        if now_ms - held.read_ms <= within_ms:
            for row in rows:
                if row.tweet >= held.floor:
                    held.rows.setdefault(row.tweet, row)
        added = len(held.rows) - before
        self._compact(held)
        return added

    def finish(self, key: tuple[int, int], token: int, rows: list[Row], floor: int, now_ms: int) -> bool:
        owner, upper = key
        if self.state(owner, now_ms, upper=upper) != "building" or self.lists[key].token != token:
            return False
        held = self.lists[key]
        held.floor = max(held.floor, floor)
        for row in rows:
            held.rows.setdefault(row.tweet, row)
        held.rows = {id: row for id, row in held.rows.items() if held.floor <= id < upper}
        held.ready = True
        self._compact(held)
        return True

    def drop_range(self, owner: int, low: int, high: int) -> None:
        for key, held in list(self.lists.items()):
            if key[0] == owner and key[1] == MAX_ID:
                held.floor = max(held.floor, high + 1)
                held.rows = {id: row for id, row in held.rows.items() if id >= held.floor}
            elif key[0] == owner and key[1] > low and held.floor <= high:
                del self.lists[key]

    def forget(self, gone: Callable[[tuple[int, int]], bool]) -> int:
        keys = [key for key in self.lists if gone(key)]
        for key in keys:
            del self.lists[key]
        return len(keys)

    def _compact(self, held: ModelList) -> None:
        if len(held.rows) > self.capacity + self.capacity // 4:
            held.floor = sorted(held.rows)[-self.capacity]
            held.rows = {id: row for id, row in held.rows.items() if id >= held.floor}
