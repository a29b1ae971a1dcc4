"""Dead letters and replays: what was given up comes back, with the place and the reason kept until then."""

from __future__ import annotations

import dataclasses
import time

import pytest
from tests.kafka.rig import LOG, Rig, Seen, events, running, settled

from aviary.app.replaying import replay_events
from aviary.errors import FailedPrecondition, InvalidInput, Unavailable
from aviary.eventlog import Record
from aviary.storage.kafka.dead import KafkaDeadLetters, edges
from aviary.storage.kafka.ranges import stretch
from aviary.storage.kafka.topics import dead_topic

pytestmark = pytest.mark.cluster


def letters(rig: Rig) -> KafkaDeadLetters:
    return KafkaDeadLetters(rig.settings, rig.producer, rig.broker)


async def replay(rig: Rig, *, since_ms: int | None = None) -> int:
    return await replay_events(dataclasses.replace(rig.settings, profile="cluster"), log=LOG, since_ms=since_ms)


async def test_a_letter_is_kept_once_per_place_by_whichever_process(rig: Rig) -> None:
    first, second = events([1, 2])
    await letters(rig).add(LOG, Record(7, first), "the graph does not answer")
    # As after a crash before the offset was committed.
    await letters(rig).add(LOG, Record(7, first), "again")
    await letters(rig).add(LOG, Record(8, second), "the graph does not answer")

    assert await letters(rig).count() == 2


async def test_a_letter_says_where_it_was_and_why(rig: Rig) -> None:
    (event,) = events([1])
    await letters(rig).add(LOG, Record(7, event), "the graph does not answer")
    first, end = await edges(rig.broker, dead_topic(rig.settings))
    found = [
        each async for some in stretch(rig.settings, dead_topic(rig.settings), 0, first=first, end=end) for each in some
    ]

    assert [dict(each.headers) for each in found] == [
        {"log": b"tweets", "place": b"7", "reason": b"the graph does not answer"}
    ]


async def test_replayed_letters_come_again_and_are_gone(rig: Rig) -> None:
    seen, sent = Seen(), events(range(1, 21))
    group = rig.member(seen)
    for place, event in enumerate(sent):
        await letters(rig).add(LOG, Record(place, event), "the graph does not answer")
    async with running(group.run):
        assert await replay(rig) == 20
        await settled(group)

    assert {each for ids in seen.events.values() for each in ids} == set(range(1, 21))
    assert await letters(rig).count() == 0
    assert await replay(rig) == 0


async def test_what_fails_again_after_a_replay_is_a_letter_again(rig: Rig) -> None:
    dead, (event,) = letters(rig), events([1])
    await dead.add(LOG, Record(7, event), "the graph does not answer")
    await replay(rig)
    await dead.add(LOG, Record(9, event), "it still does not")

    assert await dead.count() == 1


async def test_a_log_is_replayed_from_a_time_on(rig: Rig) -> None:
    seen = Seen()
    group = rig.member(seen)
    await rig.emit(*events(range(1, 41)))
    # Kafka's own clock is this machine's.
    since_ms = time.time_ns() // 1_000_000 + 1
    while time.time_ns() // 1_000_000 <= since_ms:
        pass
    await rig.emit(*events(range(41, 61)))
    async with running(group.run):
        assert await replay(rig, since_ms=since_ms) == 20
        await settled(group)

    for ids in seen.events.values():
        assert sorted(set(ids)) == list(dict.fromkeys(ids))
    repeated = [each for ids in seen.events.values() for each in ids]
    assert sorted(repeated) == sorted([*range(1, 61), *range(41, 61)])


async def test_the_embedded_profile_says_that_there_is_nothing_to_replay(rig: Rig) -> None:
    with pytest.raises(FailedPrecondition, match="the embedded profile replays nothing"):
        await replay_events(dataclasses.replace(rig.settings, profile="embedded"), log=LOG, since_ms=None)


async def test_a_log_that_is_none_and_a_broker_that_is_away_are_said(rig: Rig) -> None:
    cluster = dataclasses.replace(rig.settings, profile="cluster")
    with pytest.raises(InvalidInput, match="'twits' is no log; there are users, graph, tweets"):
        await replay_events(cluster, log="twits", since_ms=None)
    with pytest.raises(Unavailable, match=r"Kafka at 127\.0\.0\.1:1 cannot be reached"):
        await replay_events(dataclasses.replace(cluster, kafka="127.0.0.1:1"), log=LOG, since_ms=None)
