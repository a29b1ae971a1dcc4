"""A load through the fake platform: complete, exactly once, whatever gets lost on the way."""

from __future__ import annotations

from collections import Counter
from math import inf
from pathlib import Path
from random import Random

import pytest
from aiohttp import web
from tests.seed.fake_platform import Refusal
from tests.seed.scene import Scene

from aviary.seed.call import Op
from aviary.seed.invention import invent
from aviary.seed.journal import Journal
from aviary.seed.loader import load
from aviary.seed.patience import LoadStopped


async def test_a_load_does_everything_that_people_do(scene: Scene) -> None:
    summary = await scene.load()

    assert set(summary.acknowledged) == set(Op)
    assert summary.acknowledged[Op.REGISTER] == len(scene.platform.users) == 10
    assert summary.acknowledged[Op.POST] == 40
    assert summary.unseen == 0


async def test_every_home_is_read_before_the_first_tweet(scene: Scene) -> None:
    await scene.load()

    first_tweet = next(
        i for i, (method, path, _) in enumerate(scene.platform.requests) if (method, path[-7:]) == ("POST", "/tweets")
    )
    reads = [path for _, path, _ in scene.platform.requests[:first_tweet] if path == "/api/v1/timeline/home"]
    assert len(reads) == 10


async def test_nobody_posts_between_a_changed_follow_and_the_readers_next_look(scene: Scene) -> None:
    await scene.load()

    stale: set[int] = set()
    posted_before = False
    for event in scene.events():
        op = event.get("op")
        if op in {"post", "reply", "quote", "retweet"}:
            assert not stale
            posted_before = True
        elif op == "follow" and posted_before:
            stale.add(event["user"])
        elif op == "read":
            stale.discard(event["user"])


async def test_a_second_run_sends_nothing(scene: Scene) -> None:
    first = await scene.load()
    scene.platform.requests.clear()

    second = await scene.load()

    assert scene.platform.requests == []
    assert second.settled_before == first.acknowledged.total() + first.refused.total()


async def test_lost_requests_and_answers_are_asked_again_and_nothing_is_done_twice(scene: Scene) -> None:
    rng = Random(5)
    scene.platform.lose_request = lambda _: rng.random() < 0.1
    scene.platform.lose_answer = lambda _: rng.random() < 0.1
    summary = await scene.load()

    originals = [tweet for tweet in scene.platform.tweets.values() if tweet.type == "original"]
    assert summary.acknowledged[Op.POST] == len(originals) == 40
    scene.platform.lose_request = scene.platform.lose_answer = lambda _: False
    assert (await scene.check()).differences == []


async def test_a_call_is_repeated_under_its_own_key(scene: Scene) -> None:
    lost: set[str] = set()

    def lose_each_post_once(request: web.Request) -> bool:
        key = request.headers.get("idempotency-key", "")
        first = request.path.endswith("/tweets") and key not in lost
        lost.update({key} if first else ())
        return first

    scene.platform.lose_answer = lose_each_post_once
    await scene.load()

    keys = Counter(key for _, path, key in scene.platform.requests if path.endswith("/tweets"))
    assert set(keys.values()) == {2}


def lose_after(scene: Scene, calls: float, *, what: str) -> None:
    """Let everything be lost that comes after so many calls, either before or after it was done."""
    if what == "request":
        scene.platform.lose_request = lambda _: len(scene.platform.requests) > calls
    else:
        scene.platform.lose_answer = lambda _: len(scene.platform.requests) > calls


@pytest.mark.parametrize("what", ["request", "answer"])
@pytest.mark.parametrize("calls", [5, 60, 110, 160])
async def test_a_load_that_was_stopped_is_sound_and_goes_on_where_it_was(scene: Scene, what: str, calls: int) -> None:
    lose_after(scene, calls, what=what)
    with pytest.raises(LoadStopped, match="run again with the same journal"):
        await scene.load(patience_s=0.0)
    lose_after(scene, inf, what=what)
    stopped = await scene.check()
    scene.tear_journal()

    summary = await scene.load()

    assert stopped.differences == []
    assert stopped.doubts > 0
    assert summary.unseen == 0
    assert (await scene.check()).differences == []


async def test_every_time_that_a_call_goes_out_is_in_the_journal(scene: Scene) -> None:
    rng = Random(11)
    scene.platform.lose_answer = lambda _: rng.random() < 0.2
    await scene.load()

    sent = Counter(event["op"] for event in scene.events() if event["event"] == "sent")
    deletions = [path for method, path, _ in scene.platform.requests if method == "DELETE"]
    assert sent["delete"] + sent["unretweet"] + sent["unlike"] + sent["unfollow"] == len(deletions)


async def test_a_limit_is_obeyed_and_the_call_is_sent_again(scene: Scene) -> None:
    rng = Random(7)
    limited = Refusal(429, "slow down", **{"retry-after": "0"})
    scene.platform.refuse = lambda _: limited if rng.random() < 0.2 else None
    summary = await scene.load()
    scene.platform.refuse = lambda _: None

    assert not any("429" in what for what in summary.refused)
    assert summary.acknowledged[Op.POST] == 40
    assert (await scene.check()).differences == []


async def test_a_token_that_is_not_taken_any_more_is_renewed(scene: Scene) -> None:
    def forget_tokens(request: web.Request) -> bool:
        if len(scene.platform.requests) % 40 == 0:
            scene.platform.tokens.clear()
        return False

    scene.platform.lose_request = forget_tokens
    summary = await scene.load()

    assert summary.acknowledged[Op.POST] == 40
    assert "/api/v1/auth/login" in {path for _, path, _ in scene.platform.requests}


async def test_a_token_near_its_end_is_refreshed_without_a_password(scene: Scene) -> None:
    scene.platform.token_s = 10
    await scene.load()

    paths = {path for _, path, _ in scene.platform.requests}
    assert "/api/v1/auth/refresh-token" in paths
    assert "/api/v1/auth/login" not in paths


async def test_a_refused_tweet_leaves_out_what_is_about_it(scene: Scene) -> None:
    posts = iter(range(1000))
    scene.platform.refuse = lambda request: (
        Refusal(400, "no") if request.path.endswith("/tweets") and next(posts) % 3 == 0 else None
    )
    summary = await scene.load()

    assert summary.refused["post 400"] > 0
    assert summary.skipped > 0
    assert (await scene.check()).differences == []


async def test_a_platform_that_holds_another_load_is_named(scene: Scene, tmp_path: Path) -> None:
    await scene.load()

    with pytest.raises(LoadStopped, match=r"AbleAvocet can't register: 409 .* Is another load in this platform\?"):
        await load(invent(2, texts=5), scene.url, tmp_path / "second")


async def test_a_journal_goes_on_with_no_other_plan(scene: Scene) -> None:
    await scene.load()

    with pytest.raises(ValueError, match="belongs to a load of other people, follows, texts or options"):
        await scene.load(tweets_per_user=5)


def test_a_journal_is_written_by_one_load_at_a_time(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with Journal.open(journal, plan="p", url="u"), pytest.raises(ValueError, match="is being written by another load"):
        Journal.open(journal, plan="p", url="u")


async def test_only_the_owner_may_read_a_journal(scene: Scene) -> None:
    await scene.load()

    assert scene.journal_mode() == 0o600
