"""The decisions about blocks, mutes and follow requests."""

from __future__ import annotations

from collections.abc import Sequence

from aviary.graph.relations.store import RelationStore, Standing


class RelationService:
    """Blocks, mutes and follow requests, and how two people stand to each other."""

    def __init__(self, store: RelationStore) -> None:
        self._store = store

    async def standings(self, viewer_id: int, user_ids: Sequence[int]) -> Sequence[Standing]:
        return await self._store.standings(viewer_id, user_ids)
