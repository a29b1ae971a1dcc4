"""The ports that keep exports, as rows and as files, and their records."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO, Protocol


class ExportState(IntEnum):
    """How far an export is; the numbers are the stores'."""

    RUNNING = 0
    READY = 1
    FAILED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One person's export; times are business time, 0 for not yet."""

    id: int
    user_id: int
    state: ExportState
    progress_percent: int
    size_bytes: int
    requested_ms: int
    ready_ms: int


class ExportStore(Protocol):
    """At most one export a person, which goes with the account."""

    async def get(self, user_id: int) -> Export | None:
        """Return the person's export, None when there is none."""

    async def begin(self, user_id: int, *, instead_of: int) -> Export | None:
        """Start an export, with its event, in place of the one with this id, 0 for none; return what there is then.

        Nothing starts when another one was started meanwhile: of concurrent
        calls exactly one does. None for a person who is gone.
        """

    async def progress(self, user_id: int, export_id: int, percent: int) -> bool:
        """Note how far a running export is; False when it is no longer wanted."""

    async def finish(self, user_id: int, export_id: int, *, size_bytes: int) -> bool:
        """Make a running export ready, with its event; False when it is no longer wanted."""

    async def fail(self, user_id: int, export_id: int) -> None:
        """Give a running export up, with its event."""

    async def finished_before(self, time_ms: int, *, limit: int) -> Sequence[Export]:
        """Return ready exports that were ready before `time_ms`, oldest first."""

    async def remove(self, user_id: int, export_id: int) -> None:
        """Forget an export, with its event; nothing when there is another one by now."""


class SealedFile(Protocol):
    """A file that is being written, unreadable to whoever lacks the deployment's secret; its methods block."""

    @property
    def stream(self) -> BinaryIO:
        """What takes the content; it cannot seek."""

    def keep(self) -> int:
        """End the file, make it durable in place of the one before, and return the content's size."""

    def discard(self) -> None:
        """Leave nothing of it; harmless after `keep`."""


class Vault(Protocol):
    """Files at rest, one a person."""

    def create(self, user_id: int, export_id: int) -> SealedFile:
        """Begin a file; it blocks. What an earlier attempt left is overwritten."""

    async def read(self, user_id: int, export_id: int) -> AsyncGenerator[bytes, None]:
        """Return the content in pieces, checked piece by piece.

        Raises NotFound when there is no such file, or it is another export's;
        the pieces raise Unavailable when it is damaged or cut short.
        """

    async def remove(self, user_id: int) -> None:
        """Delete the person's file, and what an attempt left of one; nothing when there is none.

        Raises Unavailable when that cannot be done.
        """
