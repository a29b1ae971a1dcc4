"""Files that only this deployment can read, in a folder or, as the settings say, in an object store."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from aviary.errors import NotFound, Unavailable
from aviary.settings import Settings
from aviary.storage.objects.sealing import Seal, SealingStream, Unsealing
from aviary.users.exports.store import Vault

_READ_BYTES = 262_144


def vault_of(settings: Settings, secret: bytes) -> Vault:
    """Return the vault that the settings name. Raises InvalidInput when they name none."""
    if not settings.objects:
        return FolderVault(settings.data_dir / "exports", secret)
    from aviary.storage.objects.s3 import S3Vault, bucket_of  # noqa: PLC0415 - an extra, which a folder doesn't need

    return S3Vault(bucket_of(settings), secret)


class FolderVault:
    """Keeps Vault's promises in one folder."""

    def __init__(self, folder: Path, secret: bytes) -> None:
        self._folder = folder
        self._secret = secret

    def create(self, user_id: int, export_id: int) -> FolderSealedFile:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        return FolderSealedFile(self._path(user_id), Seal(self._secret, user_id, export_id))

    async def read(self, user_id: int, export_id: int) -> AsyncGenerator[bytes, None]:
        try:
            source = await asyncio.to_thread(open, self._path(user_id), "rb")
        except FileNotFoundError:
            raise NotFound("the file is gone") from None
        more = partial(asyncio.to_thread, source.read, _READ_BYTES)
        try:
            pieces = await Unsealing(more, Seal(self._secret, user_id, export_id)).begin()
        except BaseException:
            source.close()
            raise
        return _closing(source, pieces)

    async def remove(self, user_id: int) -> None:
        path = self._path(user_id)
        try:
            for each in (path, _draft(path)):
                await asyncio.to_thread(each.unlink, missing_ok=True)
        except OSError as error:
            raise Unavailable(f"the file of an export cannot be deleted: {error.strerror}") from error

    def _path(self, user_id: int) -> Path:
        return self._folder / f"{user_id}.sealed"


class FolderSealedFile:
    """A draft beside the file that it is to replace."""

    def __init__(self, path: Path, seal: Seal) -> None:
        self._path = path
        self._out = open(_draft(path), "wb", opener=_owner_only)  # noqa: SIM115 - closed by keep or discard
        self._sealing = SealingStream(self._out, seal)

    @property
    def stream(self) -> BinaryIO:
        return self._sealing.stream

    def keep(self) -> int:
        size = self._sealing.end()
        os.fsync(self._out.fileno())
        self._out.close()
        _draft(self._path).replace(self._path)
        return size

    def discard(self) -> None:
        if not self._out.closed:
            self._out.close()
            _draft(self._path).unlink(missing_ok=True)


def _draft(path: Path) -> Path:
    return path.with_suffix(".part")


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


async def _closing(source: BinaryIO, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    with source:
        async for piece in pieces:
            yield piece
