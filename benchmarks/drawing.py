"""What a scenario's loads send, drawn beforehand: which operation, by whom, of whom; and whether answers are right."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from string import ascii_letters, digits

from benchmarks import answers, wire
from benchmarks.crowd import Person
from benchmarks.load import Exchange
from benchmarks.scenario import Composing, Operations, Reading
from benchmarks.settlement import LIMIT_STATUS, LIMITED, Settlement
from benchmarks.subject import SubjectFailed

_DRAWN = 1 << 16
# Above every id.
_TOP = 1 << 63
# Different pages, and different texts, of an operation.
_PAGES, _PAGES_EACH = 1_000, 10
_TEXTS = 2_000
_CONNECTIONS = 16
_HEAVIEST = 280
# twitter-text counts an address as so much, whatever its length.
_URL_WEIGHT = 23
_URL_CHARACTERS = 64
_ALPHABET = ascii_letters + digits


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is asked for; what is on it is older than `below`."""

    request: bytes
    size: int
    below: int

    def fault(self, answer: wire.Answer) -> str:
        if fault := answers.fault_of_page(answer, size=self.size):
            return fault
        is_newer = answers.tweet_ids(answer.body)[0] >= self.below
        return "a tweet of the page before" if is_newer else ""


@dataclass(frozen=True, slots=True)
class Wish:
    """A page that somebody wants: a path, and how many tweets stand before it."""

    path: str
    token: str
    start: int


def enough(place: Settlement) -> int:
    """How many different pages are wanted of an operation: no more than a small world is worth."""
    return min(_PAGES, _PAGES_EACH * len(place.people))


def wishes(name: str, reading: Reading, place: Settlement, *, seed: int, most: int) -> list[Wish]:
    """Pages by people chosen uniformly, of homes their own, of users somebody's, from a start chosen uniformly."""
    rng = Random(f"{seed}/{name}")
    found = []
    for _ in range(most):
        reader, author = rng.choice(place.people), rng.choice(place.people)
        path = "/timeline/home" if name == "home" else f"/timeline/user/{author.id}"
        found.append(Wish(path, reader.token, rng.randint(*reading.start)))
    return found


async def pages(connections: Sequence[wire.Connection], wanted: Sequence[Wish], size: int) -> list[Page]:
    """Those that are full when asked for now.

    Paging is by cursor alone: what stands before a page is read once, in one request, and gives the cursor and the id
    below which the page lies.
    """
    waiting, found = iter(enumerate(wanted)), dict[int, Page]()

    async def find(connection: wire.Connection) -> None:
        for number, wish in waiting:
            page = await _page(connection, wish, size)
            if page is not None and not page.fault(_unlimited(await connection.send(page.request))):
                found[number] = page

    await asyncio.gather(*(find(connection) for connection in connections))
    return [found[number] for number in sorted(found)]


async def _page(connection: wire.Connection, wish: Wish, size: int) -> Page | None:
    if not wish.start:
        return Page(wire.get(f"{wish.path}?limit={size}", token=wish.token), size, _TOP)
    skipped = _unlimited(await connection.send(wire.get(f"{wish.path}?limit={wish.start}", token=wish.token)))
    if answers.fault_of_page(skipped, size=wish.start):
        return None
    cursor = json.loads(skipped.body)["pagination"]["next_cursor"]
    path = f"{wish.path}?limit={size}&cursor={cursor}"
    return Page(wire.get(path, token=wish.token), size, answers.tweet_ids(skipped.body)[-1]) if cursor else None


def _unlimited(answer: wire.Answer) -> wire.Answer:
    if answer.status == LIMIT_STATUS:
        raise SubjectFailed(LIMITED)
    return answer


def composed(composing: Composing, names: Sequence[str], rng: Random) -> str:
    """A tweet: one word of random characters, then mentions and addresses, within what a tweet may weigh."""
    mentions = [f"@{name}" for name in rng.choices(names, k=rng.randint(*composing.mentions))]
    urls = [f"http://example.com/{_letters(rng, _URL_CHARACTERS)}" for _ in range(rng.randint(*composing.urls))]
    taken = sum(len(mention) + 1 for mention in mentions) + len(urls) * (_URL_WEIGHT + 1)
    return " ".join([_letters(rng, min(composing.characters, _HEAVIEST - taken)), *mentions, *urls])


