"""One script of calls, made on both profiles in lockstep, gets the same answers from both."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.system.client import Answer, Client, Person, fresh_name, register
from tests.system.conftest import GENEROUS
from tests.system.process import Launcher, Running

pytestmark = pytest.mark.cluster

PEOPLE = 6
STEPS = 220
# Counts and warm timelines follow the log.
_SETTLE_S = 20.0
_ID = re.compile(r"\d{15,19}")
_MASKED = {"access_token", "refresh_token", "next_cursor", "expires_in", "request_id"}
# What may be done to a tweet.
_DEEDS = [
    *[("POST", "/like")] * 2,
    ("DELETE", "/like"),
    ("POST", "/retweet"),
    ("DELETE", "/retweet"),
    ("POST", "/bookmark"),
    ("DELETE", "/bookmark"),
    ("POST", "/pin"),
    ("DELETE", "/pin"),
    ("DELETE", ""),
    ("PUT", ""),
]
_COUNTS = re.compile(r"\w+_count|votes|total_votes")


@dataclass(frozen=True, slots=True)
class Step:
    """A call whose `{names}` stand for what earlier calls made; what it makes itself is known as `makes`."""

    actor: int
    verb: str
    path: str
    body: Mapping[str, Any] | None = None
    makes: str = ""


@dataclass(slots=True)
class Side:
    """One deployment, and what the names of the script are there."""

    client: Client
    people: list[Person]
    ids: dict[str, str] = field(default_factory=dict)
    # The same in the other direction, and whatever else was shown, numbered as it appeared.
    names: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, platform: Running, usernames: Sequence[str]) -> Side:
        client = Client(platform.url)
        side = cls(client, [register(client, name) for name in usernames])
        for place, person in enumerate(side.people):
            side.know(f"p{place}", person.id)
        return side

    def know(self, name: str, real: str) -> None:
        self.ids[name] = real
        self.names.setdefault(real, name)

    def make(self, step: Step) -> Answer:
        body = None if step.body is None else json.loads(self._real(json.dumps(step.body)))
        answer = self.people[step.actor].client.send(step.verb, self._real(step.path), body)
        if step.makes:
            made = answer.body.get("id", "0") if answer.status == 200 else "0"
            self.know(step.makes, made)
        return answer

    def told(self, answer: Answer, *, with_counts: bool) -> object:
        """What an answer says, in the script's own names."""
        body = json.loads(answer.text) if answer.text else None
        if answer.status != 200:
            return answer.status, body and [each for each in body["details"] if "reason" in each]
        return answer.status, self._named(body, with_counts=with_counts)

    def _real(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: self.ids.get(found[1], "0"), text)

    def _named(self, value: Any, *, with_counts: bool) -> object:
        if isinstance(value, dict):
            return {
                key: "…"
                if _is_masked(key, each, with_counts=with_counts)
                else self._named(each, with_counts=with_counts)
                for key, each in value.items()
            }
        if isinstance(value, list):
            return [self._named(each, with_counts=with_counts) for each in value]
        if isinstance(value, str) and _ID.fullmatch(value):
            return self.names.setdefault(value, f"x{len(self.names)}")
        return value


def _is_masked(key: str, value: object, *, with_counts: bool) -> bool:
    """What differs by nature; and counts, which follow the log, where an answer doesn't wait for them."""
    if key in _MASKED or key.endswith("_at"):
        return bool(value)
    return not with_counts and bool(_COUNTS.fullmatch(key))


