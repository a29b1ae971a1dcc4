"""Real servers from the command line: `python -m tests.backends fetch`, or `up --folder F` for a fleet to run on."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.backends.cassandra import Cassandra
from tests.backends.kafka import Kafka
from tests.backends.redis import Redis
from tests.backends.s3 import ACCESS_KEY, S3, SECRET_KEY
from tests.backends.server import NotStarted, Server
from tests.backends.toxiproxy import Toxiproxy

_STOPPING = (signal.SIGTERM, signal.SIGINT)


def fetch() -> None:
    """Bring every server's program into the cache."""
    programs = [kind.program for kind in (Cassandra, Kafka, Redis, S3, Toxiproxy)]
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda program: program(), programs))


def up(folder: Path) -> None:
    """Run one of each with its data in the folder; say where they are as settings, until told to stop."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tables, log = Cassandra(folder / "cassandra", soon=False), Kafka(folder / "kafka", soon=False)
    cache, objects = Redis(folder / "redis"), S3(folder / "s3")
    with contextlib.suppress(KeyboardInterrupt), _running([tables, log, cache, objects]):
        print(f"AVIARY_TABLES={tables.url}")
        print("AVIARY_TABLES_REPLICATION=1")
        print(f"AVIARY_KAFKA={log.url}")
        print("AVIARY_KAFKA_REPLICATION=1")
        print("AVIARY_KAFKA_MIN_INSYNC=1")
        print(f"AVIARY_REDIS={cache.url}")
        print(f"AVIARY_OBJECTS={objects.url}")
        print(f"AVIARY_OBJECTS_KEY_ID={ACCESS_KEY}")
        print(f"AVIARY_OBJECTS_SECRET={SECRET_KEY}")
        print("ready", flush=True)
        threading.Event().wait()


@contextlib.contextmanager
def _running(servers: Sequence[Server]) -> Iterator[None]:
    with ThreadPoolExecutor(len(servers)) as threads:
        try:
            list(threads.map(lambda server: server.start(), servers))
            yield
        finally:
            list(threads.map(lambda server: server.stop(), servers))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.backends", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fetch", help=fetch.__doc__)
    commands.add_parser("up", help=up.__doc__).add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args()
    try:
        fetch() if asked.command == "fetch" else up(asked.folder)
    except NotStarted as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
