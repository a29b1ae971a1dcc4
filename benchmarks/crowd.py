"""The people of the benchmark: loaded into the platform through its public API, with the tokens that they got."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aviary.seed.invention import invent
from aviary.seed.loader import Summary, load
from aviary.seed.progress import Progress
from aviary.seed.texts import read_texts
from aviary.seed.world import World, read_edges
from benchmarks import wire

DATA = Path(__file__).parents[2] / "shared" / "data"
TWEETS_PER_USER = 20
_INVENTED = 962
_QUICK = 200
# Weighs more than the limit where it holds an address; the platform may also strip what stands at the ends.
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a valid access token."""

    id: str
    token: str


@dataclass(frozen=True, slots=True)
class Crowd:
    """Everybody who may read or post, and what is said."""

    people: tuple[Person, ...]
    texts: tuple[str, ...]


def world(*, quick: bool) -> tuple[World, str]:
    """The graph and texts to load, with the name that the record gives them."""
    edges = DATA / "socfb-Reed98.edges"
    if quick or not edges.exists():
        people = _QUICK if quick else _INVENTED
        return invent(people), f"made-up world of {people} people"
    number, follows = read_edges(edges)
    return World(number, follows, read_texts(DATA / "tweets.tsv")), "Reed98"


def settle(place: World, url: str, journal: Path, progress: Progress) -> Summary:
    """Load the world; all that is refused is what the plan itself makes impossible."""
    return asyncio.run(load(place, url, journal, tweets_per_user=TWEETS_PER_USER, progress=progress))


def crowd(place: World, journal: Path) -> Crowd:
    """Everybody whom the journal knows, with their newest token."""
    ids: dict[int, str] = {}
    tokens: dict[int, str] = {}
    with journal.open(encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            if event["event"] == "tokens":
                tokens[event["user"]] = event["access"]
            # Person n is registered by call n.
            elif event["event"] == "ok" and event["index"] < place.people:
                ids[event["index"]] = event["id"]
    people = tuple(Person(ids[number], tokens[number]) for number in sorted(tokens))
    return Crowd(people, tuple(text for text in place.texts if len(text) <= _LONGEST_TEXT))


async def followers(connection: wire.Connection, person: Person, among: Sequence[Person]) -> list[Person]:
    """Who follows `person` right now, as the API says."""
    known = {each.id: each for each in among}
    found: list[Person] = []
    cursor = ""
    while True:
        path = f"/users/{person.id}/followers?limit=100{cursor}"
        page = json.loads((await connection.send(wire.get(path, token=person.token))).body)
        found += [known[user["id"]] for user in page["users"]]
        if not page["pagination"]["has_more"]:
            return found
        cursor = f"&cursor={page['pagination']['next_cursor']}"
