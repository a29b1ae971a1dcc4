"""Blocks, mutes and follow requests on ScyllaDB or Cassandra."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack

from aviary.errors import NotFound
from aviary.events.v1 import events_pb2
from aviary.graph.store import Placed
from aviary.rpc.call import Claim
from aviary.standing import Standing
from aviary.storage.scylla.graph import roles
from aviary.storage.scylla.graph.edges import Actor, Kind, Pair, Pairs
from aviary.storage.scylla.graph.places import Place, Places, Shelf
from aviary.storage.scylla.tables import Tables
from aviary.storage.scylla.writes import Write, Writer

# Of one statement: servers take some hundred combinations of keys.
_MEMBERS_AT_ONCE, _OWNERS_AT_ONCE = 30, 50
_SAID = "SELECT member, kind, active, until_ms FROM edges WHERE owner = ? AND kind IN (1, 2, 4) AND member IN ?"
_HEARD = "SELECT owner, kind, active FROM edges WHERE owner IN ? AND kind IN (2, 4) AND member = ?"
_ASKS = "SELECT active FROM edges WHERE owner = ? AND kind = 3 AND member = ?"
_SAYING = {Kind.FOLLOW: Standing.FOLLOWING, Kind.BLOCK: Standing.BLOCKING, Kind.MUTE: Standing.MUTING}
_HEARING = {Kind.FOLLOW: Standing.FOLLOWED_BY, Kind.BLOCK: Standing.BLOCKED_BY}


class ScyllaRelationStore:
    """Keeps RelationStore's promises."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._tables = writer.tables
        self._clock = writer.clock
        self._pairs = Pairs(writer)
        self._places = Places(writer.tables)

    async def block(self, owner_id: int, member_id: int, *, claim: Claim | None) -> bool:
        actor = Actor(owner_id)

        async def work(write: Write, pair: Pair) -> bool:
            if pair.has(owner_id, Kind.BLOCK):
                return False
            await end_all(self._writer, stack, write, pair, people=(owner_id, member_id), actor=actor)
            version = pair.rise(owner_id)
            pair.start(owner_id, Kind.BLOCK, version)
            pair.tell(events_pb2.EVENT_TYPE_BLOCKED, owner_id, actor, version)
            return True

        async with AsyncExitStack() as stack:
            return await self._pairs.changes(claim, owner_id, member_id, work, starts=Kind.BLOCK)

    async def unblock(self, owner_id: int, member_id: int) -> bool:
        actor = Actor(owner_id)

        async def work(_write: Write, pair: Pair) -> bool:
            if not pair.has(owner_id, Kind.BLOCK):
                return False
            version = pair.rise(owner_id)
            pair.end(owner_id, Kind.BLOCK, version)
            pair.tell(events_pb2.EVENT_TYPE_UNBLOCKED, owner_id, actor, version)
            return True

        return await self._pairs.changes(None, owner_id, member_id, work)

    async def mute(self, owner_id: int, member_id: int, *, until_ms: int, claim: Claim | None) -> bool:
        actor = Actor(owner_id)

        async def work(_write: Write, pair: Pair) -> bool:
            held = pair.edge(owner_id, Kind.MUTE)
            if held.active and not _has_ended(held.until_ms, self._clock.now_ms()):
                return _take_over(pair, owner_id, until_ms, actor)
            # Readers have seen the end of an old one raise both versions.
            version = pair.rise(owner_id, follow=held.active)
            pair.start(owner_id, Kind.MUTE, version, until_ms=until_ms)
            pair.tell(events_pb2.EVENT_TYPE_MUTED, owner_id, actor, version)
            return True

        return await self._pairs.changes(claim, owner_id, member_id, work, starts=Kind.MUTE)

    async def unmute(self, owner_id: int, member_id: int) -> bool:
        actor = Actor(owner_id)

        async def work(_write: Write, pair: Pair) -> bool:
            held = pair.edge(owner_id, Kind.MUTE)
            if not held.active or _has_ended(held.until_ms, self._clock.now_ms()):
                return False
            version = pair.rise(owner_id, follow=True)
            pair.end(owner_id, Kind.MUTE, version)
            pair.tell(events_pb2.EVENT_TYPE_UNMUTED, owner_id, actor, version)
            return True

        return await self._pairs.changes(None, owner_id, member_id, work)

    async def accept(self, asked_id: int, asker_id: int, *, claim: Claim | None) -> bool:
        actor = Actor(asked_id)

        async def work(_write: Write, pair: Pair) -> bool:
            if pair.has(asker_id, Kind.FOLLOW):
                return False
            _must_ask(pair, asker_id, asked_id)
            pair.start_follow(asker_id, actor)
            return True

        return await self._pairs.changes(claim, asker_id, asked_id, work, starts=Kind.FOLLOW)

    async def deny(self, asked_id: int, asker_id: int, *, claim: Claim | None) -> bool:
        actor = Actor(asked_id)

        async def work(_write: Write, pair: Pair) -> bool:
            _must_ask(pair, asker_id, asked_id)
            return pair.close_request(asker_id, actor)

        return await self._pairs.changes(claim, asker_id, asked_id, work)

    async def asks(self, asker_id: int, asked_id: int) -> bool:
        row = await self._tables.one(_ASKS, asker_id, asked_id)
        return bool(row and row[0])

    async def blocks(self, owner_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._places.newest(owner_id, Shelf.BLOCKS, below=below, limit=limit)

    async def mutes(self, owner_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        now_ms = self._clock.now_ms()

        def lasts(place: Place) -> bool:
            return not _has_ended(place.until_ms, now_ms)

        return await self._places.newest(owner_id, Shelf.MUTES, below=below, limit=limit, shown=lasts)

    async def requests(self, asked_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._places.newest(asked_id, Shelf.ASKED_BY, below=below, limit=limit)

    async def standings(self, viewer_id: int, user_ids: Sequence[int]) -> Sequence[Standing]:
        asked = list(dict.fromkeys(user_ids))
        said, heard = await asyncio.gather(
            self._tables.each(_SAID, [(viewer_id, some) for some in _pieces(asked, _MEMBERS_AT_ONCE)]),
            self._tables.each(_HEARD, [(some, viewer_id) for some in _pieces(asked, _OWNERS_AT_ONCE)]),
        )
        now_ms = self._clock.now_ms()
        found: dict[int, Standing] = defaultdict(lambda: Standing(0))
        for user_id, kind, active, until_ms in (row for rows in said for row in rows):
            if active and not _has_ended(until_ms or 0, now_ms):
                found[user_id] |= _SAYING[kind]
        for user_id, kind, active in (row for rows in heard for row in rows):
            if active:
                found[user_id] |= _HEARING[kind]
        return [found[user_id] for user_id in user_ids]


async def end_all(
    writer: Writer, stack: AsyncExitStack, write: Write, pair: Pair, *, people: tuple[int, int], actor: Actor
) -> bool:
    """End what a block ends, both ways: follows, requests, and roles on each other's lists; tell whether any was.

    Until `stack` is closed, no turn of this process changes those lists.
    """
    ended = False
    for one in people:
        ended |= pair.end_follow(one, actor)
        ended |= pair.close_request(one, actor)
    both = [(people[0], people[1]), (people[1], people[0])]
    between = await asyncio.gather(*(_lists_between(writer.tables, *each) for each in both))
    found = sorted((list_id, user) for (_, user), some in zip(both, between, strict=True) for list_id in some)
    for list_id, _ in found:
        await stack.enter_async_context(writer.locks.hold(f"list:{list_id}"))
    for list_id, user in found:
        ended |= await _leave(writer.tables, write, list_id, user, actor)
    return ended


async def _lists_between(tables: Tables, owner_id: int, user_id: int) -> list[int]:
    """Return those of an owner's lists that the user is on or follows."""
    owned = await roles.lists_of(tables, owner_id)
    found = await asyncio.gather(*(roles.held(tables, each, user_id) for each in owned))
    return [each for each, held in zip(owned, found, strict=True) if any(was.active for was in held.values())]


async def _leave(tables: Tables, write: Write, list_id: int, user_id: int, actor: Actor) -> bool:
    head, held = await asyncio.gather(roles.head(tables, list_id), roles.held(tables, list_id, user_id))
    if head is None:
        return False
    ending = [(role, was) for role, was in held.items() if was.active]
    for role, was in ending:
        head = roles.leave(write, role, head, was, user_id=user_id, actor=actor, in_turn=False)
    return bool(ending)


def _take_over(pair: Pair, owner_id: int, until_ms: int, actor: Actor) -> bool:
    if pair.edge(owner_id, Kind.MUTE).until_ms == until_ms:
        return False
    version = pair.rise(owner_id, follow=True)
    pair.end_at(owner_id, until_ms, version)
    pair.tell(events_pb2.EVENT_TYPE_MUTED, owner_id, actor, version)
    return True


def _has_ended(until_ms: int, now_ms: int) -> bool:
    return 0 < until_ms <= now_ms


def _must_ask(pair: Pair, asker_id: int, asked_id: int) -> None:
    if not pair.has(asker_id, Kind.REQUEST):
        raise NotFound(f"user {asker_id} does not ask to follow user {asked_id}")


def _pieces(user_ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for at in range(0, len(user_ids), size):
        yield user_ids[at : at + size]
