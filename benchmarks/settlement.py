"""A scenario's world as a platform holds it: put into a folder's stores in bulk, or made through the public API."""

from __future__ import annotations

import asyncio
import multiprocessing
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from aviary.app.bulk import BulkStores
from aviary.bulk import loading
from aviary.seed import people
from aviary.seed.client import Client, Limited, Ok, Refused, Request, Unknown
from aviary.seed.progress import Progress
from aviary.seed.world import World
from aviary.settings import Settings
from benchmarks import graphs, worlds
from benchmarks.crowd import Crowd, Person
from benchmarks.scenario import Place
from benchmarks.subject import SubjectFailed

# Weighs more than the limit where it holds an address.
_LONGEST_TEXT = 200
_AT_ONCE = 16
_TRIES = 5
LIMIT_STATUS = 429
LIMITED = (
    "the platform refuses calls by its limits (status 429), so these would be measured and not the platform; run it"
    " with AVIARY_LIMITS=off, or raise AVIARY_LIMIT_REQUESTS, _ADDRESS_REQUESTS, _TWEETS and _FOLLOWS for the time"
)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settlement:
    """People with their tokens and usernames, in the world's order, and who follows each, by number."""

    people: tuple[Person, ...]
    names: tuple[str, ...]
    followers: tuple[tuple[int, ...], ...]
    texts: tuple[str, ...]
    world: str
    # Whom everybody follows, if anybody.
    celebrity: Person | None = None

    @property
    def crowd(self) -> Crowd:
        return Crowd(self.people, self.texts)

    def watchers(self, authors: Iterable[int], most: int) -> Mapping[str, tuple[Person, ...]]:
        """Some of each author's followers, `most` at most, by the author's id."""
        rng = Random(1)
        return {
            self.people[author].id: tuple(
                self.people[who] for who in rng.sample(self.followers[author], min(most, len(self.followers[author])))
            )
            for author in authors
        }


def _settled(world: World, name: str, ids: Sequence[int], names: Sequence[str]) -> Settlement:
    """Without tokens yet; whoever comes after the world's own people is the one whom everybody follows."""
    followers: list[list[int]] = [[] for _ in range(world.people)]
    for follower, followed in world.follows:
        followers[followed].append(follower)
    persons = tuple(Person(str(id), "") for id in ids)
    return Settlement(
        people=persons[: world.people],
        names=tuple(names[: world.people]),
        followers=tuple(map(tuple, followers)),
        texts=tuple(text for text in world.texts if len(text) <= _LONGEST_TEXT),
        world=name,
        celebrity=persons[world.people] if len(persons) > world.people else None,
    )


def _follows(world: World, *, with_celebrity: bool) -> Sequence[Sequence[int]]:
    """Whom each person follows, by number."""
    following: list[list[int]] = [[world.people] if with_celebrity else [] for _ in range(world.people)]
    for follower, followed in world.follows:
        following[follower].append(followed)
    return following


def _writing(place: Place, number: int, texts: Sequence[str]) -> list[tuple[int, str]]:
    """Who writes what, in order: everybody as much as everybody else, in turns that are shuffled."""
    rng = Random(2)
    authors = [who for who in range(number) for _ in range(place.tweets)]
    rng.shuffle(authors)
    return [(who, rng.choice(texts)) for who in authors]


def in_bulk(place: Place, data: Path) -> Settlement:
    """Fill an empty data folder, in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_in_bulk, place, data).result()


def _in_bulk(place: Place, data: Path) -> Settlement:
    world, name = graphs.of(place)
    settings = Settings(data_dir=data, bcrypt_cost=4)
    names = [people.person(number).username for number in range(world.people + bool(place.followers))]
    ids = asyncio.run(_filled(place, world, settings))
    settled = _settled(world, name, ids, names)
    tokens = worlds.signed_in(data, ids)
    return replace(settled, people=tokens[: world.people], celebrity=tokens[world.people] if place.followers else None)


async def _filled(place: Place, world: World, settings: Settings) -> list[int]:
    """Everybody's id."""
    async with loading(settings, password=secrets.token_urlsafe(12)) as stores:
        number = world.people + bool(place.followers)
        ids = [await stores.register(people.person(each)) for each in range(number)]
        stores.turn_to(0.05)
        for who, followed in enumerate(_follows(world, with_celebrity=bool(place.followers))):
            await stores.follow(ids[who], [ids[each] for each in followed])
        for phantom in range(1, place.followers - world.people + 1):
            await stores.follow(phantom, [ids[world.people]])
        await _write(stores, ids, _writing(place, number, world.texts))
    return ids


