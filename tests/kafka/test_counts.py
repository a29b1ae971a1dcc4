"""Counts: each entity is counted by one process, and a death in the midst neither loses nor doubles any."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import pytest
from tests.kafka.rig import LOG, Rig, running
from tests.rpc.waiting import until

from aviary.errors import Unavailable
from aviary.eventlog import Consumer, Record
from aviary.events.v1.events_pb2 import EVENT_TYPE_TWEET_LIKED, EVENT_TYPE_TWEET_UNLIKED, Event
from aviary.storage.kafka.counts import Count, counting, routing
from aviary.storage.kafka.group import Group
from aviary.storage.kafka.partitions import as_event

pytestmark = pytest.mark.cluster
TWEETS = range(101, 109)


class Likers:
    """Who likes each tweet, as a set by (tweet, person) with a version; what every owner writes to."""

    def __init__(self) -> None:
        self.states: defaultdict[int, dict[int, tuple[int, bool]]] = defaultdict(dict)
        self.owners: defaultdict[int, set[str]] = defaultdict(set)
        self.handled = 0

    def count_as(self, owner: str, *, fails_at: int = 0) -> object:
        async def count(counts: Sequence[Count]) -> None:
            for each in counts:
                self.handled += 1
                if self.handled == fails_at:
                    raise Unavailable("the tables do not answer")
                person, version, state = map(int, each.body.split())
                known = self.states[each.entity_id].get(person, (0, False))
                self.states[each.entity_id][person] = max(known, (version, bool(state)))
                self.owners[each.entity_id].add(owner)
            # So that there is a midst to be stopped in.
            await asyncio.sleep(0.005)

        return count

    def counts(self) -> dict[int, int]:
        return {tweet: sum(is_liked for _, is_liked in people.values()) for tweet, people in self.states.items()}


async def route(event: Event) -> Sequence[tuple[int, bytes]]:
    return [(event.entity_id, b"%d %d %d" % (event.key, event.version, event.type == EVENT_TYPE_TWEET_LIKED))]


def router(rig: Rig) -> Group[Record]:
    what = routing(rig.settings, rig.producer, LOG, route)
    return Group(
        rig.settings,
        rig.broker,
        topic=rig.topic,
        name=what.name,
        make=as_event,
        worker=lambda log, offsets: Consumer(log, offsets, what),
    )


def owner(rig: Rig, likers: Likers, name: str, *, fails_at: int = 0) -> Group[Count]:
    return counting(rig.settings, rig.broker, LOG, likers.count_as(name, fails_at=fails_at))  # type: ignore[arg-type]


def likes(versions: range, people: range = range(1, 41)) -> list[Event]:
    """Everybody likes and unlikes every tweet in turn; whoever has an odd number ends with a like."""
    return [
        Event(
            id=1 + (version * 1_000 + person) * 1_000 + tweet,
            type=EVENT_TYPE_TWEET_LIKED if (version + person) % 2 else EVENT_TYPE_TWEET_UNLIKED,
            key=person,
            entity_id=tweet,
            version=version,
        )
        for version in versions
        for person in people
        for tweet in TWEETS
    ]


async def settled(*groups: Group[Record] | Group[Count]) -> None:
    async def all_are() -> bool:
        # From first to last: what moves on in between is then seen in both.
        found = [await each.progress() for each in groups]
        return all(each.committed == each.end for each in found)

    await until(all_are, what="everything is counted")


async def test_each_entity_is_counted_by_one_process(rig: Rig) -> None:
    likers = Likers()
    routing_, one, other = router(rig), owner(rig, likers, "one"), owner(rig, likers, "other")
    async with running(one.run, other.run, routing_.run):
        await until(lambda: len(one.partitions) == len(other.partitions) == 2, what="each has half of the partitions")
        await rig.emit(*likes(range(1, 3)))
        await settled(routing_, one)

    assert likers.counts() == dict.fromkeys(TWEETS, 20)
    assert all(len(each) == 1 for each in likers.owners.values())
    assert set.union(*likers.owners.values()) == {"one", "other"}


async def test_a_process_that_is_stopped_in_the_midst_leaves_the_right_counts(rig: Rig) -> None:
    likers = Likers()
    routing_, one, other = router(rig), owner(rig, likers, "one"), owner(rig, likers, "other")
    await rig.emit(*likes(range(1, 4)))
    async with running(other.run):
        async with running(one.run, routing_.run):
            await until(lambda: likers.handled > 50, what="they are in the midst")
        again = router(rig)
        async with running(again.run):
            await settled(again, other)

    assert likers.counts() == dict.fromkeys(TWEETS, 20)


async def test_a_batch_that_fails_in_the_midst_is_counted_again(rig: Rig) -> None:
    likers = Likers()
    routing_, one = router(rig), owner(rig, likers, "one", fails_at=70)
    await rig.emit(*likes(range(1, 3)))
    async with running(one.run, routing_.run):
        await settled(routing_, one)

    assert likers.handled > 640
    assert likers.counts() == dict.fromkeys(TWEETS, 20)
