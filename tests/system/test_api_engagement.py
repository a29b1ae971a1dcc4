"""Bookmarks, pins, polls, drafts and scheduled tweets through the gateway, as REST clients meet them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests.system.client import Answer, Client, Person, register, walk
from tests.system.conditions import eventually
from tests.system.process import Launcher


def written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def in_future(seconds: float) -> str:
    return written(datetime.now(UTC) + timedelta(seconds=seconds))


# An answer as JSON.
def body_of(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.text
    return dict(answer.body)


def test_a_tweet_is_bookmarked_and_pinned_and_both_are_taken_back(ada: Person) -> None:
    path = f"/tweets/{ada.tweet()['id']}"
    for deed in ("bookmark", "pin"):
        assert body_of(ada.post(f"{path}/{deed}")) == {}
        assert body_of(ada.post(f"{path}/{deed}")) == {}
    assert body_of(ada.get(path))["is_bookmarked"] is True
    assert walk(ada.client, "/timeline/bookmarks?limit=5") == [path.rsplit("/", 1)[1]]

    for deed in ("bookmark", "pin"):
        assert body_of(ada.delete(f"{path}/{deed}")) == {}
    assert body_of(ada.get(path))["bookmark_count"] == 0


def test_people_vote_and_are_listed_by_what_they_did(ada: Person, bob: Person) -> None:
    poll = body_of(ada.post("/tweets", {"content": "?", "poll": {"options": ["a", "b"], "duration_minutes": 5}}))
    path = f"/tweets/{poll['id']}"
    voted = body_of(bob.post(f"{path}/votes", {"option": 0}))["poll"]
    assert ([each["vote_count"] for each in voted["options"]], voted["voted_option"]) == ([1, 0], 0)
    assert "voted_option" not in body_of(ada.get(path))["poll"]
    assert bob.post(f"{path}/votes", {"option": 1}).status == 400
    assert ada.post(f"{path}/votes", {}).violated == {"option"}
    assert ada.post(f"{path}/votes", {"option": 2}).violated == {"option"}

    assert bob.post(f"{path}/like").status == bob.post(f"{path}/retweet").status == 200
    for name in ("likes", "retweets"):
        listed = body_of(ada.get(f"{path}/{name}?limit=1"))
        assert [user["username"] for user in listed["users"]] == [bob.username]
        assert listed["pagination"] == {"limit": 1, "next_cursor": "", "has_more": False}
    assert bob.get("/tweets/1/likes").status == 404


def test_a_draft_is_kept_changed_and_deleted(ada: Person, bob: Person) -> None:
    made = body_of(ada.post("/tweets/drafts", {"tweet": {"content": "x" * 300}}, key="k"))
    assert body_of(ada.post("/tweets/drafts", {"tweet": {"content": "x" * 300}}, key="k")) == made
    path = f"/tweets/drafts/{made['id']}"
    assert body_of(ada.get(path)) == made
    assert bob.get(path).status == bob.delete(path).status == 404
    assert body_of(ada.put(path, {"tweet": {"content": "y"}}))["tweet"]["content"] == "y"
    assert walk(ada.client, "/tweets/drafts?limit=1", "drafts") == [made["id"]]

    assert body_of(ada.delete(path)) == {}
    assert ada.delete(path).status == 404


def test_a_tweet_is_published_within_a_second_of_its_time(ada: Person) -> None:
    at = in_future(1.0)
    made = body_of(ada.post("/tweets/scheduled", {"tweet": {"content": "on time"}, "publish_at": at}))
    assert (made["state"], made["publish_at"]) == ("waiting", at)
    path = f"/tweets/scheduled/{made['id']}"
    later = in_future(1.5)
    assert body_of(ada.put(path, {"publish_at": later}))["publish_at"] == later
    assert walk(ada.client, "/tweets/scheduled?limit=5", "scheduled") == [made["id"]]
    eventually(lambda: ada.get(path).status == 404)

    (tweet,) = body_of(ada.get(f"/timeline/user/{ada.id}"))["tweets"]
    assert tweet["content"] == "on time"
    late = datetime.fromisoformat(tweet["created_at"]) - datetime.fromisoformat(later)
    assert timedelta(0) <= late < timedelta(seconds=1)


def test_scheduling_is_refused_as_tweeting_is(ada: Person) -> None:
    soon = in_future(60)
    assert ada.post("/tweets/scheduled", {"tweet": {"content": ""}, "publish_at": soon}).violated == {"tweet.content"}
    assert ada.post("/tweets/scheduled", {"tweet": {"content": "x"}}).violated == {"publish_at"}
    past = ada.post("/tweets/scheduled", {"tweet": {"content": "x"}, "publish_at": in_future(-60)})
    assert (past.status, past.violated) == (400, {"publish_at"})
    assert ada.post("/tweets/scheduled", {"tweet": {"content": "x"}, "publish_at": "soon"}).status == 400

    waiting = body_of(ada.post("/tweets/scheduled", {"tweet": {"content": "x"}, "publish_at": soon}))
    assert body_of(ada.delete(f"/tweets/scheduled/{waiting['id']}")) == {}
    assert ada.delete(f"/tweets/scheduled/{waiting['id']}").status == 404


def test_what_is_due_while_the_process_is_killed_is_published_once(starter: Launcher, data_dir: Path) -> None:
    platform = starter.up(data_dir, limits="off")
    ada = register(Client(platform.url))
    began = datetime.now(UTC) + timedelta(seconds=4)
    # So close together that whenever it is killed, some are out, some wait, and some are on their way.
    texts = [f"number {number}" for number in range(40)]
    wanted = [
        {"tweet": {"content": text}, "publish_at": written(began + timedelta(milliseconds=25 * number))}
        for number, text in enumerate(texts)
    ]
    with ThreadPoolExecutor(10) as many:
        for number, schedule in enumerate(wanted):
            times = 50 if number == 0 else 2
            send = partial(ada.post, "/tweets/scheduled", schedule, key=f"key{number}")
            answers = [body_of(sent.result()) for sent in [many.submit(send) for _ in range(times)]]
            assert answers == [answers[0]] * times
    eventually(lambda: len(published(ada)) >= 5)
    platform.kill()
    survivor = starter.up(data_dir, limits="off")
    ada = replace(ada, client=Client(survivor.url, ada.client.token))
    for number, schedule in enumerate(wanted):
        body_of(ada.post("/tweets/scheduled", schedule, key=f"key{number}"))
    eventually(lambda: body_of(ada.get("/tweets/scheduled"))["scheduled"] == [])

    assert sorted(published(ada)) == sorted(texts)


def published(person: Person) -> list[str]:
    """The texts of their tweets."""
    return [tweet["content"] for tweet in body_of(person.get(f"/timeline/user/{person.id}?limit=100"))["tweets"]]
