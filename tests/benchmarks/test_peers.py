"""The peers answer as Aviary does: the same pages, field by field, and posts that every follower sees."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from benchmarks import subject
from benchmarks.crowd import Crowd, Person, crowd, settle
from benchmarks.peers import sameness
from benchmarks.peers.limits import SETTINGS
from benchmarks.peers.running import Contender, running
from benchmarks.peers.source import Source
from benchmarks.readers import with_full_pages

from aviary.seed.invention import invent
from aviary.seed.progress import Silent

PLACE = invent(14)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: str

    @property
    def ids(self) -> list[str]:
        return [tweet["id"] for tweet in json.loads(self.body)["tweets"]]


def call(url: str, person: Person, verb: str, path: str, body: object = None, *, key: str = "") -> Reply:
    headers = {"authorization": f"Bearer {person.token}", "content-type": "application/json"}
    if key:
        headers["idempotency-key"] = key
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/api/v1{path}", content, headers, method=verb)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return Reply(answer.status, answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, error.read().decode())


def home(url: str, person: Person, *, cursor: str = "") -> Reply:
    return call(url, person, "GET", f"/timeline/home?limit=20{cursor and '&cursor='}{cursor}")


def everything(url: str, person: Person) -> list[object]:
    """All pages of a home down to the first tweet, but for their cursors."""
    pages: list[object] = []
    cursor = ""
    while True:
        page = json.loads(home(url, person, cursor=cursor).body)
        cursor = page["pagination"].pop("next_cursor")
        # As text, so that the order of fields counts.
        pages.append(json.dumps(page))
        if not cursor:
            return pages


def embroil(url: str, people: Crowd) -> None:
    """All that decides what somebody sees: blocks, mutes, a protected account, a deletion, bookmarks, an edit."""
    a, b, c, d, e, *_ = people.people
    seen = home(url, a).ids
    assert call(url, a, "POST", f"/users/{b.id}/block", {}).status == 200
    assert call(url, c, "POST", f"/users/{a.id}/mute", {}).status == 200
    assert call(url, d, "PUT", "/users/me/settings", {"protected": True}).status == 200
    assert call(url, a, "POST", f"/tweets/{seen[0]}/bookmark", {}).status == 200
    own = json.loads(call(url, e, "POST", "/tweets", {"content": "An #edit @nobody_here"}).body)["id"]
    gone = json.loads(call(url, e, "POST", "/tweets", {"content": "soon gone"}).body)["id"]
    for each in (own, gone):
        assert call(url, a, "POST", "/tweets", {"content": "as they say", "quote_tweet_id": each}).status == 200
        assert call(url, a, "POST", f"/tweets/{each}/retweet", {}).status == 200
    assert call(url, e, "PUT", f"/tweets/{own}", {"content": "An $EDIT of https://example.com/a"}).status == 200
    assert call(url, e, "DELETE", f"/tweets/{gone}").status == 200


@dataclass(frozen=True, slots=True)
class Town:
    """A small world as Aviary holds it, and what Aviary showed everybody."""

    data: Path
    people: Crowd
    readers: Crowd
    shown: dict[str, list[object]]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    folder = tmp_path_factory.mktemp("town")
    with subject.running(folder, settings=SETTINGS) as platform:
        settle(PLACE, platform.url, folder / "journal", Silent())
        people = crowd(PLACE, folder / "journal")
        embroil(platform.url, people)
        readers = with_full_pages(platform.url, people)
        shown = {person.id: everything(platform.url, person) for person in people.people}
    return Town(folder / "data", people, readers, shown)


@pytest.fixture(
    scope="module",
    params=["fastapi_sqlite", "fastapi_sqlite_ready", pytest.param("sorted_sets", marks=pytest.mark.cluster)],
)
def peer(request: pytest.FixtureRequest, town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contender]:
    with running(request.param, town.data, tmp_path_factory.mktemp(request.param)) as contender:
        yield contender


@pytest.fixture(params=["through the gateway", "directly"])
def url(request: pytest.FixtureRequest, peer: Contender) -> str:
    return peer.url if request.param == "through the gateway" else peer.direct


def test_every_page_of_every_home_is_aviarys(url: str, town: Town) -> None:
    for person in town.people.people:
        assert everything(url, person) == town.shown[person.id]


def test_the_small_world_has_all_kinds_of_tweets(town: Town) -> None:
    pages = "".join(str(page) for pages in town.shown.values() for page in pages)

    assert all(f'"type": "{kind}"' in pages for kind in ("original", "reply", "quote", "retweet"))
    assert all(f'"{flag}": true' in pages for flag in ("is_liked", "is_retweeted", "is_bookmarked", "protected"))
    assert all(f'"{field}": ' in pages for field in ("edited_at", "quoted_tweet", "retweeted_tweet"))


def test_a_post_is_in_the_home_of_every_follower(url: str, town: Town) -> None:
    source = Source(town.data)
    looked, faults = sameness.of_delivery(url, town.readers, set(source.follows) - set(source.mutes))

    assert looked > len(town.readers.people)
    assert not faults


def test_a_repeated_key_gives_the_first_tweet_and_another_body_is_refused(url: str, town: Town) -> None:
    author = town.people.people[6]
    key = f"repeat {url}".replace(" ", "-")
    first = call(url, author, "POST", "/tweets", {"content": "Hello #geese"}, key=key)
    again = call(url, author, "POST", "/tweets", {"content": "Hello #geese"}, key=key)
    other = call(url, author, "POST", "/tweets", {"content": "Goodbye #geese"}, key=key)

    assert (first.status, again, other.status) == (200, first, 409)
    assert home(url, author).ids.count(json.loads(first.body)["id"]) == 1
    assert json.loads(first.body)["entities"]["hashtags"] == [{"tag": "geese", "start": 6, "end": 12}]


@pytest.mark.parametrize("content", ["", "  ", "a" * 281, "字" * 141, "bell \x07"])
def test_a_text_that_is_empty_too_heavy_or_has_controls_is_refused(url: str, town: Town, content: str) -> None:
    assert call(url, town.people.people[0], "POST", "/tweets", {"content": content}).status == 400


def test_a_token_that_is_missing_or_forged_is_refused(url: str, town: Town) -> None:
    person = town.people.people[0]
    head, claims, _ = person.token.split(".")
    other = town.people.people[1].token.split(".")[2]

    assert home(url, Person(person.id, "")).status == 401
    assert home(url, Person(person.id, f"{head}.{claims}.{other}")).status == 401
    assert home(url, person).status == 200


def test_a_damaged_cursor_is_refused(url: str, town: Town) -> None:
    assert home(url, town.people.people[0], cursor="abc").status == 400


def test_limits_are_counted(peer: Contender, town: Town) -> None:
    request = urllib.request.Request(
        f"{peer.direct}/api/v1/timeline/home", headers={"authorization": f"Bearer {town.people.people[2].token}"}
    )
    left = []
    for _ in range(2):
        with urllib.request.urlopen(request, timeout=30) as answer:
            left.append(int(answer.headers["x-ratelimit-remaining"]))

    assert left[0] - left[1] == 1
