"""Posting, reading, liking, retweeting and deleting, through the gateway."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.system.client import Person, fresh_name, walk
from tests.system.refusals import is_refused
from tests.system.shapes import QUOTE, REPLY, RETWEET, TWEET, differences

_NOTHING = "4242"
_COUNTERS = ("like_count", "retweet_count", "reply_count", "quote_count")


def _seen(person: Person, tweet: dict[str, Any]) -> dict[str, Any]:
    answer = person.get(f"/tweets/{tweet['id']}")
    assert answer.status == 200, answer.text
    return dict(answer.body)


def _counters(person: Person, tweet: dict[str, Any]) -> list[int]:
    seen = _seen(person, tweet)
    return [seen[name] for name in _COUNTERS]


def test_a_tweet_reads_back_as_it_was_answered(ada: Person, bob: Person) -> None:
    tweet = ada.tweet("hello")
    assert differences(tweet, TWEET) == ""
    assert (tweet["type"], tweet["content"], tweet["conversation_id"]) == ("original", "hello", tweet["id"])
    assert _seen(ada, tweet) == _seen(bob, tweet) == tweet


def test_the_api_without_its_version_is_the_same(ada: Person) -> None:
    tweet = ada.tweet()
    assert ada.get(f"//api/tweets/{tweet['id']}").body == tweet


def test_entities_count_code_points_and_know_who_is_mentioned(ada: Person, bob: Person) -> None:
    text = f"🦜 #bird @{bob.username} @nobody_at_all $AAPL https://example.com/a?b=1"
    tweet = ada.tweet(text)
    entities = tweet["entities"]
    spans = [span for kind in ("hashtags", "mentions", "cashtags", "urls") for span in entities[kind]]
    assert [text[span["start"] : span["end"]] for span in spans] == text.split(" ")[1:]
    assert [mention["user_id"] for mention in entities["mentions"]] == [bob.id, "0"]
    assert differences(tweet, TWEET) == ""


def test_a_reply_joins_the_conversation(ada: Person, bob: Person) -> None:
    tweet = ada.tweet()
    reply = bob.tweet("yes", reply_to_id=tweet["id"])
    answer = ada.post(f"/tweets/{reply['id']}/reply", {"content": "no"})
    assert [differences(reply, REPLY), differences(answer.body, REPLY)] == ["", ""]
    assert (reply["type"], reply["reply_to_id"], reply["reply_to_user_id"]) == ("reply", tweet["id"], ada.id)
    assert answer.body["conversation_id"] == reply["conversation_id"] == tweet["id"]
    assert walk(ada.client, f"/tweets/{tweet['id']}/replies?limit=100") == [reply["id"]]


def test_a_quote_shows_what_it_quotes_until_that_is_deleted(ada: Person, bob: Person) -> None:
    tweet = ada.tweet()
    quote = bob.tweet("look", quote_tweet_id=tweet["id"])
    assert differences(quote, QUOTE) == ""
    assert quote["type"] == "quote"
    assert _seen(bob, quote)["quoted_tweet"] == _seen(bob, tweet)
    ada.delete(f"/tweets/{tweet['id']}")
    without = {name: value for name, value in quote.items() if name != "quoted_tweet"}
    assert _seen(bob, quote) == without


def test_a_retweet_shows_its_original_and_a_repeat_gives_the_first_one(ada: Person, bob: Person) -> None:
    tweet = ada.tweet()
    answer = bob.post(f"/tweets/{tweet['id']}/retweet")
    assert answer.status == 200
    assert differences(answer.body, RETWEET) == ""
    assert (answer.body["type"], answer.body["content"]) == ("retweet", "")
    assert answer.body["retweeted_tweet"] == _seen(bob, tweet)
    assert _seen(bob, tweet)["is_retweeted"]
    assert not _seen(ada, tweet)["is_retweeted"]
    assert bob.post(f"/tweets/{tweet['id']}/retweet").body["id"] == answer.body["id"]
    assert _counters(ada, tweet) == [0, 1, 0, 0]


def test_to_act_on_a_retweet_is_to_act_on_its_original(ada: Person, bob: Person) -> None:
    tweet = ada.tweet()
    retweet = bob.post(f"/tweets/{tweet['id']}/retweet").body["id"]
    assert ada.post(f"/tweets/{retweet}/like").body["id"] == tweet["id"]
    assert ada.post(f"/tweets/{retweet}/retweet").body["retweeted_tweet"]["id"] == tweet["id"]
    assert ada.tweet("re", reply_to_id=retweet)["reply_to_id"] == tweet["id"]
    assert ada.tweet("qt", quote_tweet_id=retweet)["quote_tweet_id"] == tweet["id"]
    assert _counters(bob, tweet) == [1, 2, 1, 1]


def test_every_counter_goes_up_once_and_comes_back_down(ada: Person, bob: Person) -> None:
    tweet = ada.tweet()
    for _ in range(2):
        liked = bob.post(f"/tweets/{tweet['id']}/like")
        assert differences(liked.body, TWEET) == ""
        assert (liked.body["like_count"], liked.body["is_liked"]) == (1, True)
        bob.post(f"/tweets/{tweet['id']}/retweet")
    reply = bob.tweet("r", reply_to_id=tweet["id"])
    quote = bob.tweet("q", quote_tweet_id=tweet["id"])
    assert _counters(ada, tweet) == [1, 1, 1, 1]
    for _ in range(2):
        unliked = bob.delete(f"/tweets/{tweet['id']}/like")
        assert (unliked.body["like_count"], unliked.body["is_liked"]) == (0, False)
        undone = bob.delete(f"/tweets/{tweet['id']}/retweet")
        assert (undone.status, undone.body) == (200, {})
    bob.delete(f"/tweets/{reply['id']}")
    bob.delete(f"/tweets/{quote['id']}")
    assert _counters(ada, tweet) == [0, 0, 0, 0]


def test_deleting_the_retweet_itself_undoes_it(ada: Person, bob: Person) -> None:
    tweet = ada.tweet()
    retweet = bob.post(f"/tweets/{tweet['id']}/retweet").body
    assert bob.delete(f"/tweets/{retweet['id']}").body == {}
    assert _counters(bob, tweet) == [0, 0, 0, 0]
    assert not _seen(bob, tweet)["is_retweeted"]


def test_a_deleted_tweet_leaves_every_surface_at_once(ada: Person, bob: Person) -> None:
    bob.follow(ada)
    tweet = ada.tweet()
    retweet = bob.post(f"/tweets/{tweet['id']}/retweet").body
    assert tweet["id"] in bob.home()
    assert ada.delete(f"/tweets/{tweet['id']}").body == {}
    assert bob.home() == ada.home() == []
    assert is_refused(bob.get(f"/tweets/{tweet['id']}"), 404, "NOT_FOUND") == ""
    assert is_refused(bob.get(f"/tweets/{retweet['id']}"), 404, "NOT_FOUND") == ""
    assert bob.get(f"/tweets?ids={tweet['id']}").body == {"tweets": []}
    assert bob.get(f"/timeline/user/{ada.id}").body["tweets"] == []
    assert is_refused(ada.delete(f"/tweets/{tweet['id']}"), 404, "NOT_FOUND") == ""


def test_only_its_author_deletes_a_tweet(ada: Person, bob: Person) -> None:
    tweet = ada.tweet()
    assert is_refused(bob.delete(f"/tweets/{tweet['id']}"), 403, "FORBIDDEN") == ""
    assert _seen(ada, tweet) == tweet


def test_many_tweets_come_in_the_order_asked_for_without_those_missing(ada: Person) -> None:
    first, second = ada.tweet("1"), ada.tweet("2")
    answer = ada.get(f"/tweets?ids={second['id']}&ids={_NOTHING}&ids={first['id']}")
    assert answer.body == {"tweets": [second, first]}
    assert is_refused(ada.get("/tweets?" + "&".join(f"ids={n}" for n in range(1, 102))), 400, "INVALID_INPUT") == ""
    assert is_refused(ada.get("/tweets?ids=1,2"), 400, "INVALID_INPUT") == ""


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/like"),
        ("DELETE", "/like"),
        ("POST", "/retweet"),
        ("POST", "/reply"),
        ("GET", "/replies"),
    ],
)
def test_a_tweet_that_is_not_there_is_not_found(ada: Person, verb: str, path: str) -> None:
    body = {"content": "x"} if path == "/reply" else None
    assert is_refused(ada.client.send(verb, f"/tweets/{_NOTHING}{path}", body), 404, "NOT_FOUND") == ""


def test_what_is_answered_or_quoted_must_exist(ada: Person) -> None:
    for field in ("reply_to_id", "quote_tweet_id"):
        assert is_refused(ada.post("/tweets", {"content": "x", field: _NOTHING}), 404, "NOT_FOUND") == ""


@pytest.mark.parametrize(
    "content", ["", " \n\t ", "x" * 281, "鳥" * 141, "🦜" * 141, "a\u0000b", "a\u0007b", "a\u007fb", "a\ufffeb"]
)
def test_content_that_cannot_be_shown_is_refused_by_name(ada: Person, content: str) -> None:
    answer = ada.post("/tweets", {"content": content})
    assert is_refused(answer, 400, "INVALID_INPUT") == ""
    assert answer.violated == {"content"}


@pytest.mark.parametrize(
    "content", ["x" * 280, "鳥" * 140, "🦜" * 140, "https://example.com/" + "x" * 1_000 + " " + "y" * 256, "two\nlines"]
)
def test_content_up_to_the_weighted_limit_is_kept_letter_by_letter(ada: Person, content: str) -> None:
    assert _seen(ada, ada.tweet(content))["content"] == content


@pytest.mark.parametrize(
    ("field", "value", "violated"),
    [
        ("media_ids", ["1"], {"media_ids"}),
        ("poll", {}, {"poll.options", "poll.duration_minutes"}),
        ("poll", {"options": ["a", "a"], "duration_minutes": 5}, {"poll.options"}),
        ("geo", {"latitude": 91, "longitude": -181}, {"geo.latitude", "geo.longitude"}),
        ("content_warning", "x" * 101, {"content_warning"}),
        ("reply_audience", "nobody", {"reply_audience"}),
        ("language", "English", {"language"}),
    ],
)
def test_a_field_that_cannot_be_kept_is_refused_and_not_ignored(
    ada: Person, field: str, value: object, violated: set[str]
) -> None:
    answer = ada.post("/tweets", {"content": "x", field: value})
    assert is_refused(answer, 400, "INVALID_INPUT") == ""
    assert answer.violated == violated
    assert ada.home() == []


def test_what_comes_with_a_tweet_is_shown_with_it(ada: Person) -> None:
    made = ada.post(
        "/tweets",
        {
            "content": "tea or coffee?",
            "poll": {"options": ["tea", "coffee"], "duration_minutes": 5},
            "geo": {"latitude": 47.5, "longitude": 0},
            "is_sensitive": True,
            "content_warning": "caffeine",
            "reply_audience": "mentioned",
            "language": "en-GB",
        },
    ).body

    assert [option["text"] for option in made["poll"]["options"]] == ["tea", "coffee"]
    assert (made["poll"]["closed"], made["poll"]["vote_count"], "voted_option" in made["poll"]) == (False, 0, False)
    assert made["geo"] == {"latitude": 47.5, "longitude": 0}
    assert (made["is_sensitive"], made["content_warning"]) == (True, "caffeine")
    assert (made["reply_audience"], made["language"]) == ("mentioned", "en-GB")
    assert _seen(ada, made) == made


def test_a_thread_is_published_whole_and_its_mistakes_are_named_by_their_place(ada: Person) -> None:
    made = ada.post("/tweets/thread", {"tweets": [{"content": "one"}, {"content": "two"}]}).body["tweets"]
    assert [tweet["content"] for tweet in made] == ["one", "two"]
    assert made[1]["reply_to_id"] == made[1]["conversation_id"] == made[0]["id"]

    answer = ada.post("/tweets/thread", {"tweets": [{"content": "one"}, {"content": ""}]})
    assert is_refused(answer, 400, "INVALID_INPUT") == ""
    assert answer.violated == {"tweets[1].content"}


def test_an_edited_tweet_shows_its_new_text_and_its_history_the_old_one(ada: Person) -> None:
    made = ada.tweet("helo")
    edited = ada.put(f"/tweets/{made['id']}", {"content": "hello"}).body

    assert (edited["content"], edited["edit_count"], "edited_at" in edited) == ("hello", 1, True)
    assert _seen(ada, edited) == edited
    versions = ada.get(f"/tweets/{made['id']}/history").body["versions"]
    assert [(each["version"], each["content"]) for each in versions] == [(2, "hello"), (1, "helo")]
    assert [each["created_at"] for each in versions] == [edited["edited_at"], made["created_at"]]


def test_a_repeat_under_a_key_gives_the_first_tweet(ada: Person, bob: Person) -> None:
    first, again = (ada.post("/tweets", {"content": "once"}, key="k") for _ in range(2))
    assert first.status == 200
    assert again.body == first.body
    assert ada.post("/tweets", {"content": "once", "request_id": "k"}).body == first.body
    assert bob.post("/tweets", {"content": "once"}, key="k").body["id"] != first.body["id"]
    assert ada.home() == [first.body["id"]]


def test_a_key_with_another_body_is_a_conflict_and_two_keys_at_once_are_malformed(ada: Person) -> None:
    ada.post("/tweets", {"content": "one"}, key="k")
    assert is_refused(ada.post("/tweets", {"content": "two"}, key="k"), 409, "CONFLICT") == ""
    differing = ada.post("/tweets", {"content": "one", "request_id": "other"}, key="k")
    assert is_refused(differing, 400, "INVALID_INPUT") == ""
    for key in ("x" * 129, "a b"):
        assert is_refused(ada.post("/tweets", {"content": "one"}, key=key), 400, "INVALID_INPUT") == ""
    assert len(ada.home()) == 1


def test_fifty_calls_at_once_under_one_key_make_one_tweet(ada: Person) -> None:
    key = fresh_name()
    with ThreadPoolExecutor(50) as pool:
        calls = [pool.submit(ada.post, "/tweets", {"content": "once"}, key=key) for _ in range(50)]
        answers = [call.result() for call in calls]
    assert [answer.status for answer in answers] == [200] * 50
    assert len({answer.text for answer in answers}) == 1
    assert ada.home() == [answers[0].body["id"]]


def test_the_first_answer_comes_again_also_after_the_tweet_was_deleted(ada: Person) -> None:
    first = ada.post("/tweets", {"content": "gone"}, key="k").body
    ada.delete(f"/tweets/{first['id']}")
    again = ada.post("/tweets", {"content": "gone"}, key="k")
    # The key made that tweet: whatever is answered, it never makes another.
    assert again.status in {200, 404}
    assert ada.home() == []
