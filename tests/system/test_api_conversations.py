"""Threads, conversations, quotes and the history of a tweet, through the gateway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.system.client import Answer, Person, listed
from tests.system.refusals import is_refused
from tests.system.shapes import PAGINATION, QUOTE, REPLY, TWEET, VERSION, differences, moment

_NOTHING = "4242"


@pytest.fixture
def cyd(newcomer: Callable[[], Person]) -> Person:
    return newcomer()


def reply(person: Person, to: str, content: str = "re") -> str:
    answer = person.post(f"/tweets/{to}/reply", {"content": content})
    assert answer.status == 200, answer.text
    return str(answer.body["id"])


def conversation(person: Person, tweet: str, query: str = "") -> list[str]:
    return listed(person, f"/tweets/{tweet}/conversation{query}", "tweets")


def thread(person: Person, *contents: str, **fields: object) -> Answer:
    first, *rest = ({"content": content} for content in contents)
    return person.post("/tweets/thread", {"tweets": [{**first, **fields}, *rest]})


def test_a_thread_is_a_chain_of_replies(ada: Person, bob: Person) -> None:
    answer = thread(ada, "one", "two", "three", reply_audience="mentioned")
    assert set(answer.body) == {"tweets"}
    first, second, third = answer.body["tweets"]
    assert differences(first, TWEET) == differences(second, REPLY) == differences(third, REPLY) == ""
    assert [second["reply_to_id"], third["reply_to_id"]] == [first["id"], second["id"]]
    assert {each["conversation_id"] for each in (first, second, third)} == {first["id"]}
    assert {each["reply_audience"] for each in (first, second, third)} == {"mentioned"}
    assert is_refused(bob.post(f"/tweets/{third['id']}/reply", {"content": "x"}), 403, "FORBIDDEN") == ""
    newest_first = [third["id"], second["id"], first["id"]]
    assert ada.home() == conversation(bob, second["id"]) == newest_first
    assert ada.get("/users/me").body["tweet_count"] == 3


def test_a_thread_continues_a_conversation(ada: Person, bob: Person) -> None:
    tweet = bob.tweet()["id"]
    first, second = thread(ada, "one", "two", reply_to_id=tweet).body["tweets"]
    assert (first["reply_to_id"], first["conversation_id"], second["conversation_id"]) == (tweet, tweet, tweet)
    assert conversation(bob, tweet) == [second["id"], first["id"], tweet]


@pytest.mark.parametrize(
    ("tweets", "status", "named"),
    [
        ([], 400, {"tweets"}),
        ([{"content": "alone"}], 400, {"tweets"}),
        ([{"content": str(number)} for number in range(26)], 400, {"tweets"}),
        ([{"content": "one"}, {"content": "x" * 281}], 400, {"tweets[1].content"}),
        ([{"content": "one"}, {"content": "two", "reply_to_id": "1"}], 400, {"tweets[1].reply_to_id"}),
        ([{"content": "one"}, {"content": "two", "reply_audience": "followed"}], 400, {"tweets[1].reply_audience"}),
        ([{"content": "one"}, {"content": "two", "quote_tweet_id": _NOTHING}], 404, set()),
        ([{"content": "one", "reply_to_id": _NOTHING}, {"content": "two"}], 404, set()),
    ],
)
def test_of_a_thread_that_cannot_be_nothing_is_published(
    ada: Person, tweets: list[dict[str, str]], status: int, named: set[str]
) -> None:
    answer = ada.post("/tweets/thread", {"tweets": tweets})
    assert is_refused(answer, status) == ""
    assert status != 400 or answer.violated == named
    assert ada.home() == []


def test_a_conversation_holds_what_is_above_a_tweet_and_all_below_it(ada: Person, bob: Person) -> None:
    root = ada.tweet()["id"]
    aside = reply(bob, root)
    tweet = reply(ada, root)
    below = reply(bob, tweet)
    deeper = reply(ada, below)
    beside = reply(bob, tweet)
    assert conversation(bob, tweet) == [beside, deeper, below, tweet, root]
    assert conversation(bob, root) == [beside, deeper, below, tweet, aside, root]
    assert conversation(ada, deeper) == [deeper, below, tweet, root]
    assert conversation(ada, root, f"?since_id={tweet}") == [beside, deeper, below]
    page = ada.get(f"/tweets/{root}/conversation").body
    assert differences(page["pagination"], PAGINATION) == ""
    assert [differences(each, REPLY) for each in page["tweets"][:-1]] == [""] * 5
    assert differences(page["tweets"][-1], TWEET) == ""

    bob.delete(f"/tweets/{below}")
    assert conversation(ada, tweet) == [beside, deeper, tweet, root]
    ada.post(f"/users/{bob.id}/mute")
    assert conversation(ada, tweet) == [deeper, tweet, root]


def test_a_ranked_conversation_has_the_tweet_first_and_the_most_engaging_replies_next(
    ada: Person, bob: Person, cyd: Person
) -> None:
    root = ada.tweet()["id"]
    tweet = reply(ada, root)
    dull, loved, own, fair = reply(bob, tweet), reply(bob, tweet), reply(ada, tweet), reply(cyd, tweet)
    for person in (ada, cyd):
        person.post(f"/tweets/{loved}/like")
    bob.post(f"/tweets/{fair}/like")
    ranked = [tweet, root, own, loved, fair, dull]
    assert conversation(bob, tweet, "?order=ranked") == ranked
    assert (
        conversation(bob, tweet, "?order=latest") == conversation(bob, tweet) == [fair, own, loved, dull, tweet, root]
    )
    first = ada.get(f"/tweets/{tweet}/conversation?order=ranked&limit=2").body["pagination"]["next_cursor"]
    latest = ada.get(f"/tweets/{tweet}/conversation?cursor={first}")
    assert is_refused(latest, 400, "INVALID_INPUT") == ""
    for order in ("oldest", "RANKED", ""):
        answer = ada.get(f"/tweets/{tweet}/conversation?order={order}")
        assert is_refused(answer, 400, "INVALID_INPUT") == ""
        assert answer.violated == {"order"}


def test_a_retweet_stands_for_its_original(ada: Person, bob: Person) -> None:
    tweet = ada.tweet()["id"]
    answer = reply(ada, tweet)
    quote = ada.tweet("look", quote_tweet_id=tweet)["id"]
    retweet = bob.post(f"/tweets/{tweet}/retweet").body["id"]
    assert conversation(ada, retweet) == [answer, tweet]
    assert listed(ada, f"/tweets/{retweet}/replies", "tweets") == [answer]
    assert listed(ada, f"/tweets/{retweet}/quotes", "tweets") == [quote]
    assert listed(ada, f"/tweets/{retweet}/retweets") == [bob.id]
    assert [each["content"] for each in ada.get(f"/tweets/{retweet}/history").body["versions"]] == ["hello"]


def test_quotes_are_listed_newest_first(ada: Person, bob: Person) -> None:
    tweet = ada.tweet()["id"]
    ids = [bob.tweet(str(number), quote_tweet_id=tweet)["id"] for number in range(5)]
    path = f"/tweets/{tweet}/quotes"
    page = ada.get(path).body
    assert [differences(each, QUOTE) for each in page["tweets"]] == [""] * 5
    assert differences(page["pagination"], PAGINATION) == ""
    assert listed(ada, path, "tweets") == ids[::-1]
    assert listed(ada, f"{path}?since_id={ids[1]}", "tweets") == ids[:1:-1]
    bob.delete(f"/tweets/{ids[2]}")
    assert (len(listed(ada, path, "tweets")), ada.get(f"/tweets/{tweet}").body["quote_count"]) == (4, 4)
    ada.post(f"/users/{bob.id}/mute")
    assert (listed(ada, path, "tweets"), listed(bob, path, "tweets")) == ([], [ids[4], ids[3], ids[1], ids[0]])


def versions(person: Person, tweet: str) -> list[dict[str, Any]]:
    answer = person.get(f"/tweets/{tweet}/history")
    assert answer.status == 200, answer.text
    assert set(answer.body) == {"versions"}
    assert [differences(each, VERSION) for each in answer.body["versions"]] == [""] * len(answer.body["versions"])
    return list(answer.body["versions"])


def test_the_history_tells_every_text_a_tweet_had(ada: Person, bob: Person) -> None:
    tweet = ada.tweet("one")
    assert [each["content"] for each in versions(bob, tweet["id"])] == ["one"]
    contents = ["two #tag", "two #tag", f"three @{bob.username}"]
    edited = [ada.put(f"/tweets/{tweet['id']}", {"content": content}).body for content in contents]
    assert [differences(each, TWEET | {"edited_at": moment}) for each in edited] == [""] * 3
    # The same text again changes nothing.
    assert [each["edit_count"] for each in edited] == [1, 1, 2]
    assert edited[0]["edited_at"] == edited[1]["edited_at"]
    told = versions(bob, tweet["id"])
    assert [(each["version"], each["content"]) for each in told] == [
        (3, f"three @{bob.username}"),
        (2, "two #tag"),
        (1, "one"),
    ]
    assert told[1]["entities"]["hashtags"] == [{"tag": "tag", "start": 4, "end": 8}]
    assert told[0]["entities"]["mentions"][0]["user_id"] == bob.id


def test_an_edit_that_may_not_be_changes_nothing(ada: Person, bob: Person) -> None:
    tweet = ada.tweet("one")["id"]
    retweet = ada.post(f"/tweets/{tweet}/retweet").body["id"]
    poll = ada.post("/tweets", {"content": "?", "poll": {"options": ["a", "b"], "duration_minutes": 5}}).body["id"]
    edit = {"content": "two"}
    assert is_refused(bob.put(f"/tweets/{tweet}", edit), 403, "FORBIDDEN") == ""
    assert is_refused(ada.put(f"/tweets/{_NOTHING}", edit), 404, "NOT_FOUND") == ""
    for each in (retweet, poll):
        assert is_refused(ada.put(f"/tweets/{each}", edit), 400, "FAILED_PRECONDITION") == ""
    for content in ("", "x" * 281, "a\u0007"):
        answer = ada.put(f"/tweets/{tweet}", {"content": content})
        assert is_refused(answer, 400, "INVALID_INPUT") == ""
        assert answer.violated == {"content"}
    assert [each["content"] for each in versions(ada, tweet)] == ["one"]

    for number in range(5):
        assert ada.put(f"/tweets/{tweet}", {"content": str(number)}).status == 200
    refused = ada.put(f"/tweets/{tweet}", edit)
    assert is_refused(refused, 400, "FAILED_PRECONDITION") == ""
    assert "5" in refused.body["message"]
    assert ada.put(f"/tweets/{tweet}", {"content": "4"}).status == 200
    assert len(versions(ada, tweet)) == 6


@pytest.mark.parametrize("name", ["conversation", "quotes", "history", "replies", "likes", "retweets"])
def test_what_is_around_a_tweet_is_not_found_where_the_tweet_is_not(
    ada: Person, bob: Person, cyd: Person, name: str
) -> None:
    deleted, hidden, protected = (person.tweet()["id"] for person in (ada, bob, cyd))
    ada.delete(f"/tweets/{deleted}")
    bob.post(f"/users/{ada.id}/block")
    cyd.put("/users/me/settings", {"protected": True})
    for tweet in (_NOTHING, deleted, hidden, protected):
        assert is_refused(ada.get(f"/tweets/{tweet}/{name}"), 404, "NOT_FOUND") == ""


def test_a_reply_is_refused_to_whom_its_conversation_leaves_out(ada: Person, bob: Person, cyd: Person) -> None:
    ada.follow(bob)
    followed = ada.post("/tweets", {"content": "f", "reply_audience": "followed"}).body["id"]
    mentioned = ada.post("/tweets", {"content": f"m @{cyd.username}", "reply_audience": "mentioned"}).body["id"]
    deep = reply(bob, followed)
    for person, tweet in ((cyd, followed), (cyd, deep), (bob, mentioned)):
        assert is_refused(person.post(f"/tweets/{tweet}/reply", {"content": "x"}), 403, "FORBIDDEN") == ""
        assert is_refused(person.post("/tweets", {"content": "x", "reply_to_id": tweet}), 403, "FORBIDDEN") == ""
    reply(cyd, mentioned)
    wider = bob.post("/tweets", {"content": "x", "reply_to_id": followed, "reply_audience": "everyone"})
    assert is_refused(wider, 400, "INVALID_INPUT") == ""
    assert wider.violated == {"reply_audience"}


@pytest.mark.parametrize("name", ["drafts", "scheduled"])
def test_a_literal_path_comes_before_an_id(ada: Person, name: str) -> None:
    empty = {name: [], "pagination": {"limit": 20, "next_cursor": "", "has_more": False}}
    assert ada.get(f"/tweets/{name}").body == ada.get(f"//api/tweets/{name}").body == empty
    # A draft's id, or a tweet's: a word is neither.
    for path in (f"/tweets/{name}/likes", f"/tweets/{name}/conversation", f"/tweets/{name}/x"):
        assert is_refused(ada.get(path), 400, "INVALID_INPUT") == "", path
    for verb, path in (("PUT", f"/tweets/{name}"), ("POST", f"/tweets/{name}/like"), ("DELETE", f"/tweets/{name}")):
        answer = ada.client.send(verb, path, {} if verb != "DELETE" else None)
        assert is_refused(answer, 400, "INVALID_INPUT") == "", path
    assert is_refused(ada.get("/tweets/thread"), 400, "INVALID_INPUT") == ""


def test_a_tweets_id_is_no_drafts(ada: Person) -> None:
    tweet = ada.tweet()["id"]
    draft = ada.post("/tweets/drafts", {"tweet": {"content": "later"}}).body["id"]
    assert is_refused(ada.get(f"/tweets/drafts/{tweet}"), 404, "NOT_FOUND") == ""
    assert is_refused(ada.get(f"/tweets/scheduled/{draft}"), 404, "NOT_FOUND") == ""
    assert is_refused(ada.get(f"/tweets/{draft}"), 404, "NOT_FOUND") == ""
