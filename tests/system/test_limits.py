"""Limits as an operator sets them and a client meets them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.system.client import Answer, Client, register
from tests.system.process import Launcher, Running
from tests.system.refusals import is_refused

_FAR = {"limit_requests": 1_000_000, "limit_address_requests": 1_000_000}


def _counts(answer: Answer) -> tuple[int, int]:
    assert int(answer.headers["x-ratelimit-reset"]) > 0
    return int(answer.headers["x-ratelimit-limit"]), int(answer.headers["x-ratelimit-remaining"])


def _limited(answer: Answer, *, within_s: int) -> None:
    assert is_refused(answer, 429, "RATE_LIMITED") == ""
    assert 0 < int(answer.headers["retry-after"]) <= within_s
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert "retry_delay" in answer.details("RetryInfo")


@pytest.fixture
def narrow(starter: Launcher, data_dir: Path) -> Running:
    return starter.up(data_dir, limit_tweets=3, limit_follows=2, limit_likes=2, **_FAR)


def test_posts_replies_quotes_and_retweets_count_as_tweets(narrow: Running) -> None:
    ada, bob = register(Client(narrow.url)), register(Client(narrow.url))
    answers = [ada.post("/tweets", {"content": "1"})]
    first = answers[0].body["id"]
    answers.append(ada.post(f"/tweets/{first}/reply", {"content": "2"}))
    answers.append(ada.post(f"/tweets/{first}/retweet"))
    assert [_counts(answer) for answer in answers] == [(3, 2), (3, 1), (3, 0)]
    _limited(ada.post("/tweets", {"content": "4", "quote_tweet_id": first}), within_s=10_800)
    assert len(ada.home()) == 2
    assert bob.post("/tweets", {"content": "mine"}).status == 200


def test_repeats_and_failures_do_not_count(narrow: Running) -> None:
    ada = register(Client(narrow.url))
    first = ada.post("/tweets", {"content": "1"}, key="k")
    for _ in range(5):
        assert ada.post("/tweets", {"content": "1"}, key="k").text == first.text
        assert ada.post("/tweets", {"content": ""}).status == 400
        assert ada.post("/tweets", {"content": "x", "reply_to_id": "4242"}).status == 404
    assert [ada.post("/tweets", {"content": text}).status for text in "234"] == [200, 200, 429]


def test_a_repeat_is_answered_also_when_nothing_is_left(narrow: Running) -> None:
    ada = register(Client(narrow.url))
    first = ada.post("/tweets", {"content": "1"}, key="k")
    ada.tweet("2")
    ada.tweet("3")
    assert ada.post("/tweets", {"content": "1"}, key="k").text == first.text
    refused = ada.post("/tweets", {"content": "4"}, key="another")
    assert (refused.status, refused.headers["x-ratelimit-remaining"]) == (429, "0")
    assert int(refused.headers["retry-after"]) > 0


def test_only_new_follows_and_likes_count(narrow: Running) -> None:
    ada, bob, cy, dan = (register(Client(narrow.url)) for _ in range(4))
    tweets = [bob.tweet(str(number))["id"] for number in range(3)]
    for _ in range(4):
        assert ada.post(f"/users/{bob.id}/follow").status == 200
        assert ada.post(f"/tweets/{tweets[0]}/like").status == 200
    assert ada.post(f"/users/{cy.id}/follow").status == ada.post(f"/tweets/{tweets[1]}/like").status == 200
    _limited(ada.post(f"/users/{dan.id}/follow"), within_s=86_400)
    _limited(ada.post(f"/tweets/{tweets[2]}/like"), within_s=86_400)
    assert ada.get("/users/me").body["following_count"] == 2


def test_each_user_has_so_many_requests_whatever_they_ask(starter: Launcher, data_dir: Path) -> None:
    platform = starter.up(data_dir, limit_requests=5, limit_address_requests=1_000_000)
    ada, bob = register(Client(platform.url)), register(Client(platform.url))
    answers = [ada.get(path) for path in ("/users/me", "/timeline/home", "/users/4242", "/users/me", "/users/me")]
    assert [_counts(answer) for answer in answers] == [(5, 4), (5, 3), (5, 2), (5, 1), (5, 0)]
    _limited(ada.get("/users/me"), within_s=60)
    assert bob.get("/users/me").status == 200


def test_the_gateway_limits_each_address(starter: Launcher, data_dir: Path) -> None:
    platform = starter.up(data_dir, limit_address_requests=10)
    anybody = Client(platform.url)
    answers = [anybody.get("/users/me") for _ in range(11)]
    assert [answer.status for answer in answers] == [401] * 10 + [429]
    assert is_refused(answers[-1], 429, "RATE_LIMITED") == ""
    assert int(answers[-1].headers["retry-after"]) > 0


def test_limits_that_are_off_are_said_loudly_and_limit_nothing(starter: Launcher, data_dir: Path) -> None:
    platform = starter.up(data_dir, limits="off", limit_tweets=1, limit_requests=1, limit_address_requests=1)
    ada = register(Client(platform.url))
    answers = [ada.post("/tweets", {"content": text}) for text in "123"]
    assert [answer.status for answer in answers] == [200] * 3
    assert not any(name.startswith("x-ratelimit") for name in answers[-1].headers)
    assert "LIMITS ARE OFF" in platform.said_on_stderr
