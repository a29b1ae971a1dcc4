"""The same pages of two platforms, one with a hundred times as much in it: a page's cost must not grow with the rest.

Both run side by side and are asked in turn, so that whatever else the machine does meets both alike.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import answers, readers, subject, wire, worlds
from benchmarks.crowd import Crowd, Person
from benchmarks.inhabitants import Inhabitants
from benchmarks.phase import Kind, Outcome, Phase
from benchmarks.plans import VolumePlan
from benchmarks.subject import Subject, SubjectFailed
from benchmarks.system import Run
from benchmarks.traffic import Ask

# What the made-up texts are tagged with.
_TAGS = ("birding", "morning", "citylife", "smalljoys", "migration", "slowdown")
_LISTS, _MEMBERS = 5, 50
_THREADS, _REPLIES = 5, 30
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Place:
    """A running platform and who lives there."""

    platform: Subject
    people: Inhabitants
    usual: Crowd
    popular: Crowd
    busiest: Crowd


@dataclass(frozen=True, slots=True)
class Surface:
    """A kind of page, and whose are asked for. Likes come in the order of liking."""

    name: str
    asks: Callable[[Place], Sequence[Ask]]
    in_order: bool = True


def measure(run: Run, plan: VolumePlan, large: Path, small: Path) -> None:
    """Add each surface's times on both platforms, and how many times longer the larger one takes."""
    worlds.load(plan.small, small / "data")
    with subject.running(small) as few, subject.running(large) as many:
        places = [_place(few, small, plan), _place(many, large, plan)]
        for surface in SURFACES:
            _compare(run, surface, places, (plan.small.tweets, plan.large.tweets))


def page(
    platform: Subject, asks: Sequence[Ask], *, connections: int, duration_s: float, in_order: bool = True
) -> Phase:
    """A closed loop of pages that are all full."""
    return Phase(
        url=platform.url,
        kind=Kind.PAGE,
        crowd=Crowd((), ()),
        asks=tuple(asks),
        in_order=in_order,
        connections=connections,
        duration_s=duration_s,
        processes=platform.processes,
    )


def _place(platform: Subject, home: Path, plan: VolumePlan) -> Place:
    people = Inhabitants.of(home / "data")
    most = plan.readers
    return Place(platform, people, people.usual(most), people.popular(most), people.busiest(most))


def _compare(run: Run, surface: Surface, places: Sequence[Place], tweets: tuple[int, int]) -> None:
    full = [readers.full_pages(place.platform.url, surface.asks(place), in_order=surface.in_order) for place in places]
    if not all(full):
        run.faults[f"no full page of {surface.name}"] += 1
        return
    phases = [
        page(place.platform, asks, connections=1, duration_s=run.plan.closed_s / _ROUNDS, in_order=surface.in_order)
        for place, asks in zip(places, full, strict=True)
    ]
    rounds = [[run.perform(phase) for phase in phases] for _ in range(_ROUNDS)]
    small, large = ([each[place] for each in rounds] for place in range(2))
    for outcomes, count, asks in zip((small, large), tweets, full, strict=True):
        name = f"growth.{surface.name}.of_{count}"
        note = f"one connection, closed loop, warm; {len(asks)} different pages"
        run.add(f"{name}.p50", _p50_ms(outcomes), "ms", note=note)
        cpu_us = sum(each.cpu_s["aviary"] for each in outcomes) / sum(each.count for each in outcomes) * 1e6
        run.add(f"{name}.cpu.aviary", cpu_us, "µs", note="a page")
    run.add(f"growth.{surface.name}.ratio", _p50_ms(large) / _p50_ms(small), "times", note="of the two medians")


def _p50_ms(rounds: Sequence[Outcome]) -> float:
    """The best of the rounds' medians: what the page takes when nothing else was in its way."""
    return min(each.ms(50) for each in rounds)


def _homes(place: Place) -> list[Ask]:
    return _for_each(place.usual, "/timeline/home")


def _users(place: Place) -> list[Ask]:
    token = place.usual.people[0].token
    return [_first_page(f"/timeline/user/{person.id}", token) for person in place.busiest.people]


def _mentions(place: Place) -> list[Ask]:
    return _for_each(place.popular, "/timeline/mentions")


def _likes(place: Place) -> list[Ask]:
    return _for_each(place.usual, "/timeline/likes")


def _hashtags(place: Place) -> list[Ask]:
    return [_first_page(f"/timeline/hashtag/{tag}", place.usual.people[0].token) for tag in _TAGS]


def _lists(place: Place) -> list[Ask]:
    """Lists of those who write most, made for this by a few who keep them."""
    asks = []
    for owner in place.usual.people[:_LISTS]:
        made = _call(place, owner, "/lists", {"name": "growth"})
        for member in place.busiest.people[:_MEMBERS]:
            _call(place, owner, f"/lists/{made['id']}/members/{member.id}", {})
        asks.append(_first_page(f"/timeline/list/{made['id']}", owner.token))
    return asks


def _replies(place: Place) -> list[Ask]:
    """Replies to tweets that were posted for this: in a small world few are discussed at that length."""
    readers_, asks = place.usual.people, []
    for author in readers_[:_THREADS]:
        tweet = _call(place, author, "/tweets", {"content": "What do you think?"})["id"]
        for number in range(_REPLIES):
            reply = {"content": f"I think {number}", "reply_to_id": tweet}
            _call(place, readers_[number % len(readers_)], "/tweets", reply)
        asks.append(_first_page(f"/tweets/{tweet}/replies", author.token))
    return asks


SURFACES = (
    Surface("home", _homes),
    Surface("user", _users),
    Surface("mentions", _mentions),
    Surface("likes", _likes, in_order=False),
    Surface("hashtag", _hashtags),
    Surface("list", _lists),
    Surface("replies", _replies),
)


def _for_each(crowd: Crowd, path: str) -> list[Ask]:
    return [_first_page(path, person.token) for person in crowd.people]


def _first_page(path: str, token: str) -> Ask:
    return Ask(f"{path}?limit={answers.PAGE}", token)


# JSON, of as many shapes as there are calls.
def _call(place: Place, who: Person, path: str, body: dict[str, str]) -> dict[str, Any]:
    request = wire.post(path, body, token=who.token, key=uuid.uuid4().hex)
    answer = asyncio.run(_exchange(place.platform.url, request))
    if answer.status != 200:
        raise SubjectFailed(f"status {answer.status}: {answer.body[:200]!r}")
    said: dict[str, Any] = json.loads(answer.body)
    return said


async def _exchange(url: str, request: bytes) -> wire.Answer:
    async with wire.connected(url, 1) as [connection]:
        return await connection.send(request)
