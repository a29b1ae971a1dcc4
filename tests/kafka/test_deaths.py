"""What is left when a process or the broker dies in the midst: every event has its effect, in the order of its key."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.backends.kafka import Kafka
from tests.kafka import member
from tests.kafka.rig import Rig, Seen, chosen, events, opened, running, settled
from tests.rpc.waiting import until

from aviary.events.v1.events_pb2 import Event
from aviary.settings import Settings

pytestmark = pytest.mark.cluster
_REPOSITORY = Path(member.__file__).parents[2]


def start_member(rig: Rig, file: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(_REPOSITORY / "services")}
    arguments = [rig.topic, rig.settings.kafka, str(rig.settings.kafka_partitions), str(file)]
    return subprocess.Popen([sys.executable, member.__file__, *arguments], env=environment, stderr=subprocess.DEVNULL)


def effects(*files: Path) -> list[tuple[int, int]]:
    """Key and id of each effect, without a line that its writer did not finish."""
    lines = [line for file in files if file.exists() for line in file.read_text().splitlines(keepends=True)]
    return [(int(key), int(id)) for key, id in (line.split() for line in lines if line.endswith("\n"))]


async def test_a_process_that_is_killed_leaves_its_share_to_the_others(rig: Rig, tmp_path: Path) -> None:
    files = [tmp_path / "first", tmp_path / "second"]
    sent: list[Event] = []

    async def emit(count: int) -> None:
        some = events(range(len(sent) + 1, len(sent) + count + 1))
        sent.extend(some)
        await rig.emit(*some)

    processes = [start_member(rig, file) for file in files]
    try:
        # For as long as it takes: whoever is there first has done with what there is before the other joins.
        async with asyncio.timeout(60):
            while not all(effects(file) for file in files):
                await emit(20)
                await asyncio.sleep(0.05)
        before_death = len(sent)
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()
        await emit(1_000)
        wanted = {(each.key, each.id) for each in sent}
        async with asyncio.timeout(60):
            while set(effects(*files)) != wanted:  # noqa: ASYNC110 - a file has no event to wait for
                await asyncio.sleep(0.05)
    finally:
        for process in processes:
            process.kill()
            process.wait()

    for file in files:
        for key in {key for key, _ in effects(file)}:
            ids = [id for each, id in effects(file) if each == key]
            assert ids == sorted(set(ids))
    # Repeated is what was done and not committed, which may be all until it died: a group that forms takes no commits.
    assert len(effects(*files)) - len(wanted) <= before_death


async def test_a_broker_that_is_killed_and_comes_back_has_lost_nothing(settings: Settings, tmp_path: Path) -> None:
    seen = Seen()
    with Kafka(tmp_path / "kafka") as kafka:
        async with opened(chosen(settings, kafka.address)) as rig:
            group = rig.member(seen)
            async with running(group.run):
                await rig.emit(*events(range(1, 501)))
                await until(lambda: seen.count > 100, what="some were handled")
                kafka.kill()
                emitting = asyncio.ensure_future(rig.emit(*events(range(501, 1_001))))
                await asyncio.sleep(1.0)
                assert not emitting.done()
                await asyncio.to_thread(kafka.start)
                async with asyncio.timeout(60):
                    await emitting
                await settled(group)

    assert {id for ids in seen.events.values() for id in ids} == set(range(1, 1_001))
    for ids in seen.events.values():
        # What was not acknowledged may be there twice; without repeats the order stands.
        assert list(dict.fromkeys(ids)) == sorted(set(ids))
