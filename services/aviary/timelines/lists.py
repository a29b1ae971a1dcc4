"""The held lists of a home: found warm, or built from the authors' own partitions."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

from aviary import entries
from aviary.errors import Unavailable
from aviary.timelines.ports import Tweets
from aviary.timelines.sources import HomeSources
from aviary.timelines.store import HeldTimelines, ListKey, Piece, longest

T = TypeVar("T")
_ATTEMPTS = 3


class HomeLists(Generic[T]):
    """Reads pieces of homes; builds a list that is absent, once at a time however many wait for it."""

    def __init__(self, held: HeldTimelines, tweets: Tweets[T], *, entries_kept: int) -> None:
        self._held = held
        self._tweets = tweets
        # Some of what is read is not shown.
        self._most = longest(entries_kept)
        self._building: dict[ListKey, asyncio.Future[None]] = {}

    async def holds(self, key: ListKey) -> bool:
        """Tell whether the list is there or being built."""
        return key in self._building or await self._held.holds(key)

    async def read(
        self, key: ListKey, sources: HomeSources, *, below: int, above: int, limit: int, extra: bytes
    ) -> Piece:
        for _ in range(_ATTEMPTS):
            piece = await self._held.read(
                key, sources=sources.sources, below=below, above=above, limit=limit, extra=extra
            )
            if piece is not None:
                return piece
            await self._build_once(key, sources)
        raise Unavailable(
            f"the home of user {key.viewer_id} was dropped {_ATTEMPTS} times while it was read", retry_after_s=1
        )

    async def _build_once(self, key: ListKey, sources: HomeSources) -> None:
        if (under_way := self._building.get(key)) is not None:
            # Whoever builds may be cancelled or fail; then the next reader of the list builds it.
            await asyncio.wait([under_way])
            return
        done = self._building[key] = asyncio.get_running_loop().create_future()
        try:
            await self._build(key, sources)
        finally:
            del self._building[key]
            done.set_result(None)

    async def _build(self, key: ListKey, sources: HomeSources) -> None:
        # Installed before the store is read: a tweet committed meanwhile is appended or read, or both.
        token = await self._held.begin(key)
        try:
            rows = await self._tweets.entries(sources.packed, below=key.upper, above=0, limit=self._most)
        except BaseException:
            await self._held.abort(key, token)
            raise
        is_full = len(rows) == self._most * entries.ROW_BYTES
        floor = entries.last_id(rows) if is_full else 0
        # Sources may leave a home whose list stands, but nobody joins them: a stranger remains one.
        await self._held.finish(key, token, sources.sources.screen(rows), floor=floor)
