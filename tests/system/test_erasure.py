"""A deleted account leaves nothing behind in any store, log or file of the data folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.system.client import PASSWORD, Answer, Client, Person, fresh_name, register
from tests.system.conditions import eventually
from tests.system.process import Launcher, Running


@dataclass(frozen=True, slots=True)
class Trace:
    """Words that nobody but one person ever wrote."""

    stem: str

    def __call__(self, what: str) -> str:
        return f"{self.stem}{what}"

    def left_in(self, folder: Path) -> list[str]:
        """The files that hold any of them, in any case, with what stands there."""
        return [f"{file.name}: {around!r}" for file in folder.rglob("*") if file.is_file() for around in self._in(file)]

    def _in(self, file: Path) -> Iterator[bytes]:
        content = file.read_bytes().lower()
        place = content.find(self.stem.lower().encode())
        if place >= 0:
            yield content[max(0, place - 20) : place + 40]


def ok(answer: Answer) -> Answer:
    assert answer.status == 200, answer.text
    return answer


def live(ada: Person, bob: Person, trace: Trace) -> None:
    """Leave a trace wherever one can be left."""
    profile = {"display_name": trace("Name"), "bio": trace("bio"), "location": trace("town")}
    ok(
        ada.put(
            f"/users/{ada.id}", profile | {"website": f"https://{trace('site')}.example", "birth_date": "1990-02-28"}
        )
    )
    ok(ada.put(f"/users/{ada.id}", {"bio": trace("bio") + " changed"}))
    ok(ada.put("/users/me/settings", {"muted_words": [trace("muted")]}))
    credentials = {"username": ada.username, "password": PASSWORD}
    ok(ada.client.send("POST", "/auth/login", credentials, headers={"x-client-name": trace("client")}))
    tweet = ada.tweet(f"{trace('text')} #{trace('tag')}", content_warning=trace("warning"))
    ok(ada.put(f"/tweets/{tweet['id']}", {"content": f"{trace('edited')} #{trace('tag2')}"}))
    ok(ada.delete(f"/tweets/{ada.tweet(trace('removed'))['id']}"))
    poll = {"options": [trace("yes"), trace("no")], "duration_minutes": 5}
    ok(ada.post("/tweets", {"content": trace("question"), "poll": poll}))
    ok(ada.post("/tweets/thread", {"tweets": [{"content": trace("one")}, {"content": trace("two")}]}))
    ok(ada.post("/tweets/drafts", {"tweet": {"content": trace("draft")}}))
    later = (datetime.now(UTC) + timedelta(days=3)).isoformat().replace("+00:00", "Z")
    ok(ada.post("/tweets/scheduled", {"tweet": {"content": trace("scheduled")}, "publish_at": later}))
    ok(ada.post("/lists", {"name": trace("list")[:25], "description": trace("about")}, key="a-key"))
    ok(ada.post(f"/tweets/{tweet['id']}/pin"))
    theirs = bob.tweet("bob's own")
    for call in ("like", "bookmark", "retweet"):
        ok(ada.post(f"/tweets/{theirs['id']}/{call}"))
    ok(ada.post(f"/tweets/{theirs['id']}/reply", {"content": trace("reply")}))
    ok(ada.post("/tweets", {"content": trace("quote"), "quote_tweet_id": theirs["id"]}))
    ada.follow(bob)
    bob.follow(ada)
    ok(bob.get(f"/users/by/username/{ada.username}"))
    ok(bob.get(f"/timeline/hashtag/{trace('tag2')}"))


def exported(ada: Person) -> bool:
    return bool(ada.get("/users/me/export").body["state"] == "ready")


def renamed(ada: Person, trace: Trace) -> None:
    ok(ada.put("/users/me/email", {"email": f"{trace('2')}@example.com", "password": PASSWORD}))
    ok(ada.put("/users/me/username", {"username": trace("3")}))


def gone_from_bobs_sight(bob: Person, ada: Person) -> bool:
    me = bob.get("/users/me").body
    return (me["follower_count"], me["following_count"]) == (0, 0) and bob.get(f"/users/{ada.id}").status == 404


def test_a_deleted_account_leaves_nothing_behind_in_any_store(starter: Launcher, data_dir: Path) -> None:
    platform: Running = starter.up(data_dir, limits="off", log_level="debug")
    trace = Trace(fresh_name("t"))
    ada, bob = register(Client(platform.url), trace("1")), register(Client(platform.url))
    live(ada, bob, trace)
    renamed(ada, trace)
    eventually(lambda: exported(ada))
    assert list((data_dir / "exports").iterdir())
    before = {line.partition(":")[0].removesuffix("-wal") for line in trace.left_in(data_dir)}
    assert before == {"users.db", "tweets.db", "graph.db"}

    ok(ada.post("/users/me/delete", {"password": PASSWORD}))

    eventually(lambda: gone_from_bobs_sight(bob, ada))
    eventually(lambda: trace.left_in(data_dir) == [], within_s=20)
    assert list((data_dir / "exports").iterdir()) == []
    assert bob.get("/timeline/home").body["tweets"][0]["content"] == "bob's own"
    assert platform.stop() == 0
    assert trace.left_in(data_dir) == []
