"""Mentions, likes, bookmarks, hashtags and the count of what is new, through the gateway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from tests.system.client import Person, fresh_name, listed
from tests.system.conditions import eventually
from tests.system.refusals import is_refused
from tests.system.shapes import PAGINATION, RETWEET, TWEET, differences

_EMPTY: dict[str, Any] = {"tweets": [], "pagination": {"limit": 20, "next_cursor": "", "has_more": False}}


def page_fits(page: Any) -> bool:
    """Whether a page has its fields, and each tweet its own."""
    return (
        set(page) == {"tweets", "pagination"}
        and not differences(page["pagination"], PAGINATION)
        and not any(differences(tweet, TWEET) for tweet in page["tweets"])
    )


def tweets(person: Person, path: str) -> list[str]:
    return listed(person, path, "tweets")


@pytest.mark.parametrize("name", ["mentions", "likes", "bookmarks", "hashtag/nobodyusesthis", "home"])
def test_who_is_new_has_empty_timelines(ada: Person, name: str) -> None:
    assert ada.get(f"/timeline/{name}").body == ada.get(f"//api/timeline/{name}").body == _EMPTY


def test_mentions_are_those_tweets_that_name_one_newest_first(ada: Person, bob: Person) -> None:
    ids = [bob.tweet(f"{number} @{ada.username.upper()} @{ada.username}")["id"] for number in range(5)]
    bob.tweet(f"not you, x{ada.username}")
    path = "/timeline/mentions"
    assert page_fits(ada.get(path).body)
    assert tweets(ada, path) == ids[::-1]
    assert tweets(ada, f"{path}?since_id={ids[1]}") == ids[:1:-1]
    assert tweets(bob, path) == []
    bob.delete(f"/tweets/{ids[2]}")
    bob.put(f"/tweets/{ids[3]}", {"content": "nobody"})
    assert tweets(ada, path) == [ids[4], ids[1], ids[0]]
    edited = bob.tweet("nobody yet")["id"]
    bob.put(f"/tweets/{edited}", {"content": f"now @{ada.username}"})
    assert tweets(ada, path) == [edited, ids[4], ids[1], ids[0]]
    ada.post(f"/users/{bob.id}/block")
    assert tweets(ada, path) == []


@pytest.mark.parametrize(("deed", "name"), [("like", "likes"), ("bookmark", "bookmarks")])
def test_ones_collections_are_in_the_order_in_which_they_were_made(
    ada: Person, bob: Person, deed: str, name: str
) -> None:
    ids = [bob.tweet(str(number))["id"] for number in range(5)]
    order = [ids[3], ids[0], ids[4], ids[1]]
    for each in order:
        for _ in range(2):
            assert ada.post(f"/tweets/{each}/{deed}").status == 200
    path = f"/timeline/{name}"
    page = ada.get(path).body
    assert page_fits(page)
    assert {tweet[f"is_{deed}d" if deed == "like" else "is_bookmarked"] for tweet in page["tweets"]} == {True}
    assert tweets(ada, path) == order[::-1]
    # What was collected after that tweet was, not what is newer than it.
    assert tweets(ada, f"{path}?since_id={ids[0]}") == [ids[1], ids[4]]
    assert tweets(ada, f"{path}?since_id={ids[1]}") == []
    assert tweets(bob, path) == []

    ada.delete(f"/tweets/{ids[0]}/{deed}")
    bob.delete(f"/tweets/{ids[4]}")
    assert tweets(ada, path) == [ids[1], ids[3]]
    ada.post(f"/tweets/{ids[0]}/{deed}")
    assert tweets(ada, path) == [ids[0], ids[1], ids[3]]


def test_a_collection_keeps_whom_one_mutes_and_drops_whom_one_blocks(ada: Person, bob: Person) -> None:
    tweet = bob.tweet("a spoiler")["id"]
    ada.post(f"/tweets/{tweet}/like")
    ada.post(f"/tweets/{tweet}/bookmark")
    ada.post(f"/users/{bob.id}/mute")
    ada.put("/users/me/settings", {"muted_words": ["spoiler"]})
    assert tweets(ada, "/timeline/likes") == tweets(ada, "/timeline/bookmarks") == [tweet]
    bob.post(f"/users/{ada.id}/block")
    assert tweets(ada, "/timeline/likes") == tweets(ada, "/timeline/bookmarks") == []
    # What one kept is one's own to drop, though it can't be seen.
    assert ada.delete(f"/tweets/{tweet}/bookmark").body == {}
    bob.delete(f"/users/{ada.id}/block")
    assert (tweets(ada, "/timeline/likes"), tweets(ada, "/timeline/bookmarks")) == ([tweet], [])


def test_to_keep_or_drop_a_retweet_is_to_keep_or_drop_its_original(ada: Person, bob: Person) -> None:
    tweet = ada.tweet()["id"]
    retweet = bob.post(f"/tweets/{tweet}/retweet").body["id"]
    for deed, name in (("like", "likes"), ("bookmark", "bookmarks")):
        assert ada.post(f"/tweets/{retweet}/{deed}").status == 200
        assert tweets(ada, f"/timeline/{name}") == [tweet]
        assert ada.delete(f"/tweets/{retweet}/{deed}").status == 200
        assert tweets(ada, f"/timeline/{name}") == [], deed


@pytest.mark.parametrize("written", ["{tag}", "%23{tag}", "{upper}", "%23{upper}"])
def test_a_hashtag_is_found_in_any_case_with_and_without_its_sign(ada: Person, bob: Person, written: str) -> None:
    tag = fresh_name("Tag")
    ids = [person.tweet(f"{number} #{tag}")["id"] for number, person in enumerate((ada, bob, ada, bob, ada))]
    ada.tweet(f"#{tag}longer {tag}")
    path = f"/timeline/hashtag/{written.format(tag=tag, upper=tag.upper())}"
    assert page_fits(ada.get(path).body)
    assert tweets(ada, path) == tweets(bob, path) == ids[::-1]
    assert tweets(ada, f"{path}?since_id={ids[1]}") == ids[:1:-1]
    bob.delete(f"/tweets/{ids[3]}")
    ada.post(f"/users/{bob.id}/mute")
    assert tweets(ada, path) == [ids[4], ids[2], ids[0]]


@pytest.mark.parametrize("tag", ["日本語", "Straße", "İstanbul", "été", "e\u0301te\u0301"])
def test_a_hashtag_of_any_script_is_found(ada: Person, tag: str) -> None:
    tweet = ada.tweet(f"#{tag}")
    assert tweet["entities"]["hashtags"], tweet
    for written in (tag, f"#{tag}"):
        assert ada.get(f"/timeline/hashtag/{quote(written)}").body["tweets"][0]["id"] == tweet["id"]


@pytest.mark.parametrize("tag", ["%23", "x" * 101, quote("鳥" * 101), "%23" + "x" * 101])
def test_a_tag_that_can_be_none_is_refused_by_name(ada: Person, tag: str) -> None:
    answer = ada.get(f"/timeline/hashtag/{tag}")
    assert is_refused(answer, 400, "INVALID_INPUT") == ""
    assert answer.violated == {"tag"}


def test_new_tweets_are_counted_up_to_a_hundred(ada: Person, bob: Person) -> None:
    path = "/timeline/home/count"
    assert ada.get(path).body == {"count": 0, "has_more": False}
    start = ada.tweet()["id"]
    ada.follow(bob)
    assert ada.get(f"{path}?since_id={start}").body == {"count": 0, "has_more": False}
    ids = [bob.tweet(str(number))["id"] for number in range(101)]
    eventually(lambda: ada.get(f"{path}?since_id={start}").body == {"count": 100, "has_more": True})
    eventually(lambda: ada.get(f"{path}?since_id={ids[99]}").body == {"count": 1, "has_more": False})
    assert ada.get(f"{path}?since_id={ids[0]}").body == {"count": 100, "has_more": False}
    assert ada.get(f"{path}?since_id={ids[98]}").body == {"count": 2, "has_more": False}
    assert ada.get(f"{path}?since_id={ids[100]}").body == {"count": 0, "has_more": False}
    bob.delete(f"/tweets/{ids[100]}")
    assert ada.get(f"{path}?since_id={ids[98]}").body["count"] == 1
    ada.post(f"/users/{bob.id}/mute")
    assert ada.get(path).body == {"count": 1, "has_more": False}
    assert is_refused(ada.get(f"{path}?since_id=-1"), 400, "INVALID_INPUT") == ""


def test_home_tells_of_retweets_as_whole_tweets(ada: Person, bob: Person, newcomer: Callable[[], Person]) -> None:
    tweet = newcomer().tweet()
    ada.follow(bob)
    bob.post(f"/tweets/{tweet['id']}/retweet")
    (shown,) = ada.get("/timeline/home").body["tweets"]
    assert differences(shown, RETWEET) == ""
    assert shown["retweeted_tweet"] == ada.get(f"/tweets/{tweet['id']}").body
    assert (shown["content"], shown["user"]["id"], shown["retweeted_tweet"]["id"]) == ("", bob.id, tweet["id"])


def test_a_cursor_belongs_to_its_timeline_and_reader(ada: Person, bob: Person) -> None:
    tag = fresh_name("tag")
    for number in range(3):
        tweet = ada.tweet(f"{number} @{ada.username} @{bob.username} #{tag} #{tag}2")["id"]
        for person in (ada, bob):
            for deed in ("like", "bookmark"):
                person.post(f"/tweets/{tweet}/{deed}")
    paths = [f"/timeline/{name}" for name in ("mentions", "likes", "bookmarks", f"hashtag/{tag}", f"hashtag/{tag}2")]
    cursors = {path: ada.get(f"{path}?limit=1").body["pagination"]["next_cursor"] for path in paths}
    for path in paths:
        for origin, cursor in cursors.items():
            answer = ada.get(f"{path}?cursor={cursor}")
            assert answer.status == 200 if path == origin else is_refused(answer, 400, "INVALID_INPUT") == ""
        assert is_refused(bob.get(f"{path}?cursor={cursors[path]}"), 400, "INVALID_INPUT") == "", path


@pytest.mark.parametrize(
    "path", ["/timeline/me", "/timeline", "/timeline/hashtag", "/timeline/hashtag/", "/timeline/x"]
)
def test_what_is_no_timeline_is_not_found(ada: Person, path: str) -> None:
    assert is_refused(ada.get(path), 404, "NOT_FOUND") == ""
