"""Content that only this deployment can read: AES-256-GCM in frames, so that nothing large is ever held whole.

What is sealed is a salt and frames of 64 KiB, the last one shorter or empty. Each
has its own key; a frame's nonce is its number and whether it is the last, so
frames cannot be swapped, repeated or cut off unnoticed (the STREAM construction
of Hoang, Reyhanitabar, Rogaway and Vizár, 2015).
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import BinaryIO, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from aviary.errors import NotFound, Unavailable

SALT_BYTES = 16
_FRAME_BYTES = 65_536
_TAG_BYTES = 16
_WHOLE_BYTES = _FRAME_BYTES + _TAG_BYTES


class Seal:
    """What one export of one person is sealed under."""

    def __init__(self, secret: bytes, user_id: int, export_id: int) -> None:
        self._secret = secret
        self._about = f"{user_id} {export_id}".encode()

    def frames(self, salt: bytes) -> Frames:
        key = hashlib.blake2b(salt, key=self._secret, person=b"aviary-vault", digest_size=32).digest()
        return Frames(key, self._about)


class Frames:
    """The key of one file, and where in it one is."""

    def __init__(self, key: bytes, about: bytes) -> None:
        self._cipher = AESGCM(key)
        self._about = about
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


class SealingStream(io.RawIOBase):
    """Takes content and writes it to `out`, sealed."""

    def __init__(self, out: BinaryIO, seal: Seal) -> None:
        salt = os.urandom(SALT_BYTES)
        self._out = out
        self._frames = seal.frames(salt)
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

    def end(self) -> int:
        """Write the last frame and return the content's size."""
        self._out.write(self._frames.seal(bytes(self._buffer), is_last=True))
        self._out.flush()
        return self._size


class Unsealing:
    """Reads what was sealed, by asking `more` for its next bytes until there are none."""

    def __init__(self, more: Callable[[], Awaitable[bytes]], seal: Seal) -> None:
        self._more = more
        self._seal = seal
        self._ahead = bytearray()
        self._is_whole = False

    async def begin(self) -> AsyncGenerator[bytes, None]:
        """Return the content in pieces. Raises NotFound when its beginning is not what was sealed here."""
        frames = self._seal.frames(await self._take(SALT_BYTES))
        first = await self._next(frames)
        if first is None:
            raise NotFound("the file is another export's, or damaged")
        return self._rest(frames, first)

    async def _rest(self, frames: Frames, first: tuple[bytes, bool]) -> AsyncGenerator[bytes, None]:
        content, is_last = first
        yield content
        while not is_last:
            found = await self._next(frames)
            if found is None:
                raise Unavailable("the file is damaged; ask for another export")
            content, is_last = found
            yield content

    async def _next(self, frames: Frames) -> tuple[bytes, bool] | None:
        """Read a frame; None when it is damaged, or the file ends where it must not."""
        frame = await self._take(_WHOLE_BYTES)
        is_last = not self._ahead
        content = frames.open(frame, is_last=is_last)
        return None if content is None else (content, is_last)

    async def _take(self, size: int) -> bytes:
        # One byte more tells whether anything follows.
        while len(self._ahead) <= size and not self._is_whole:
            piece = await self._more()
            self._ahead += piece
            self._is_whole = not piece
        taken = bytes(self._ahead[:size])
        del self._ahead[:size]
        return taken