class Script:
    """Draws calls; each may be refused, which is as good a test as any."""

    def __init__(self, seed: int, *, tag: str) -> None:
        self._chance = Random(seed)
        # Of this script alone: a hashtag's timeline is everybody's.
        self._tag = tag
        self._tweets = 0
        self._lists = 0
        self._polls: list[str] = []

    def next(self) -> Step:
        actor = self._chance.randrange(PEOPLE)
        draw = self._chance.choice(
            [self._tweet] * 5 + [self._on_tweet] * 8 + [self._on_person] * 6 + [self._on_list] * 2 + [self._own]
        )
        return draw(actor)

    def reads(self) -> list[Step]:
        """Every surface, for everybody."""
        found: list[Step] = []
        for actor in range(PEOPLE):
            other = self._chance.randrange(PEOPLE)
            paths = [
                "/timeline/home?limit=100",
                "/timeline/home?limit=3",
                "/timeline/mentions?limit=100",
                "/timeline/likes?limit=100",
                "/timeline/bookmarks?limit=100",
                f"/timeline/hashtag/{self._tag}?limit=100",
                "/users/me",
                "/users/me/settings",
                "/users/me/blocks",
                "/users/me/mutes",
                "/users/me/follow-requests",
                "/lists",
                "/lists/followed",
                "/tweets/drafts",
                f"/users/{{p{other}}}",
                f"/users/{{p{other}}}/tweets?limit=100",
                f"/users/{{p{other}}}/followers",
                f"/users/{{p{other}}}/following",
                f"/users/{{p{other}}}/mutuals",
                f"/users/{{p{other}}}/lists",
                f"/users/{{p{other}}}/memberships",
                f"/users/{{p{actor}}}/follows/{{p{other}}}",
            ]
            for _ in range(4):
                tweet = self._some_tweet()
                paths += [
                    f"/tweets/{tweet}",
                    f"/tweets/{tweet}/replies",
                    f"/tweets/{tweet}/quotes",
                    f"/tweets/{tweet}/conversation",
                    f"/tweets/{tweet}/conversation?order=ranked",
                    f"/tweets/{tweet}/likes",
                    f"/tweets/{tweet}/retweets",
                    f"/tweets/{tweet}/history",
                ]
            if self._lists:
                some = f"{{l{self._chance.randrange(self._lists)}}}"
                paths += [
                    f"/lists/{some}",
                    f"/lists/{some}/members",
                    f"/lists/{some}/followers",
                    f"/timeline/list/{some}",
                ]
            found += [Step(actor, "GET", path) for path in paths]
        return found

    def _tweet(self, actor: int) -> Step:
        texts = ["hello", f"#{self._tag} sing", "hello @{name}", f"a #{self._tag.upper()} and https://example.com"]
        content = self._chance.choice(texts).replace("{name}", f"@p{self._chance.randrange(PEOPLE)}")
        body: dict[str, Any] = {"content": f"{content} {self._tweets}"}
        kind = self._chance.choice(["", "", "reply_to_id", "quote_tweet_id", "poll", "thread", "is_sensitive"])
        name = f"t{self._tweets}"
        if kind in {"reply_to_id", "quote_tweet_id"} and self._tweets:
            body[kind] = self._some_tweet()
        elif kind == "poll":
            body["poll"] = {"options": ["a", "b"], "duration_minutes": 60}
            self._polls.append(name)
        elif kind == "is_sensitive":
            body[kind] = True
        self._tweets += 1
        if kind == "thread":
            return Step(actor, "POST", "/tweets/thread", {"tweets": [body, {"content": "and on"}]})
        return Step(actor, "POST", "/tweets", body, makes=name)

    def _on_tweet(self, actor: int) -> Step:
        tweet = self._some_tweet()
        if self._polls and self._chance.random() < 0.1:
            option = self._chance.randrange(3)
            return Step(actor, "POST", f"/tweets/{{{self._chance.choice(self._polls)}}}/votes", {"option": option})
        verb, rest = self._chance.choice(_DEEDS)
        body = {"content": f"changed {self._chance.random()}"} if verb == "PUT" else {} if verb == "POST" else None
        return Step(actor, verb, f"/tweets/{tweet}{rest}", body)

    def _on_person(self, actor: int) -> Step:
        other = f"{{p{self._chance.randrange(PEOPLE)}}}"
        verb, path = self._chance.choice(
            [("POST", f"/users/{other}/follow")] * 5
            + [("DELETE", f"/users/{other}/follow"), ("DELETE", f"/users/me/followers/{other}")]
            + [("POST", f"/users/{other}/block"), ("DELETE", f"/users/{other}/block")]
            + [("POST", f"/users/{other}/mute"), ("DELETE", f"/users/{other}/mute")]
            + [("POST", f"/follow-requests/{other}/accept"), ("POST", f"/follow-requests/{other}/deny")]
        )
        return Step(actor, verb, path, {} if verb == "POST" else None)

    def _on_list(self, actor: int) -> Step:
        if not self._lists or self._chance.random() < 0.3:
            self._lists += 1
            private = self._chance.random() < 0.3
            return Step(actor, "POST", "/lists", {"name": "some", "private": private}, makes=f"l{self._lists - 1}")
        which, other = f"{{l{self._chance.randrange(self._lists)}}}", f"{{p{self._chance.randrange(PEOPLE)}}}"
        verb, path = self._chance.choice(
            [("POST", f"/lists/{which}/members/{other}")] * 3
            + [("DELETE", f"/lists/{which}/members/{other}"), ("POST", f"/lists/{which}/follow")]
            + [("DELETE", f"/lists/{which}/follow"), ("DELETE", f"/lists/{which}")]
        )
        return Step(actor, verb, path, {} if verb == "POST" else None)

    def _own(self, actor: int) -> Step:
        return self._chance.choice(
            [
                Step(actor, "PUT", "/users/me/settings", {"protected": self._chance.random() < 0.4}),
                Step(actor, "PUT", "/users/me/settings", {"hide_sensitive": True, "muted_words": ["sing"]}),
                Step(actor, "PUT", f"/users/{{p{actor}}}", {"bio": f"bio {self._chance.random()}"}),
                Step(actor, "POST", "/tweets/drafts", {"tweet": {"content": "later"}}),
            ]
        )

    def _some_tweet(self) -> str:
        # Mostly a late one: those are the ones that much happens to.
        return f"{{t{max(0, self._tweets - 1 - int(self._chance.expovariate(0.15)))}}}" if self._tweets else "{t0}"


@pytest.mark.parametrize("seed", [1, 2])
def test_both_profiles_answer_alike(seed: int, fleet: Running, starter: Launcher, tmp_path: Path) -> None:
    usernames = [fresh_name() for _ in range(PEOPLE)]
    embedded = Side.of(starter.up(tmp_path / "embedded", **GENEROUS), usernames)
    cluster = Side.of(fleet, usernames)
    script, compared = Script(seed, tag=fresh_name("tag")), 0
    for number in range(1, STEPS + 1):
        step = script.next()
        first, second = embedded.make(step), cluster.make(step)
        said = embedded.told(first, with_counts=False), cluster.told(second, with_counts=False)
        assert said[0] == said[1], f"step {number}: {step}"
        if number % (STEPS // 4) == 0:
            for read in script.reads():
                _must_agree(embedded, cluster, read)
                compared += 1
    print(f"seed {seed}: {STEPS} calls and {compared} reads answered alike")


def _must_agree(embedded: Side, cluster: Side, read: Step) -> None:
    wanted = embedded.told(embedded.make(read), with_counts=True)
    until = time.monotonic() + _SETTLE_S
    while (found := cluster.told(cluster.make(read), with_counts=True)) != wanted and time.monotonic() < until:
        time.sleep(0.1)
        wanted = embedded.told(embedded.make(read), with_counts=True)
    assert found == wanted, read
