"""Follows on ScyllaDB or Cassandra."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from aviary import ids
from aviary.errors import Forbidden
from aviary.graph.store import Change, Counts, Placed, Sources
from aviary.rpc.call import Claim
from aviary.storage.scylla import counting
from aviary.storage.scylla.graph.counting import FOLLOWERS, FOLLOWING
from aviary.storage.scylla.graph.edges import Actor, Kind, Pair, Pairs
from aviary.storage.scylla.graph.places import Places, Shelf
from aviary.storage.scylla.tables import Row
from aviary.storage.scylla.writes import Write, Writer

# What a claim is settled with.
_FOLLOWS_ALREADY, _FOLLOWED, _ASKED, _ASKS_ALREADY = 0, 1, 2, 3
# A question's keys that go in one statement: one that holds many is answered as slowly as the slowest.
_AT_ONCE = 50

_IS_FOLLOWING = "SELECT active FROM edges WHERE owner = ? AND kind = 2 AND member = ?"
_AMONG = "SELECT owner, active FROM edges WHERE owner IN ? AND kind = 2 AND member = ?"
# One read of one partition: with the versions come at least the rows that they speak of. Read apart from the rows,
# the versions of a write could be held with the rows from before it.
_STATE = (
    "SELECT kind, member, active, until_ms, follow_version, sources_version FROM edges WHERE owner = ? AND kind <= ?"
)


class ScyllaGraphStore:
    """Keeps GraphStore's promises; the counts follow the log."""

    def __init__(self, writer: Writer) -> None:
        self._tables = writer.tables
        self._clock = writer.clock
        self._pairs = Pairs(writer)
        self._places = Places(writer.tables)
        self._counts = counting.Counts(writer.tables)

    async def follow(self, follower_id: int, followee_id: int, *, protected: bool, claim: Claim | None) -> Change:
        actor = Actor(follower_id)

        async def activate(_write: Write, pair: Pair) -> int:
            return _ask(pair, followee_id, actor) if protected else _follow(pair, followee_id, actor)

        starts = Kind.REQUEST if protected else Kind.FOLLOW
        result, repeated = await self._pairs.once(claim, follower_id, followee_id, activate, starts=starts)
        changed = result in {_FOLLOWED, _ASKED} and not repeated
        return Change(changed=changed, requested=result in {_ASKED, _ASKS_ALREADY})

    async def unfollow(self, follower_id: int, followee_id: int) -> Change:
        actor = Actor(follower_id)

        async def end(_write: Write, pair: Pair) -> int:
            ended = pair.end_follow(follower_id, actor)
            return pair.close_request(follower_id, actor) or ended

        return Change(changed=await self._pairs.changes(None, follower_id, followee_id, end))

    async def remove_follower(self, user_id: int, follower_id: int) -> Change:
        actor = Actor(user_id)

        async def end(_write: Write, pair: Pair) -> int:
            return pair.end_follow(follower_id, actor)

        return Change(changed=await self._pairs.changes(None, follower_id, user_id, end))

    async def are_following(self, pairs: Sequence[tuple[int, int]]) -> Sequence[bool]:
        return [_is_active(rows) for rows in await self._tables.each(_IS_FOLLOWING, pairs)]

    async def followers(self, user_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._places.newest(user_id, Shelf.FOLLOWERS, below=below, limit=limit)

    async def following(self, user_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._places.newest(user_id, Shelf.FOLLOWING, below=below, limit=limit)

    async def followers_among(self, user_id: int, candidates: Sequence[int]) -> AbstractSet[int]:
        starts = range(0, len(candidates), _AT_ONCE)
        found = await self._tables.each(_AMONG, [(candidates[at : at + _AT_ONCE], user_id) for at in starts])
        return {owner for rows in found for owner, active in rows if active}

    async def follower_ids(self, user_id: int, *, after: int, limit: int) -> tuple[Sequence[int], int]:
        found = await self._places.oldest(user_id, Shelf.FOLLOWERS, after=after, limit=limit)
        return [each.other for each in found], found[-1].position if found else after

    async def few_followers(self, user_ids: Sequence[int], *, most: int) -> Sequence[Sequence[int] | None]:
        found = await asyncio.gather(*(self.follower_ids(each, after=0, limit=most + 1) for each in user_ids))
        return [followers if len(followers) <= most else None for followers, _ in found]

    async def sources(self, viewer_id: int, *, if_version_not: int | None) -> Sources:
        now_ms = self._clock.now_ms()
        if if_version_not is not None:
            # Versions and mutes alone, which are few.
            state = _State.of(await self._tables.rows(_STATE, viewer_id, Kind.MUTE), now_ms)
            if state.sources_version == if_version_not:
                return state.answer(None)
        state = _State.of(await self._tables.rows(_STATE, viewer_id, Kind.FOLLOW), now_ms)
        return state.answer([viewer_id, *(each for each in state.followed if each not in state.muted)])

    async def counts(self, user_ids: Sequence[int]) -> Sequence[Counts]:
        found = await self._counts.of(user_ids)
        counted = [found.get(user_id, {}) for user_id in user_ids]
        return [Counts(each.get(FOLLOWERS, 0), each.get(FOLLOWING, 0)) for each in counted]


@dataclass(slots=True)
class _State:
    """What a viewer's partition says of their sources."""

    follow_version: int
    sources_version: int
    next_end_ms: int
    muted: set[int]
    followed: list[int]

    @classmethod
    def of(cls, rows: Iterable[Row], now_ms: int) -> _State:
        state = cls(0, 0, 0, set(), [])
        for kind, member, active, until_ms, follow, sources in rows:
            if kind == Kind.VERSIONS:
                state._raise(follow or 0, sources or 0)
            elif active and kind == Kind.FOLLOW:
                state.followed.append(member)
            elif active:
                state._take_mute(member, until_ms or 0, now_ms)
        return state

    def answer(self, source_ids: Sequence[int] | None) -> Sources:
        return Sources(
            sources_version=self.sources_version,
            follow_version=self.follow_version,
            ids=source_ids,
            valid_until_ms=self.next_end_ms,
        )

    def _take_mute(self, member: int, until_ms: int, now_ms: int) -> None:
        if 0 < until_ms <= now_ms:
            # It counts as if its end had been written then: below all that was minted since.
            ended = ids.first_at(until_ms) - 1
            self._raise(ended, ended)
            return
        self.muted.add(member)
        if until_ms:
            self.next_end_ms = min(self.next_end_ms or until_ms, until_ms)

    def _raise(self, follow: int, sources: int) -> None:
        self.follow_version = max(self.follow_version, follow)
        self.sources_version = max(self.sources_version, sources)


def _follow(pair: Pair, followee_id: int, actor: Actor) -> int:
    if pair.has(actor.id, Kind.FOLLOW):
        return _FOLLOWS_ALREADY
    _must_not_be_apart(pair, actor.id, followee_id)
    pair.start_follow(actor.id, actor)
    return _FOLLOWED


def _ask(pair: Pair, followee_id: int, actor: Actor) -> int:
    if pair.has(actor.id, Kind.FOLLOW):
        return _FOLLOWS_ALREADY
    if pair.has(actor.id, Kind.REQUEST):
        return _ASKS_ALREADY
    _must_not_be_apart(pair, actor.id, followee_id)
    pair.ask(actor.id, actor)
    return _ASKED


def _must_not_be_apart(pair: Pair, follower_id: int, followee_id: int) -> None:
    if pair.is_apart:
        raise Forbidden(f"user {follower_id} cannot follow user {followee_id}: one of them blocks the other")


def _is_active(rows: Sequence[Row]) -> bool:
    return bool(rows and rows[0][0])
