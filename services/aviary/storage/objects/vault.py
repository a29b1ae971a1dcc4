"""Files that only this deployment can read: AES-256-GCM in frames, so that nothing large is ever held whole.

A file is a salt and frames of 64 KiB, the last one shorter or empty. Each file
has its own key; a frame's nonce is its number and whether it is the last, so
frames cannot be swapped, repeated or cut off unnoticed (the STREAM construction
of Hoang, Reyhanitabar, Rogaway and Vizár, 2015).
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import BinaryIO, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from aviary.errors import NotFound, Unavailable

_SALT_BYTES = 16
_FRAME_BYTES = 65_536
_TAG_BYTES = 16
_WHOLE_BYTES = _FRAME_BYTES + _TAG_BYTES


class FolderVault:
    """Keeps Vault's promises in one folder."""

    def __init__(self, folder: Path, secret: bytes) -> None:
        self._folder = folder
        self._secret = secret

    def create(self, user_id: int, export_id: int) -> FolderSealedFile:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        salt = os.urandom(_SALT_BYTES)
        return FolderSealedFile(self._path(user_id), _Frames(self._secret, salt, user_id, export_id), salt)

    async def read(self, user_id: int, export_id: int) -> AsyncGenerator[bytes, None]:
        try:
            source = await asyncio.to_thread(open, self._path(user_id), "rb")
        except FileNotFoundError:
            raise NotFound("the file is gone") from None
        try:
            salt = await asyncio.to_thread(source.read, _SALT_BYTES)
            frames = _Frames(self._secret, salt, user_id, export_id)
            first = await asyncio.to_thread(_next, source, frames)
        except BaseException:
            source.close()
            raise
        if first is None:
            source.close()
            raise NotFound("the file is another export's, or damaged")
        return _rest(source, frames, first)

    async def remove(self, user_id: int) -> None:
        path = self._path(user_id)
        try:
            for each in (path, _draft(path)):
                await asyncio.to_thread(each.unlink, missing_ok=True)
        except OSError as error:
            raise Unavailable(f"the file of an export cannot be deleted: {error.strerror}") from error

    def _path(self, user_id: int) -> Path:
        return self._folder / f"{user_id}.sealed"


class _Frames:
    """The key of one file, and where in it one is."""

    def __init__(self, secret: bytes, salt: bytes, user_id: int, export_id: int) -> None:
        key = hashlib.blake2b(salt, key=secret, person=b"aviary-vault", digest_size=32).digest()
        self._cipher = AESGCM(key)
        self._about = f"{user_id} {export_id}".encode()
        self._number = 0

    def seal(self, content: bytes, *, is_last: bool) -> bytes:
        return self._cipher.encrypt(self._nonce(is_last=is_last), content, self._about)

    def open(self, frame: bytes, *, is_last: bool) -> bytes | None:
        """Return what the frame holds; None when it isn't this file's next one."""
        try:
            return self._cipher.decrypt(self._nonce(is_last=is_last), frame, self._about)
        except InvalidTag:
            return None

    def _nonce(self, *, is_last: bool) -> bytes:
        self._number += 1
        return self._number.to_bytes(11) + bytes([is_last])


class FolderSealedFile(io.RawIOBase):
    """Takes the content, and is the stream that does."""

    def __init__(self, path: Path, frames: _Frames, salt: bytes) -> None:
        self._path = path
        self._frames = frames
        self._out = open(_draft(path), "wb", opener=_owner_only)  # noqa: SIM115 - closed by keep or discard
        self._out.write(salt)
        self._buffer = bytearray()
        self._size = 0

    @property
    def stream(self) -> BinaryIO:
        return cast("BinaryIO", self)

    def writable(self) -> bool:
        return True

    def write(self, content: bytes | bytearray | memoryview) -> int:  # type: ignore[override]  # a raw buffer is one of these
        self._buffer += content
        self._size += len(content)
        # A full frame stays until more comes, for the last one is sealed differently.
        while len(self._buffer) > _FRAME_BYTES:
            self._out.write(self._frames.seal(bytes(self._buffer[:_FRAME_BYTES]), is_last=False))
            del self._buffer[:_FRAME_BYTES]
        return len(content)

    def keep(self) -> int:
        self._out.write(self._frames.seal(bytes(self._buffer), is_last=True))
        self._out.flush()
        os.fsync(self._out.fileno())
        self._out.close()
        _draft(self._path).replace(self._path)
        return self._size

    def discard(self) -> None:
        if not self._out.closed:
            self._out.close()
            _draft(self._path).unlink(missing_ok=True)


def _draft(path: Path) -> Path:
    return path.with_suffix(".part")


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _next(source: BinaryIO, frames: _Frames) -> tuple[bytes, bool] | None:
    """Read a frame; None when it is damaged, or the file ends where it must not."""
    frame = source.read(_WHOLE_BYTES)
    is_last = len(frame) < _WHOLE_BYTES or not source.peek(1)  # type: ignore[attr-defined]  # buffered, as opened
    content = frames.open(frame, is_last=is_last)
    return None if content is None else (content, is_last)


async def _rest(source: BinaryIO, frames: _Frames, first: tuple[bytes, bool]) -> AsyncGenerator[bytes, None]:
    with source:
        content, is_last = first
        yield content
        while not is_last:
            found = await asyncio.to_thread(_next, source, frames)
            if found is None:
                raise Unavailable("the file is damaged; ask for another export")
            content, is_last = found
            yield content
