"""What the graph is, in plain Python: the stores are held against it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

Pair = tuple[int, int]


@dataclass(slots=True)
class List:
    """A list of users; members and followers by when they came."""

    owner: int
    private: bool
    members: dict[int, int] = field(default_factory=dict)
    followers: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Reference:
    """Relations by pair, each with when it began; `mutes` with when they end as well, 0 for never."""

    now_ms: int
    people: list[int]
    follows: dict[Pair, int] = field(default_factory=dict)
    requests: dict[Pair, int] = field(default_factory=dict)
    blocks: dict[Pair, int] = field(default_factory=dict)
    mutes: dict[Pair, tuple[int, int]] = field(default_factory=dict)
    lists: dict[int, List] = field(default_factory=dict)
    ticks: int = 0

    def follow(self, one: int, other: int, *, protected: bool) -> str:
        if (one, other) in self.follows:
            return "following"
        if self.are_apart(one, other):
            return "forbidden"
        if protected:
            self.requests.setdefault((one, other), self.tick())
            return "requested"
        self.requests.pop((one, other), None)
        self.follows[one, other] = self.tick()
        return "following"

    def unfollow(self, one: int, other: int) -> None:
        self.follows.pop((one, other), None)
        self.requests.pop((one, other), None)

    def accept(self, asked: int, asker: int) -> bool:
        if (asker, asked) in self.follows:
            return True
        if self.requests.pop((asker, asked), None) is None:
            return False
        self.follows[asker, asked] = self.tick()
        return True

    def block(self, one: int, other: int) -> None:
        if (one, other) in self.blocks:
            return
        self.blocks[one, other] = self.tick()
        for pair in ((one, other), (other, one)):
            self.unfollow(*pair)
            for each in self.lists_of(pair[0]):
                each.members.pop(pair[1], None)
                each.followers.pop(pair[1], None)

    def mute(self, one: int, other: int, until_ms: int) -> None:
        began = self.mutes[one, other][0] if self.is_muting(one, other) else self.tick()
        self.mutes[one, other] = (began, until_ms)

    def erase(self, gone: int) -> None:
        self.people.remove(gone)
        for relations in (self.follows, self.requests, self.blocks, self.mutes):
            for pair in [pair for pair in relations if gone in pair]:
                relations.pop(pair)
        self.lists = {list_id: each for list_id, each in self.lists.items() if each.owner != gone}
        for each in self.lists.values():
            each.members.pop(gone, None)
            each.followers.pop(gone, None)

    def are_apart(self, one: int, other: int) -> bool:
        return (one, other) in self.blocks or (other, one) in self.blocks

    def is_muting(self, one: int, other: int) -> bool:
        began, until_ms = self.mutes.get((one, other), (0, 0))
        return bool(began) and (until_ms == 0 or until_ms > self.now_ms)

    def sources(self, viewer: int) -> list[int]:
        followed = [other for one, other in self.follows if one == viewer]
        return sorted([viewer, *(other for other in followed if not self.is_muting(viewer, other))])

    def next_end(self, viewer: int) -> int:
        ends = [until for (one, _), (_, until) in self.mutes.items() if one == viewer and until > self.now_ms]
        return min(ends, default=0)

    def bits(self, one: int, other: int) -> int:
        return (
            1 * ((one, other) in self.follows)
            + 2 * ((other, one) in self.follows)
            + 4 * ((one, other) in self.blocks)
            + 8 * ((other, one) in self.blocks)
            + 16 * self.is_muting(one, other)
        )

    def lists_of(self, owner: int) -> Iterable[List]:
        return [each for each in self.lists.values() if each.owner == owner]

    def tick(self) -> int:
        self.ticks += 1
        return self.ticks


def newest(began: dict[int, int]) -> list[int]:
    """Whoever is in there, the latest first."""
    return sorted(began, key=lambda each: began[each], reverse=True)


def of(relations: dict[Pair, int], pick: Callable[[Pair], int | None]) -> list[int]:
    """Those whom `pick` names of the pairs, the latest first."""
    return newest({named: began for pair, began in relations.items() if (named := pick(pair)) is not None})
