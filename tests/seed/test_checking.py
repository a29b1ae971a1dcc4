"""The oracle finds nothing in a faultless platform, and each fault in one that has it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.seed.fake_platform import Json, Platform, Refusal, Tweet
from tests.seed.scene import Scene

from aviary.check.inspection import Surface
from aviary.seed.invention import invent
from aviary.seed.patience import LoadStopped


@settings(max_examples=12, deadline=None)
@given(
    people=st.integers(2, 12),
    tweets=st.integers(0, 5),
    seed=st.integers(0, 999),
    page=st.integers(1, 20),
    losses=st.sampled_from([0.0, 0.15]),
)
def test_no_faultless_world_has_a_difference(people: int, tweets: int, seed: int, page: int, losses: float) -> None:
    async def differences() -> list[object]:
        platform, rng = Platform(), Random(seed)
        with TemporaryDirectory() as folder:
            async with platform.serving() as url:
                scene = Scene(platform, url, Path(folder) / "journal")
                platform.lose_answer = lambda _: rng.random() < losses
                await scene.load(invent(people, seed=seed, texts=30), tweets_per_user=tweets)
                platform.lose_answer = lambda _: False
                return list((await scene.check(page=page)).differences)

    assert asyncio.run(differences()) == []


async def test_everybodys_views_are_walked(scene: Scene) -> None:
    await scene.load()
    findings = await scene.check()

    assert findings.walked == dict.fromkeys(Surface, 10)
    assert findings.entries[Surface.TIMELINE] > 40
    assert findings.entries[Surface.HOME] > findings.entries[Surface.TIMELINE]


async def test_a_service_that_is_down_for_a_while_is_waited_for(scene: Scene) -> None:
    await stop_at_a_lost_answer(scene)
    back_at = asyncio.get_running_loop().time() + 2
    down = Refusal(503, "the store does not answer")
    scene.platform.refuse = lambda _: down if asyncio.get_running_loop().time() < back_at else None

    # Whether that tweet exists is asked first, and without an answer nothing could be checked.
    findings = await scene.check(settle_s=60.0)
    assert findings.doubts > 0
    assert findings.differences == []


async def test_a_service_that_stays_down_is_a_difference(scene: Scene) -> None:
    await scene.load()
    scene.platform.refuse = lambda _: Refusal(503, "the store does not answer")

    found = (await scene.check(settle_s=0.2)).differences
    assert found
    assert all("503 for 0.2 s" in str(each) for each in found)


async def test_a_sample_walks_some_homes_and_yet_every_tweet(scene: Scene) -> None:
    await scene.load()
    findings = await scene.check(sample=3)

    assert findings.differences == []
    assert findings.walked[Surface.HOME] == 3
    assert findings.entries[Surface.TIMELINE] == sum(tweet.stands for tweet in findings.world.tweets.values())


def drop(tweets: list[Json]) -> list[Json]:
    return tweets[1:]


def double(tweets: list[Json]) -> list[Json]:
    return [*tweets, tweets[-1]]


def swap(tweets: list[Json]) -> list[Json]:
    return [tweets[-1], *tweets[1:-1], tweets[0]]


def invented(tweets: list[Json]) -> list[Json]:
    return [*tweets, {**tweets[-1], "id": "5"}]


LISTS = pytest.mark.parametrize("surface", ["home", "timeline"])


def plant(scene: Scene, surface: str, fault: Callable[[list[Json]], list[Json]]) -> None:
    """Let the fault loose on each longer page of that surface."""
    path = {"home": "/api/v1/timeline/home", "timeline": "/api/v1/timeline/user/"}[surface]
    scene.platform.fault = lambda at, body: (
        {**body, "tweets": fault(body["tweets"])} if at.startswith(path) and len(body["tweets"]) > 2 else body
    )


@LISTS
@pytest.mark.parametrize(
    ("fault", "kind"), [(drop, "missing"), (double, "twice"), (swap, "disordered"), (invented, "extra")]
)
async def test_a_fault_in_a_list_is_found(
    scene: Scene, surface: str, fault: Callable[[list[Json]], list[Json]], kind: str
) -> None:
    await scene.load()
    plant(scene, surface, fault)

    found = (await scene.check(page=100)).differences
    assert {difference.kind for difference in found} == {kind}
    assert {difference.where.split()[0] for difference in found} == {surface}


@LISTS
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content", "said by nobody"),
        ("type", "poem"),
        ("user", {"id": "5"}),
        ("created_at", "2001-01-01T00:00:00Z"),
        ("like_count", 99),
        ("retweet_count", 99),
        ("reply_count", 99),
        ("quote_count", 99),
        ("is_liked", None),
        ("is_retweeted", None),
        ("reply_to_id", "5"),
    ],
)
async def test_a_tweet_that_says_something_wrong_is_found(scene: Scene, surface: str, name: str, value: object) -> None:
    await scene.load()
    plant(scene, surface, lambda tweets: [{**tweet, name: value} for tweet in tweets])

    found = (await scene.check()).differences
    assert {difference.kind for difference in found} == {"wrong"}
    assert {difference.where.split()[0] for difference in found} == {surface}


async def test_a_page_longer_than_asked_for_is_found(scene: Scene) -> None:
    await scene.load()
    plant(scene, "home", lambda tweets: tweets * 3)

    found = (await scene.check()).differences
    assert found
    assert all("a page of 21, asked for 7" in difference.what for difference in found)


async def test_an_id_that_is_no_number_is_found(scene: Scene) -> None:
    await scene.load()
    plant(scene, "home", lambda tweets: [{**tweet, "id": "many"} for tweet in tweets])

    assert {difference.kind for difference in (await scene.check()).differences} == {"unreadable"}


@pytest.mark.parametrize("name", ["follower_count", "following_count", "tweet_count", "like_count"])
async def test_a_wrong_number_in_a_profile_is_found(scene: Scene, name: str) -> None:
    await scene.load()
    scene.platform.fault = lambda _, body: {**body, name: 999} if name in body and "username" in body else body

    assert {(d.kind, d.where.split()[0]) for d in (await scene.check()).differences} == {("wrong", "profile")}


async def test_an_answer_that_lacks_a_field_is_found(scene: Scene) -> None:
    await scene.load()
    scene.platform.fault = lambda _, body: {k: v for k, v in body.items() if k != "pagination"}

    assert {difference.kind for difference in (await scene.check()).differences} == {"unreadable"}


async def test_a_cursor_that_leads_nowhere_is_found(scene: Scene) -> None:
    await scene.load()
    stuck = {"limit": 7, "has_more": True, "next_cursor": "1"}
    scene.platform.fault = lambda at, body: {**body, "pagination": stuck} if at.endswith("/home") else body

    found = (await scene.check()).differences
    assert {difference.kind for difference in found} == {"unreadable"}
    assert all("leads nowhere" in difference.what for difference in found)


async def test_more_that_is_not_there_is_found(scene: Scene) -> None:
    await scene.load()

    def promise(at: str, body: Json) -> Json:
        if not at.endswith("/home") or body["pagination"]["has_more"] or not body["tweets"]:
            return body
        return {**body, "pagination": {"limit": 7, "has_more": True, "next_cursor": "9999"}}

    scene.platform.fault = promise
    found = (await scene.check()).differences
    assert found
    assert all("empty" in difference.what for difference in found)


async def test_an_acknowledged_tweet_that_is_lost_is_missing_in_each_place(scene: Scene) -> None:
    await scene.load()
    lost = next(tweet for tweet in scene.platform.tweets.values() if tweet.type == "original" and not tweet.deleted)
    followers = sum(whom == lost.author for _, whom in scene.platform.follows)
    lost.deleted = True

    missing = [d for d in (await scene.check()).differences if d.kind == "missing" and f" {lost.id} " in d.what]
    assert len(missing) == followers + 2  # the author's own home and timeline


async def test_a_lost_follow_is_found(scene: Scene) -> None:
    await scene.load()
    scene.platform.follows.popitem()

    kinds = {(d.kind, d.where.split()[0]) for d in (await scene.check()).differences}
    assert {("missing", "following"), ("missing", "home"), ("wrong", "profile")} <= kinds


async def test_a_second_retweet_of_one_tweet_by_one_person_is_found(scene: Scene) -> None:
    await scene.load()
    first = next(t for t in scene.platform.tweets.values() if t.type == "retweet" and not scene.platform.is_gone(t))
    second = scene.platform.new_id()
    scene.platform.tweets[second] = replace(first, id=second)

    assert ("extra", f"tweet {second}, which nobody in the journal made") in {
        (difference.kind, difference.what) for difference in (await scene.check()).differences
    }


async def stop_at_a_lost_answer(scene: Scene) -> Tweet:
    """Load until the answer to an original is lost, and return that tweet: nobody knows whether it was made."""
    made: list[int] = []

    def lose(request: web.Request) -> bool:
        if not made and len(scene.platform.tweets) > 20 and request.path.endswith("/tweets"):
            made.append(max(scene.platform.tweets))
        return bool(made)

    scene.platform.lose_answer = lose
    with pytest.raises(LoadStopped):
        await scene.load(patience_s=0.0)
    scene.platform.lose_answer = lambda _: False
    return scene.platform.tweets[made[0]]


async def test_a_tweet_that_nobody_knew_of_must_be_in_each_place_or_in_none(scene: Scene) -> None:
    tweet = await stop_at_a_lost_answer(scene)
    scene.platform.fault = lambda at, body: (
        {**body, "tweets": [shown for shown in body["tweets"] if shown["id"] != str(tweet.id)]}
        if at.endswith("/home")
        else body
    )

    found = (await scene.check()).differences
    assert found
    assert {(difference.kind, difference.where.split()[0]) for difference in found} == {("missing", "home")}


async def test_a_tweet_that_nobody_knew_of_may_be_there_once_at_most(scene: Scene) -> None:
    tweet = await stop_at_a_lost_answer(scene)
    again = scene.platform.new_id()
    scene.platform.tweets[again] = replace(tweet, id=again)

    kinds = {(difference.kind, difference.where.split()[0]) for difference in (await scene.check()).differences}
    assert {("extra", "home"), ("extra", "timeline"), ("wrong", "profile")} <= kinds


async def test_a_difference_that_goes_away_does_not_count(scene: Scene) -> None:
    await scene.load()
    late = iter(range(15))

    def hide(at: str, body: Json) -> Json:
        return {**body, "tweets": body["tweets"][1:]} if at.endswith("/home") and next(late, None) is not None else body

    scene.platform.fault = hide
    findings = await scene.check(settle_s=30.0, page=100)

    assert findings.differences == []
    assert findings.rounds > 1
