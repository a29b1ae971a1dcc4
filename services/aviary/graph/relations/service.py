"""The decisions about blocks, mutes and follow requests."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from aviary.clock import Clock
from aviary.errors import InvalidInput
from aviary.graph.regard import Regards
from aviary.graph.relations.store import RelationStore
from aviary.graph.service import must_differ
from aviary.graph.store import Placed
from aviary.graph.walk import walk
from aviary.paging import Page, PageRequest
from aviary.rpc.call import Claim
from aviary.standing import Standing


class RelationService:
    """Blocks, mutes and follow requests, and how two people stand to each other."""

    def __init__(self, store: RelationStore, regards: Regards, clock: Clock) -> None:
        self._store = store
        self._regards = regards
        self._clock = clock

    async def block(self, user_id: int, other_id: int, *, claim: Claim | None) -> bool:
        """Block somebody; tell whether they were not."""
        must_differ(user_id, other_id, "block")
        await self._regards.account(other_id)
        return await self._store.block(user_id, other_id, claim=claim)

    async def unblock(self, user_id: int, other_id: int) -> None:
        must_differ(user_id, other_id, "unblock")
        await self._regards.must_exist(other_id)
        await self._store.unblock(user_id, other_id)

    async def mute(self, user_id: int, other_id: int, *, until_ms: int, claim: Claim | None) -> bool:
        """Mute somebody until `until_ms`, 0 for good; tell whether that is new."""
        must_differ(user_id, other_id, "mute")
        passed_ms = self._clock.now_ms() - until_ms
        if until_ms and passed_ms >= 0:
            raise InvalidInput(
                f"expires_at passed {passed_ms} ms ago; it must be in the future",
                fields={"expires_at": "in the future"},
            )
        await self._regards.account(other_id)
        return await self._store.mute(user_id, other_id, until_ms=until_ms, claim=claim)

    async def unmute(self, user_id: int, other_id: int) -> None:
        must_differ(user_id, other_id, "unmute")
        await self._regards.must_exist(other_id)
        await self._store.unmute(user_id, other_id)

    async def accept(self, user_id: int, asker_id: int, *, claim: Claim | None) -> bool:
        return await self._store.accept(user_id, asker_id, claim=claim)

    async def deny(self, user_id: int, asker_id: int, *, claim: Claim | None) -> bool:
        return await self._store.deny(user_id, asker_id, claim=claim)

    async def asks(self, user_id: int, other_id: int) -> bool:
        return await self._store.asks(user_id, other_id)

    async def blocks(self, user_id: int, page: PageRequest) -> Page[int]:
        return await walk(page, partial(self._blocks, user_id), self._regards.standing)

    async def mutes(self, user_id: int, page: PageRequest) -> Page[int]:
        return await walk(page, partial(self._mutes, user_id), self._regards.standing)

    async def requests(self, user_id: int, page: PageRequest) -> Page[int]:
        return await walk(page, partial(self._requests, user_id), self._regards.standing)

    async def standings(self, viewer_id: int, user_ids: Sequence[int]) -> Sequence[Standing]:
        return await self._store.standings(viewer_id, user_ids)

    async def _blocks(self, user_id: int, below: int, count: int) -> Sequence[Placed]:
        return await self._store.blocks(user_id, below=below, limit=count)

    async def _mutes(self, user_id: int, below: int, count: int) -> Sequence[Placed]:
        return await self._store.mutes(user_id, below=below, limit=count)

    async def _requests(self, user_id: int, below: int, count: int) -> Sequence[Placed]:
        return await self._store.requests(user_id, below=below, limit=count)
