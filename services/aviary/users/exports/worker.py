"""Makes the exports that were asked for, one at a time, and empties the vault of what has gone."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial

from aviary.errors import AviaryError
from aviary.eventlog import Consumption, insist, selective
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.users.accounts.store import AccountStore
from aviary.users.exports import contents
from aviary.users.exports.archive import Archive
from aviary.users.exports.service import ExportService
from aviary.users.exports.store import Export, ExportState, ExportStore, SealedFile, Vault
from aviary.users.peers import Peers
from aviary.users.store import User, UserStore

_log = logging.getLogger("aviary.exports")
_NAME = "exports"
_OURS = frozenset({events_pb2.EVENT_TYPE_EXPORT_CHANGED, events_pb2.EVENT_TYPE_USER_DELETED})
_ATTEMPTS = 3
_SWEEP_EVERY_S = 300.0
_MOST_BEFORE_DONE = 99


class ExportWorker:
    """Follows the users' log: an export asked for is made, also after a restart; a deleted account's file goes."""

    def __init__(
        self,
        exports: ExportStore,
        vault: Vault,
        users: UserStore,
        accounts: AccountStore,
        peers: Peers,
        *,
        pause_s: float = 1.0,
    ) -> None:
        self._exports = exports
        self._vault = vault
        self._users = users
        self._accounts = accounts
        self._peers = peers
        self._pause_s = pause_s

    def consumption(self) -> Consumption:
        # One worker: an export reads everything of somebody, and nobody waits for it.
        return selective(_NAME, _OURS, self._handle)

    async def _handle(self, event: Event) -> None:
        user_id = event.key
        export = await insist(partial(self._exports.get, user_id), what=_NAME)
        if export is None:
            await insist(partial(self._vault.remove, user_id), what=_NAME)
        elif export.state is ExportState.RUNNING:
            await self._insist_on(export)

    async def _insist_on(self, export: Export) -> None:
        for attempt in range(_ATTEMPTS):
            if await self._try(export):
                return
            await asyncio.sleep(self._pause_s * 2**attempt)
        await insist(partial(self._exports.fail, export.user_id, export.id), what=_NAME)

    async def _try(self, export: Export) -> bool:
        try:
            await self._make(export)
        except AviaryError as error:
            _log.warning("export_retried", extra={"export_id": export.id, "error": error.message})
        except Exception:  # noqa: BLE001 - a full disk, say, must end one export and not the process
            _log.exception("export_failed", extra={"export_id": export.id})
        else:
            return True
        return False

    async def _make(self, export: Export) -> None:
        user = await self._users.get(export.user_id)
        if user is None:
            return
        file = await asyncio.to_thread(self._vault.create, export.user_id, export.id)
        try:
            if await self._write(export, user, file):
                size = await asyncio.to_thread(file.keep)
                if not await self._exports.finish(export.user_id, export.id, size_bytes=size):
                    await self._vault.remove(export.user_id)
        finally:
            await asyncio.to_thread(file.discard)

    async def _write(self, export: Export, user: User, file: SealedFile) -> bool:
        """Write everything; False when the export is no longer wanted."""
        archive = await asyncio.to_thread(Archive, file.stream)
        try:
            await self._write_own(user, archive)
            return await self._write_others(export, archive)
        finally:
            await asyncio.to_thread(archive.close)

    async def _write_others(self, export: Export, archive: Archive) -> bool:
        (counts,) = await self._peers.counts([export.user_id])
        # How many rows will come is known roughly: enough to show that it goes on.
        expected = 1 + counts.tweets + counts.followers + counts.following
        rows, told = 0, 0
        async for name, some in self._peers.personal_data(export.user_id):
            await asyncio.to_thread(archive.add, name, some)
            rows += len(some)
            if (percent := min(_MOST_BEFORE_DONE, 100 * rows // max(rows, expected))) > told:
                told = percent
                if not await self._exports.progress(export.user_id, export.id, percent):
                    return False
        return True

    async def _write_own(self, user: User, archive: Archive) -> None:
        await asyncio.to_thread(archive.put, "profile", contents.profile(user))
        if (chosen := await self._accounts.settings(user.id)) is not None:
            await asyncio.to_thread(archive.put, "settings", contents.settings(chosen))
        open_sessions: AsyncIterator[Sequence[str]] = contents.sessions(self._accounts, user.id, now_s=int(time.time()))
        async for rows in open_sessions:
            await asyncio.to_thread(archive.add, "sessions", rows)


async def sweep(exports: ExportService) -> None:
    """Delete what is over 7 days old, for ever."""
    while True:
        await insist(exports.forget_old, what=_NAME)
        await asyncio.sleep(_SWEEP_EVERY_S)
