"""What is asked for, and whether the answer is right. Everything is drawn beforehand: the loop only sends bytes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from benchmarks import answers, wire
from benchmarks.crowd import Crowd, Person
from benchmarks.load import Exchange

_DRAWN = 1 << 16


@dataclass(frozen=True, slots=True)
class Ask:
    """A page that somebody asks for."""

    path: str
    token: str

    @property
    def request(self) -> bytes:
        return wire.get(self.path, token=self.token)


def homes(crowd: Crowd) -> list[Ask]:
    """Everybody's first page of home."""
    return [Ask(f"/timeline/home?limit={answers.PAGE}", person.token) for person in crowd.people]


class Pages:
    """First pages, chosen uniformly so that none is hot; in turn when there is no seed."""

    def __init__(self, asks: Sequence[Ask], *, seed: int | None = None, in_order: bool = True) -> None:
        pages = [ask.request for ask in asks]
        self._pages = pages if seed is None else Random(seed).choices(pages, k=_DRAWN)
        self._in_order = in_order

    def request(self, number: int) -> bytes:
        return self._pages[number % len(self._pages)]

    def fault(self, exchange: Exchange) -> str:
        return answers.fault_of_page(exchange.answer, in_order=self._in_order)


class Posts:
    """Tweets by people chosen uniformly, each under an idempotency key of its own."""

    def __init__(self, crowd: Crowd, *, seed: int) -> None:
        self._authors = Random(seed).choices(crowd.people, k=_DRAWN)
        self._texts = crowd.texts
        self._run = f"{time.time_ns():x}"

    def author(self, number: int) -> Person:
        return self._authors[number % _DRAWN]

    def request(self, number: int) -> bytes:
        body = {"content": self._text(number)}
        return wire.post("/tweets", body, token=self.author(number).token, key=f"{self._run}-{number}")

    def fault(self, exchange: Exchange) -> str:
        return answers.fault_of_post(exchange.answer, self._text(exchange.number))

    def _text(self, number: int) -> str:
        return self._texts[number % len(self._texts)]
