"""What a fleet needs of its servers, each said in a sentence; changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from aviary.errors import AviaryError
from aviary.rpc.callers import SERVICES, WORKERS
from aviary.rpc.tls import Certificates
from aviary.settings import Settings
from aviary.storage.kafka import topics
from aviary.storage.kafka.connection import Broker
from aviary.storage.redis.connection import RedisServers
from aviary.storage.scylla import schema
from aviary.storage.scylla.tables import Tables


async def look(settings: Settings) -> Sequence[tuple[str, str]]:
    """Return what was examined, and beside it what is wrong with it, "" for nothing; the same wrong only once."""
    examined: Sequence[tuple[str, Callable[[], Awaitable[None]]]] = [
        *(
            (
                f"the keyspace {settings.tables_keyspace}_{name} is current and takes writes",
                partial(_tables, settings, name),
            )
            for name in schema.MIGRATIONS
        ),
        (f"Kafka at {settings.kafka} has its topics", partial(_kafka, settings)),
        ("Redis answers", partial(_redis, settings)),
        *([("the certificates are whole", partial(_certificates, settings))] if settings.tls_dir else []),
    ]
    found = [(sentence, await _wrong(each)) for sentence, each in examined]
    wrongs = [wrong for _, wrong in found]
    return [(sentence, wrong) for i, (sentence, wrong) in enumerate(found) if not wrong or wrong not in wrongs[:i]]


async def _wrong(look_at: Callable[[], Awaitable[None]]) -> str:
    try:
        await look_at()
    except AviaryError as error:
        return error.message
    return ""


async def _tables(settings: Settings, name: str) -> None:
    tables = Tables(settings, name)
    try:
        await tables.open()
        await schema.must_be_current(tables)
        await schema.must_take_writes(tables)
    finally:
        await tables.close()


async def _kafka(settings: Settings) -> None:
    broker = Broker(settings)
    try:
        await topics.must_be_there(settings, broker)
    finally:
        broker.close()


async def _redis(settings: Settings) -> None:
    servers = RedisServers(settings.redis)
    try:
        await servers.check()
    finally:
        await servers.close()


async def _certificates(settings: Settings) -> None:
    Certificates(Path(settings.tls_dir), (*SERVICES, *WORKERS))
