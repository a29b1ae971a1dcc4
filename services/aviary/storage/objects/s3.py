"""Files that only this deployment can read, in an object store that speaks S3."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import parse_qs, urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from aviary.errors import InvalidInput, NotFound, Unavailable
from aviary.settings import Settings
from aviary.storage.objects.sealing import Seal, SealingStream, Unsealing

if TYPE_CHECKING:
    from obstore.store import RetryConfig, S3Config

_PART_BYTES = 8 * 1024 * 1024
_PARTS_AT_ONCE = 4
_PIECE_BYTES = 262_144
_REQUEST_S = 30
# What one download may take: as long as a slow reader needs. That a single piece comes is waited for as a request is.
_DOWNLOAD_S = 3_600
_SHAPE = "s3://bucket/prefix?endpoint=https://host&region=name, with prefix, endpoint and region as needed"
_log = logging.getLogger("aviary.objects")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Where objects are, for short requests and for long downloads; `place` is how it is called in a sentence."""

    place: str
    requests: S3Store
    downloads: S3Store


class S3Vault:
    """Keeps Vault's promises in one bucket.

    An object is one person's, and replaced as a whole. Content is sealed into a
    file without a name before it is sent, so that nobody finds what a process
    that died had begun, here or there.
    """

    def __init__(self, bucket: Bucket, secret: bytes) -> None:
        self._bucket = bucket
        self._secret = secret

    def create(self, user_id: int, export_id: int) -> S3SealedFile:
        return S3SealedFile(self._bucket, _name(user_id), Seal(self._secret, user_id, export_id))

    async def read(self, user_id: int, export_id: int) -> AsyncGenerator[bytes, None]:
        with _translated(self._bucket.place):
            found = await obstore.get_async(self._bucket.downloads, _name(user_id))
        source = aiter(found.stream(min_chunk_size=_PIECE_BYTES))

        async def more() -> bytes:
            with _translated(self._bucket.place):
                async with asyncio.timeout(_REQUEST_S):
                    return bytes(await anext(source, b""))

        return await Unsealing(more, Seal(self._secret, user_id, export_id)).begin()

    async def remove(self, user_id: int) -> None:
        try:
            with _translated(self._bucket.place):
                await obstore.delete_async(self._bucket.requests, _name(user_id))
        except NotFound:
            return

    async def look(self) -> None:
        """Raise Unavailable, in one sentence, when the bucket is not there or not for this user."""
        try:
            with _translated(self._bucket.place):
                await obstore.get_async(self._bucket.requests, _name(0))
        except NotFound:
            return


class S3SealedFile:
    """Content on its way, in a file of this machine that has no name."""

    def __init__(self, bucket: Bucket, name: str, seal: Seal) -> None:
        self._bucket = bucket
        self._name = name
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 - closed by keep or discard
        self._sealing = SealingStream(self._out, seal)

    @property
    def stream(self) -> BinaryIO:
        return self._sealing.stream

    def keep(self) -> int:
        size = self._sealing.end()
        self._out.seek(0)
        with _translated(self._bucket.place):
            obstore.put(
                self._bucket.requests,
                self._name,
                self._out,
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )
        self._out.close()
        return size

    def discard(self) -> None:
        self._out.close()


def bucket_of(settings: Settings) -> Bucket:
    """Return the bucket that the settings name, which is not asked for anything yet."""
    url = urlsplit(settings.objects)
    said = parse_qs(url.query)
    if url.scheme != "s3" or not url.netloc or not said.keys() <= {"endpoint", "region"}:
        raise InvalidInput(f"AVIARY_OBJECTS is {settings.objects!r}; it must be {_SHAPE}, or empty for the data folder")
    endpoint = said.get("endpoint", [""])[-1]
    config = _config(settings, endpoint, region=said.get("region", ["us-east-1"])[-1])

    def store(within_s: int) -> S3Store:
        return S3Store(
            url.netloc,
            prefix=url.path.strip("/") or None,
            config=config,
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=5),
                "timeout": timedelta(seconds=within_s),
            },
            retry_config=_retries(),
        )

    place = f"{url.netloc} at {endpoint}" if endpoint else url.netloc
    return Bucket(place=place, requests=store(_REQUEST_S), downloads=store(_DOWNLOAD_S))


def _config(settings: Settings, endpoint: str, *, region: str) -> S3Config:
    config: S3Config = {"region": region}
    if endpoint:
        config["endpoint"] = endpoint
    # Without a key, what the machine itself is allowed to do.
    if settings.objects_key_id:
        config["access_key_id"] = settings.objects_key_id
        config["secret_access_key"] = settings.objects_secret
    return config


def _retries() -> RetryConfig:
    return {"max_retries": 3, "retry_timeout": timedelta(seconds=_REQUEST_S)}


def _name(user_id: int) -> str:
    return f"exports/{user_id}.sealed"


@contextmanager
def _translated(place: str) -> Iterator[None]:
    """Turn the library's errors into ours; what the server said goes to the log."""
    try:
        yield
    except (BaseError, OSError) as error:
        said = str(error)
        # Only this: an export whose file is gone is forgotten.
        if isinstance(error, FileNotFoundError) and "NoSuchKey" in said:
            raise NotFound("the file is gone") from error
        _log.warning("objects_failed", extra={"error": f"{type(error).__name__}: {said}"[:500]})
        raise Unavailable(_sentence(error, said, place), retry_after_s=5) from error


def _sentence(error: Exception, said: str, place: str) -> str:
    if "NoSuchBucket" in said:
        return f"the object store has no bucket {place}; make it, or check AVIARY_OBJECTS"
    # Some say of a key they don't know that it is not found.
    if isinstance(error, PermissionDeniedError | UnauthenticatedError | FileNotFoundError):
        return (
            f"the object store {place} refuses this user;"
            " check AVIARY_OBJECTS_KEY_ID, AVIARY_OBJECTS_SECRET and what they may do"
        )
    return f"the object store {place} did not do what was asked; repeat it"
