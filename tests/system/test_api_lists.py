"""Timelines and their pages, through the gateway."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.system.client import Person, walk
from tests.system.refusals import is_refused
from tests.system.shapes import PAGINATION, TWEET, differences

_BAD_PAGES = ["limit=0", "limit=101", "limit=-1", "limit=abc", "limit=1.5", "offset=1", "cursor=damaged", "page=2"]


def _paths(person: Person, tweet: str) -> list[str]:
    tweets = ["/timeline/home", f"/timeline/user/{person.id}", f"/users/{person.id}/tweets", f"/tweets/{tweet}/replies"]
    return [*tweets, f"/users/{person.id}/followers", f"/users/{person.id}/following"]


@pytest.mark.parametrize("query", _BAD_PAGES)
def test_a_page_that_cannot_be_is_refused_on_every_list(ada: Person, query: str) -> None:
    for path in _paths(ada, ada.tweet()["id"]):
        assert is_refused(ada.get(f"{path}?{query}"), 400, "INVALID_INPUT") == "", path


@pytest.mark.parametrize("query", ["since_id=abc", "since_id=-1", "order=random", "order=LATEST"])
def test_what_home_does_not_know_is_refused(ada: Person, query: str) -> None:
    assert is_refused(ada.get(f"/timeline/home?{query}"), 400, "INVALID_INPUT") == ""


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6])
def test_has_more_is_exact_on_every_list_of_tweets(ada: Person, count: int) -> None:
    parent = ada.tweet("parent")
    replies = [ada.tweet(str(number), reply_to_id=parent["id"])["id"] for number in range(count)]
    page = ada.get(f"/tweets/{parent['id']}/replies?limit=5").body
    assert differences(page, {"tweets": lambda tweets: len(tweets) == min(count, 5), "pagination": bool}) == ""
    assert differences(page["pagination"], PAGINATION) == ""
    assert page["pagination"]["has_more"] == (count > 5)
    assert (page["pagination"]["next_cursor"] != "") == (count > 5)
    newest_first = replies[::-1]
    assert walk(ada.client, f"/tweets/{parent['id']}/replies?limit=5") == newest_first
    for path in ("/timeline/home", f"/timeline/user/{ada.id}", f"/users/{ada.id}/tweets"):
        for limit in (1, 5, 100):
            assert walk(ada.client, f"{path}?limit={limit}") == [*newest_first, parent["id"]]


def test_the_default_page_has_twenty(ada: Person) -> None:
    for number in range(21):
        ada.tweet(str(number))
    page = ada.get("/timeline/home").body
    assert len(page["tweets"]) == page["pagination"]["limit"] == 20
    assert [differences(tweet, TWEET) for tweet in page["tweets"]] == [""] * 20


def test_a_cursor_belongs_to_its_reader_and_its_list(ada: Person, bob: Person) -> None:
    for number in range(3):
        ada.tweet(str(number))
    bob.follow(ada)
    cursor = ada.get("/timeline/home?limit=1").body["pagination"]["next_cursor"]
    foreign = [
        bob.get(f"/timeline/home?cursor={cursor}"),
        ada.get(f"/timeline/user/{ada.id}?cursor={cursor}"),
        ada.get(f"/users/{ada.id}/followers?cursor={cursor}"),
        ada.get(f"/timeline/home?cursor={cursor[:-2]}"),
        ada.get(f"/timeline/home?cursor={cursor[::-1]}"),
        ada.get(f"/timeline/home?cursor={cursor.swapcase()}"),
    ]
    assert [is_refused(answer, 400, "INVALID_INPUT") for answer in foreign] == [""] * len(foreign)
    assert ada.get(f"/timeline/home?cursor={cursor}").status == 200


def test_pages_stand_still_while_new_tweets_arrive(ada: Person) -> None:
    old = [ada.tweet(str(number))["id"] for number in range(4)][::-1]
    first = ada.get("/timeline/home?limit=2").body
    ada.tweet("newer")
    rest = ada.get(f"/timeline/home?limit=2&cursor={first['pagination']['next_cursor']}").body
    assert [tweet["id"] for page in (first, rest) for tweet in page["tweets"]] == old
    assert not rest["pagination"]["has_more"]


def test_since_id_gives_what_is_newer_paged_down_to_it(ada: Person) -> None:
    parent = ada.tweet("0")["id"]
    ids = [ada.tweet(str(number), reply_to_id=parent)["id"] for number in range(1, 7)]
    lists = ("/timeline/home", f"/timeline/user/{ada.id}", f"/tweets/{parent}/replies")
    for path in lists:
        assert walk(ada.client, f"{path}?since_id={ids[1]}&limit=2") == ids[:1:-1], path
        assert walk(ada.client, f"{path}?since_id={ids[-1]}&limit=2") == [], path


def test_a_user_timeline_may_leave_replies_out(ada: Person) -> None:
    tweet = ada.tweet()["id"]
    reply = ada.tweet("r", reply_to_id=tweet)["id"]
    for path in (f"/timeline/user/{ada.id}", f"/users/{ada.id}/tweets"):
        assert walk(ada.client, f"{path}?filter=all") == walk(ada.client, f"{path}?limit=20") == [reply, tweet]
        assert walk(ada.client, f"{path}?filter=no_replies") == [tweet]
        assert walk(ada.client, f"{path}?filter=media") == []
        assert is_refused(ada.get(f"{path}?filter=videos"), 400, "INVALID_INPUT") == ""
    assert is_refused(ada.get("/timeline/user/4242"), 404, "NOT_FOUND") == ""


def test_home_follows_the_graph_at_the_next_read(ada: Person, bob: Person) -> None:
    past = ada.tweet("before")["id"]
    assert bob.home() == []
    bob.follow(ada)
    assert bob.home() == [past]
    new = ada.tweet("after")["id"]
    assert ada.home() == [new, past]
    bob.delete(f"/users/{ada.id}/follow")
    assert bob.home() == []


def test_home_shows_a_reply_only_to_those_who_follow_both(
    ada: Person, bob: Person, newcomer: Callable[[], Person]
) -> None:
    reader = newcomer()
    reader.follow(bob)
    tweet = ada.tweet()["id"]
    reply = bob.tweet("r", reply_to_id=tweet)["id"]
    assert reader.home() == []
    reader.follow(ada)
    assert reader.home() == [reply, tweet]


def test_home_shows_an_original_and_its_retweets_once(ada: Person, bob: Person, newcomer: Callable[[], Person]) -> None:
    reader, other = newcomer(), newcomer()
    reader.follow(bob)
    reader.follow(other)
    tweet = ada.tweet()["id"]
    earlier = bob.post(f"/tweets/{tweet}/retweet").body["id"]
    later = other.post(f"/tweets/{tweet}/retweet").body["id"]
    assert reader.home() == [earlier]
    bob.delete(f"/tweets/{tweet}/retweet")
    assert reader.home() == [later]
    reader.follow(ada)
    assert reader.home() == [tweet]
