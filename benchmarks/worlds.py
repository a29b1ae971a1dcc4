"""Worlds of any size, loaded in bulk before a platform is started on them, and who lives there."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

from aviary import secrets
from aviary.bulk import loading
from aviary.seed.bulk import Part, fill
from aviary.seed.multitude import Multitude, Size
from aviary.settings import Settings
from aviary.users.store import Session
from aviary.users.tokens import Tokens
from benchmarks.crowd import Person

STORES = ("users", "graph", "tweets", "fanout")
# Longer than any run: nobody signs in while a clock runs.
_TOKENS_LAST_S = 86_400
_PASSWORD = "correct horse battery"  # noqa: S105 - of people who don't exist


@dataclass(frozen=True, slots=True)
class Loaded:
    """How a load went: its parts and all of it in seconds, and the most memory that it had."""

    parts: Sequence[Part]
    elapsed_s: float
    peak_mb: float
    # Whom the phantoms follow.
    celebrity: int
    # Those who follow as many as was asked for.
    readers: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    followers: int
    following: int


class Readers(Multitude):
    """A world whose first people follow exactly as many others as is said, whoever these are."""

    def __init__(self, size: Size, counts: Sequence[int]) -> None:
        super().__init__(size)
        self._counts = counts

    @property
    def following(self) -> Sequence[Sequence[int]]:
        others = super().following[len(self._counts) :]
        rng = Random("readers")
        return [*(self._drawn(who, count, rng) for who, count in enumerate(self._counts)), *others]

    def _drawn(self, who: int, count: int, rng: Random) -> Sequence[int]:
        found = rng.sample(range(self.size.people), count + 1)
        return [each for each in found if each != who][:count]


def load(size: Size, data: Path, *, phantoms: int = 0, follow: Sequence[int] = ()) -> Loaded:
    """Load a world in a process of its own; `phantoms` ids that belong to nobody follow the first person, too.

    As many people as `follow` has numbers follow so many others, and are told of as `readers`, in that order.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_load, size, data, phantoms, follow).result()


def _load(size: Size, data: Path, phantoms: int, follow: Sequence[int]) -> Loaded:
    return asyncio.run(filled(size, Settings(data_dir=data, bcrypt_cost=4), phantoms=phantoms, follow=follow))


async def filled(size: Size, settings: Settings, *, phantoms: int, follow: Sequence[int] = ()) -> Loaded:
    """The same in this process."""
    began = time.perf_counter()
    async with loading(settings, password=_PASSWORD) as stores:
        made = await fill(Readers(size, follow) if follow else Multitude(size), stores)
        for phantom in range(1, phantoms + 1):
            await stores.follow(phantom, [made.people[0]])
    elapsed_s = time.perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return Loaded(made.parts, elapsed_s, peak_mb, made.people[0], made.people[: len(follow)])


def counts(data: Path) -> Mapping[int, Counts]:
    """How many follow each person, and how many they follow; of people alone."""
    people = set(_rows(data / "users.db", "SELECT id, 0 FROM users"))
    rows = _rows(data / "graph.db", "SELECT user_id, followers, following FROM accounts")
    return {user: Counts(*row) for user, *row in rows if (user, 0) in people}


def audience(data: Path, authors: Collection[int]) -> set[int]:
    """Everybody who follows one of them."""
    wanted = ",".join(map(str, authors))
    statement = f"SELECT DISTINCT follower_id, 0 FROM follows WHERE active AND followee_id IN ({wanted})"  # noqa: S608
    return {follower for follower, _ in _rows(data / "graph.db", statement)}


def busiest(data: Path, most: int) -> list[int]:
    """Those who wrote most, most first."""
    rows = _rows(data / "tweets.db", f"SELECT user_id, tweets FROM authors ORDER BY tweets DESC LIMIT {most:d}")  # noqa: S608
    return [user for user, _ in rows]


def signed_in(data: Path, people: Collection[int]) -> tuple[Person, ...]:
    """People with tokens of the sessions that registering opened, as the platform itself would issue them."""
    tokens = Tokens(secrets.load(data), access_ttl_s=_TOKENS_LAST_S)
    wanted, now_s = set(people), int(time.time())
    sessions = {user: id for user, id in _rows(data / "users.db", "SELECT user_id, id FROM sessions") if user in wanted}
    return tuple(
        Person(
            str(user),
            tokens.issue(
                Session(id=sessions[user], user_id=user, generation=0, rotated_s=now_s), now_s=now_s
            ).access_token,
        )
        for user in people
    )


def _rows(file: Path, statement: str) -> list[tuple[int, ...]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchall()