async def _write(stores: BulkStores, ids: Sequence[int], writing: Sequence[tuple[int, str]]) -> None:
    for number, (who, text) in enumerate(writing):
        stores.turn_to(0.05 + 0.95 * number / len(writing))
        await stores.tweet(ids[who], text, reply_to_id=None, quote_id=None)


@dataclass(frozen=True, slots=True)
class Visit:
    """A world that was made on somebody's platform, and what its people renew their tokens with."""

    settlement: Settlement
    refresh: tuple[str, ...]


def visit(place: Place, url: str, progress: Progress) -> Visit:
    """Make the world through the API at `url`, with new accounts. Raises SubjectFailed when the platform refuses."""
    return asyncio.run(_visit(place, url, progress))


def renewed(visit: Visit, url: str) -> Visit:
    """The same people with new tokens: those of a deployment end after minutes."""
    return asyncio.run(_renewed(visit, url))


async def _visit(place: Place, url: str, progress: Progress) -> Visit:
    world, name = graphs.of(place)
    # Short enough for a username, and nobody's yet.
    run = secrets.token_hex(4)
    names = [f"b{run}x{number}" for number in range(world.people + bool(place.followers))]
    async with Client(url, connections=_AT_ONCE) as client:
        api = _Api(client, run, progress)
        password = secrets.token_urlsafe(12)
        joined = await api.all("register", [api.registration(each, password) for each in names])
        ids = [int(each["user"]["id"]) for each in joined]
        tokens = [str(each["access_token"]) for each in joined]
        follows = _follows(world, with_celebrity=bool(place.followers))
        await api.all(
            "follow",
            [
                api.post(f"/users/{ids[each]}/follow", {}, tokens[who])
                for who, followed in enumerate(follows)
                for each in followed
            ],
        )
        writing = _writing(place, len(ids), world.texts)
        await api.all("post", [api.post("/tweets", {"content": text}, tokens[who]) for who, text in writing])
    settled = _with_tokens(_settled(world, name, ids, names), tokens)
    return Visit(settled, tuple(str(each["refresh_token"]) for each in joined))


async def _renewed(visit: Visit, url: str) -> Visit:
    async with Client(url, connections=_AT_ONCE) as client:
        api = _Api(client, "", None)
        asked = [Request("POST", "/auth/refresh-token", {"refresh_token": each}) for each in visit.refresh]
        given = await api.all("renew", asked)
    tokens = [str(each["access_token"]) for each in given]
    return Visit(_with_tokens(visit.settlement, tokens), tuple(str(each["refresh_token"]) for each in given))


def _with_tokens(settled: Settlement, tokens: Sequence[str]) -> Settlement:
    persons = tuple(replace(each, token=token) for each, token in zip(settled.people, tokens, strict=False))
    star = settled.celebrity
    return replace(settled, people=persons, celebrity=star and replace(star, token=tokens[-1]))


class _Api:
    """Calls that must all be acknowledged, sixteen at once."""

    def __init__(self, client: Client, run: str, progress: Progress | None) -> None:
        self._client = client
        self._run = run
        self._progress = progress
        self._keys = 0

    def registration(self, username: str, password: str) -> Request:
        body = {"username": username, "email": f"{username}@example.com", "display_name": username}
        return Request("POST", "/auth/register", {**body, "password": password}, key=self._key())

    def post(self, path: str, body: dict[str, str], token: str) -> Request:
        return Request("POST", path, body, key=self._key(), token=token)

    def _key(self) -> str:
        self._keys += 1
        return f"{self._run}-{self._keys}"

    # JSON, of as many shapes as there are calls.
    async def all(self, name: str, requests: Sequence[Request]) -> list[dict[str, Any]]:
        """The answers, in the order of the requests."""
        if self._progress:
            self._progress.stage(name, total=len(requests), done=0)
        return await _side_by_side(requests, self._insist)

    async def _insist(self, request: Request) -> dict[str, Any]:
        reason = ""
        for _ in range(_TRIES):
            match await self._client.send(request):
                case Ok(body):
                    if self._progress:
                        self._progress.advance()
                    return body
                case Limited():
                    raise SubjectFailed(LIMITED)
                case Refused(status, message):
                    raise SubjectFailed(f"{request.path} is refused while the world is made: {status} {message}")
                case Unknown(reason):
                    # Under its key it is done once.
                    await asyncio.sleep(1)
        raise SubjectFailed(f"{request.path} got no answer while the world was made: {reason}")


async def _side_by_side(work: Sequence[Request], do: Callable[[Request], Awaitable[T]]) -> list[T]:
    waiting, done = iter(enumerate(work)), dict[int, T]()

    async def carry() -> None:
        for number, each in waiting:
            done[number] = await do(each)

    await asyncio.gather(*(carry() for _ in range(_AT_ONCE)))
    return [done[number] for number in range(len(work))]