def _letters(rng: Random, number: int) -> str:
    return "".join(rng.choices(_ALPHABET, k=number))


class Composed:
    """Tweets by people chosen uniformly, each under an idempotency key of its own."""

    def __init__(self, composing: Composing, authors: Sequence[Person], names: Sequence[str], *, seed: int) -> None:
        rng = Random(f"{seed}/compose")
        self._authors = rng.choices(authors, k=_DRAWN)
        self._texts = [composed(composing, names, rng) for _ in range(_TEXTS)]
        self._run = f"{time.time_ns():x}"

    def request(self, number: int) -> bytes:
        token = self._authors[number % _DRAWN].token
        return wire.post("/tweets", {"content": self._text(number)}, token=token, key=f"{self._run}-{number}")

    def fault(self, number: int, answer: wire.Answer) -> str:
        return answers.fault_of_post(answer, self._text(number))

    def _text(self, number: int) -> str:
        return self._texts[number % _TEXTS]


class Mixture:
    """Operations by their weights; pages are those that were found beforehand."""

    def __init__(
        self, operations: Operations, found: Mapping[str, Sequence[Page]], place: Settlement, *, seed: int
    ) -> None:
        rng = Random(f"{seed}/mixture")
        chosen = operations.chosen
        self._kinds = rng.choices(list(chosen), [each.weight for each in chosen.values()], k=_DRAWN)
        self._pages = {name: rng.choices(each, k=_DRAWN) for name, each in found.items()}
        self._posts = operations.compose and Composed(operations.compose, place.people, place.names, seed=seed)

    def kind(self, number: int) -> str:
        return self._kinds[number % _DRAWN]

    def request(self, number: int) -> bytes:
        if self.kind(number) == "compose" and self._posts:
            return self._posts.request(number)
        return self._page(number).request

    def fault(self, exchange: Exchange) -> str:
        if self.kind(exchange.number) == "compose" and self._posts:
            return self._posts.fault(exchange.number, exchange.answer)
        return self._page(exchange.number).fault(exchange.answer)

    def _page(self, number: int) -> Page:
        return self._pages[self.kind(number)][number % _DRAWN]


def first_pages(place: Settlement, size: int) -> list[Page]:
    """Everybody's first page of home, not looked at yet."""
    path = f"/timeline/home?limit={size}"
    return [Page(wire.get(path, token=person.token), size, _TOP) for person in place.people]


class EachOnce:
    """Every page once, in order."""

    def __init__(self, found: Sequence[Page]) -> None:
        self._pages = found

    def kind(self, number: int) -> str:
        return "home"

    def request(self, number: int) -> bytes:
        return self._pages[number].request

    def fault(self, exchange: Exchange) -> str:
        return self._pages[exchange.number].fault(exchange.answer)


class Interrupted:
    """Work at its times, with the posts of one author at theirs between them."""

    def __init__(self, work: Mixture, posts: Composed, *, due: Sequence[float], burst: Sequence[float]) -> None:
        self._work = work
        self._posts = posts
        order = sorted([*((at, False, n) for n, at in enumerate(due)), *((at, True, n) for n, at in enumerate(burst))])
        self.due = [at for at, _, _ in order]
        # Which of the two a request is, and its number there.
        self._which = [(is_post, number) for _, is_post, number in order]

    def kind(self, number: int) -> str:
        is_post, theirs = self._which[number]
        return "celebrity" if is_post else self._work.kind(theirs)

    def request(self, number: int) -> bytes:
        is_post, theirs = self._which[number]
        return self._posts.request(theirs) if is_post else self._work.request(theirs)

    def fault(self, exchange: Exchange) -> str:
        is_post, theirs = self._which[exchange.number]
        if is_post:
            return self._posts.fault(theirs, exchange.answer)
        return self._work.fault(replace(exchange, number=theirs))
