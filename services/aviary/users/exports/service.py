"""The decisions about exports: when one starts, and who may fetch it."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from aviary.clock import Clock
from aviary.errors import FailedPrecondition, NotFound, no_user
from aviary.users.exports.store import Export, ExportState, ExportStore, Vault

KEPT_MS = 7 * 86_400_000
_FRESH_MS = 86_400_000
_FAILED_SHOWN_MS = 600_000


class ExportService:
    """One export a person, made in the background."""

    def __init__(self, store: ExportStore, vault: Vault, clock: Clock) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock

    async def current(self, user_id: int) -> Export:
        """Return the export as it stands; starts one when there is none, or it is too old."""
        export = await self._store.get(user_id)
        if export is None or self._is_stale(export):
            export = await self._store.begin(user_id, instead_of=export.id if export else 0)
        if export is None:
            raise no_user(user_id)
        return export

    async def download(self, user_id: int) -> AsyncGenerator[bytes, None]:
        """Return the ready export's content in pieces."""
        export = await self._store.get(user_id)
        if export is None:
            raise FailedPrecondition("there is no export yet; ask for one and wait until it is ready")
        if export.state is not ExportState.READY:
            raise FailedPrecondition(f"the export is {export.state.name.lower()}; it can be fetched once it is ready")
        try:
            return await self._vault.read(user_id, export.id)
        except NotFound:
            # A data folder that was restored has the row without the file.
            await self._store.remove(user_id, export.id)
            raise FailedPrecondition("the export's file is gone; ask for another one") from None

    async def forget_old(self) -> None:
        """Delete what was ready 7 days ago, a few at a time."""
        while found := await self._store.finished_before(self._clock.now_ms() - KEPT_MS, limit=100):
            for export in found:
                # The file first: a row that is left leads here again, a file that is left would not.
                await self._vault.remove(export.user_id)
                await self._store.remove(export.user_id, export.id)

    def _is_stale(self, export: Export) -> bool:
        age_ms = self._clock.now_ms() - export.requested_ms
        if export.state is ExportState.FAILED:
            return age_ms > _FAILED_SHOWN_MS
        return export.state is ExportState.READY and age_ms > _FRESH_MS
