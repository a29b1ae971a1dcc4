"""What the fan-out does when all is well, when something fails, and when an author has many followers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from tests.fanout.rig import Worker
from tests.rpc.waiting import until

from aviary.clock import Clock
from aviary.errors import Unavailable
from aviary.events.v1.events_pb2 import EVENT_TYPE_TWEET_LIKED, Event
from aviary.fanout.store import AuthorTier, Tier
from aviary.settings import Settings

ADA, BOB, CYD = 1, 2, 3
STAR, IDOL = 100, 101
HOUR_MS = 3_600_000
MakeWorker = Callable[..., Worker]


@pytest.fixture
async def make(tmp_path: Path, clock: Clock) -> AsyncIterator[MakeWorker]:
    made: list[Worker] = []

    def make_(*, mid: int = 10_000, pull: int = 1_000_000) -> Worker:
        chosen = Settings(
            data_dir=tmp_path,
            fanout_retries=2,
            fanout_batch=2,
            fanout_small_followers=3,
            fanout_mid_followers=mid,
            fanout_pull_followers=pull,
        )
        made.append(Worker(chosen, clock))
        return made[-1]

    yield make_
    for worker in made:
        worker.close()


@pytest.fixture
async def worker(make: MakeWorker) -> Worker:
    return make()


async def test_a_tweet_reaches_every_warm_follower_and_the_author(worker: Worker) -> None:
    worker.crowd.of = {STAR: [ADA, BOB, CYD]}
    await worker.warm(ADA, BOB, STAR)
    async with worker.running():
        tweet = await worker.tweet(STAR)
        await worker.settle()

    assert [await worker.held(owner) for owner in (ADA, BOB, STAR)] == [[tweet]] * 3
    assert await worker.held(CYD) is None
    assert worker.worker.appended == 3


async def test_tweets_of_small_authors_are_appended_together_after_one_read_of_followers(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.crowd.of = {STAR: [ADA, BOB], IDOL: [ADA]}
    await worker.warm(ADA, BOB, STAR)
    tweets = [await worker.tweet(author) for author in (STAR, IDOL, STAR)]
    groups: list[int] = []
    append = worker.timelines.append_each

    async def noted(appends: Sequence[tuple[bytes, bytes]]) -> int:
        groups.append(len(appends))
        return await append(appends)

    monkeypatch.setattr(worker.timelines, "append_each", noted)
    async with worker.running():
        await worker.settle()

    assert groups == [3]
    assert sorted(worker.crowd.asked) == [STAR, IDOL]
    assert [await worker.held(owner) for owner in (ADA, BOB, STAR)] == [tweets[::-1], tweets[::-2], tweets[::-2]]
    assert worker.worker.appended == 7
    assert worker.metrics.registry.get_sample_value("aviary_fanout_lag_seconds_count", {"lane": "small"}) == 3


async def test_tweets_that_cannot_be_appended_together_are_delivered_one_by_one(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_appends: Sequence[tuple[bytes, bytes]]) -> int:
        raise Unavailable("the lists do not answer")

    monkeypatch.setattr(worker.timelines, "append_each", refuse)
    worker.crowd.of = {STAR: [ADA], IDOL: [ADA]}
    await worker.warm(ADA)
    tweets = [await worker.tweet(author) for author in (STAR, IDOL)]
    async with worker.running():
        await worker.settle()

    assert await worker.held(ADA) == tweets[::-1]
    assert await worker.dead_letters.count() == 0


async def test_what_is_no_new_tweet_is_passed_over(worker: Worker) -> None:
    worker.crowd.of = {STAR: [ADA]}
    await worker.warm(ADA)
    async with worker.running():
        event = Event(type=EVENT_TYPE_TWEET_LIKED, key=STAR, entity_id=5)
        await worker.tweets.write(lambda tx: tx.emit(event))
        await worker.settle()

    assert await worker.held(ADA) == []
    assert worker.crowd.asked == []


async def test_a_failure_in_the_midst_is_tried_again_and_counts_each_list_once(worker: Worker) -> None:
    worker.crowd.of = {STAR: [ADA, BOB, CYD]}
    worker.crowd.failures = {STAR: 1}
    await worker.warm(ADA, BOB, CYD)
    async with worker.running():
        tweet = await worker.tweet(STAR)
        await worker.settle()

    assert [await worker.held(owner) for owner in (ADA, BOB, CYD)] == [[tweet]] * 3
    assert worker.worker.appended == 3
    assert worker.metrics.registry.get_sample_value("aviary_fanout_appended_entries_total") == 3
    assert await worker.dead_letters.count() == 0


async def test_after_the_last_retry_a_tweet_is_dead_lettered_and_no_list_claims_to_be_complete(worker: Worker) -> None:
    worker.crowd.of = {STAR: [ADA, BOB, CYD], IDOL: [ADA]}
    worker.crowd.failures = {STAR: 1_000}
    await worker.warm(ADA, BOB, CYD, STAR)
    async with worker.running():
        await worker.tweet(STAR)
        await worker.settle()
        assert [await worker.held(owner) for owner in (ADA, BOB, CYD, STAR)] == [None] * 4
        assert await worker.dead_letters.count() == 1
        assert worker.metrics.registry.get_sample_value("aviary_fanout_dead_lettered_total") == 1

        await worker.warm(ADA)
        next_one = await worker.tweet(IDOL)
        await worker.settle()
    assert await worker.held(ADA) == [next_one]


async def test_the_offset_is_committed_after_the_effect_and_never_before(worker: Worker) -> None:
    worker.crowd.of = {STAR: [ADA, BOB], IDOL: [ADA]}
    worker.crowd.gates = {STAR: asyncio.Event()}
    async with worker.running():
        await worker.tweet(IDOL)
        await worker.settle()
        await worker.tweet(STAR)
        await worker.tweet(IDOL)
        await until(lambda: sorted(worker.crowd.asked) == [STAR, IDOL, IDOL], what="the last tweet overtook")
        await until(lambda: worker.consumer.pending == 1, what="only the star's tweet was open")

        async def has_committed() -> bool:
            return await worker.offsets.load("fanout") == 1

        await until(has_committed, what="what came before was committed")
        assert worker.consumer.committed == 1
        worker.crowd.gates[STAR].set()
        await worker.settle()


async def test_a_worker_that_died_delivers_again_what_was_not_committed_and_nothing_twice(worker: Worker) -> None:
    worker.crowd.of = {STAR: [ADA, BOB], IDOL: [ADA]}
    worker.crowd.gates = {STAR: asyncio.Event()}
    await worker.warm(ADA, BOB)
    async with worker.running():
        star, idol = await worker.tweet(STAR), await worker.tweet(IDOL)
        await until(lambda: sorted(worker.crowd.asked) == [STAR, IDOL], what="the idol's tweet overtook")
        await until(lambda: worker.consumer.pending == 1, what="only the star's tweet was open")
    assert await worker.offsets.load("fanout") is None

    worker.crowd.gates = {}
    async with worker.running():
        await worker.settle()
    assert worker.worker.appended == 0
    assert await worker.held(ADA) == [idol, star]
    assert await worker.held(BOB) == [star]


async def test_a_huge_author_that_is_stuck_does_not_delay_a_small_one(worker: Worker) -> None:
    worker.crowd.of = {STAR: [ADA, BOB, CYD, 4, 5], IDOL: [ADA]}
    worker.crowd.gates = {STAR: asyncio.Event()}
    await worker.warm(ADA)
    async with worker.running():
        # More than the large lane has workers.
        for _ in range(50):
            await worker.tweet(STAR)
        small = await worker.tweet(IDOL)

        async def is_there() -> bool:
            return small in (await worker.held(ADA) or [])

        await until(is_there, what="the small author's tweet overtook fifty of a huge one")
        assert worker.consumer.pending == 50
        worker.crowd.gates[STAR].set()
        await worker.settle()
    assert len(await worker.held(ADA) or []) == 51


async def test_authors_whose_followers_cannot_be_counted_travel_with_the_large_and_arrive(worker: Worker) -> None:
    worker.crowd.of = {STAR: [ADA]}
    worker.crowd.counts_fail = True
    await worker.warm(ADA)
    async with worker.running():
        tweet = await worker.tweet(STAR)
        await until(lambda: worker.consumer.pending == 1, what="the tweet was read")
        worker.crowd.counts_fail = False
        await worker.settle()

    assert await worker.held(ADA) == [tweet]


async def test_a_tier_is_stored_before_it_takes_effect(make: MakeWorker) -> None:
    worker = make(mid=2, pull=100)
    worker.crowd.of = {STAR: [ADA, BOB]}
    seen: list[Sequence[AuthorTier]] = []

    async def look() -> None:
        seen.append(await worker.tiers.all())

    worker.crowd.look = look
    async with worker.running():
        tweet = await worker.tweet(STAR)
        await worker.settle()

    assert seen == [[AuthorTier(author_id=STAR, tier=Tier.MID, from_id=tweet)]]


async def test_a_tier_that_cannot_be_stored_has_no_effect(make: MakeWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = make(mid=2, pull=2)

    async def refuse(tier: AuthorTier) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(worker.tiers, "raise_tier", refuse)
    worker.crowd.of = {STAR: [ADA, BOB]}
    await worker.warm(ADA)
    async with worker.running():
        await worker.tweet(STAR)
        await worker.settle()

    # Neither pushed nor to be pulled: so no list may claim to be complete.
    assert await worker.held(ADA) is None
    assert await worker.dead_letters.count() == 1


async def test_the_mid_tier_pushes_only_to_those_who_read_lately(make: MakeWorker, clock: Clock) -> None:
    worker = make(mid=2, pull=100)
    worker.crowd.of = {STAR: [ADA, BOB], IDOL: [ADA]}
    await worker.warm(ADA, BOB)
    clock.advance(2 * HOUR_MS)
    await worker.held(BOB)
    async with worker.running():
        star, idol = await worker.tweet(STAR), await worker.tweet(IDOL)
        await worker.settle()

    assert star != idol
    assert await worker.held(ADA) == [idol]
    assert await worker.held(BOB) == [star]


async def test_the_pull_tier_pushes_to_the_author_alone(make: MakeWorker) -> None:
    worker = make(mid=2, pull=3)
    worker.crowd.of = {STAR: [ADA, BOB, CYD]}
    await worker.warm(ADA, STAR)
    async with worker.running():
        tweet = await worker.tweet(STAR)
        await worker.settle()

    assert await worker.held(ADA) == []
    assert await worker.held(STAR) == [tweet]
    assert [each.tier for each in await worker.tiers.all()] == [Tier.PULL]


async def test_who_loses_followers_is_pushed_again_and_still_pulled(make: MakeWorker, clock: Clock) -> None:
    worker = make(mid=2, pull=2)
    worker.crowd.of = {STAR: [ADA, BOB]}
    await worker.warm(ADA)
    async with worker.running():
        await worker.tweet(STAR)
        await worker.settle()
        worker.crowd.of = {STAR: [ADA]}
        clock.advance(1_000)
        pushed = await worker.tweet(STAR)
        await worker.settle()

    assert await worker.held(ADA) == [pushed]
    assert [each.tier for each in await worker.tiers.all()] == [Tier.PULL]


async def test_a_store_that_cannot_keep_the_offset_for_a_while_stops_nothing(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[int] = []
    commit = worker.offsets.commit

    async def commit_sometimes(consumer: str, offset: int) -> None:
        if len(refused) < 2:
            refused.append(offset)
            raise Unavailable("the disk is full")
        await commit(consumer, offset)

    monkeypatch.setattr(worker.offsets, "commit", commit_sometimes)
    worker.crowd.of = {STAR: [ADA]}
    await worker.warm(ADA)
    async with worker.running():
        first = await worker.tweet(STAR)
        await until(lambda: len(refused) == 2, what="the offset was refused twice")
        second = await worker.tweet(STAR)
        await worker.settle()

        async def has_committed() -> bool:
            return await worker.offsets.load("fanout") == 2

        await until(has_committed, what="the offset was kept at last")
    assert await worker.held(ADA) == [second, first]
