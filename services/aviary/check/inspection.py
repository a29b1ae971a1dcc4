"""Walks every home, user timeline and profile to its end, and again where something differs, until the deadline."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

from aviary.check import doubts, rules
from aviary.check.client import Reader, Unreadable
from aviary.check.compare import Catalogue, Difference
from aviary.check.journal import Call, Journal
from aviary.check.world import Person, World, rebuild

_BETWEEN_ROUNDS_S = 0.25


class Surface(StrEnum):
    """Where something can be seen."""

    HOME = "home"
    TIMELINE = "timeline"
    FOLLOWING = "following"
    PROFILE = "profile"


class View(NamedTuple):
    """A surface of somebody, seen by `viewer`; people are named by their numbers in the load."""

    surface: Surface
    of: int
    viewer: int


@dataclass(slots=True)
class Findings:
    """What was walked, and the differences that lasted."""

    world: World
    doubts: int
    walked: Counter[Surface] = field(default_factory=Counter[Surface])
    entries: Counter[Surface] = field(default_factory=Counter[Surface])
    differences: list[Difference] = field(default_factory=list[Difference])
    rounds: int = 0


async def inspect(journal: Journal, reader: Reader, *, sample: int | None, settle_s: float, workers: int) -> Findings:
    """Look at everything; a difference counts when it is still there `settle_s` seconds after the start.

    `sample` people's homes are walked (all when None). Everybody's user timeline is walked in any case: together
    they hold each acknowledged tweet once. People are sampled by the journal: another one each time it has grown.
    """
    deadline = time.monotonic() + settle_s
    inspection = await _Inspection.begin(journal, reader)
    views = list(_views(inspection.findings.world, sample, f"{journal.run}/{len(journal.calls)}"))
    while True:
        views = await inspection.walk(views, workers)
        inspection.findings.rounds += 1
        if not views or time.monotonic() > deadline:
            return inspection.findings
        await asyncio.sleep(_BETWEEN_ROUNDS_S)
        await inspection.begin_again()


def _views(world: World, sample: int | None, lot: str) -> Iterator[View]:
    everybody = sorted(world.ids)
    chosen = sorted(everybody, key=lambda number: blake2b(f"{lot}/{number}".encode()).digest())[:sample]
    for number in chosen:
        yield View(Surface.HOME, number, number)
        yield View(Surface.FOLLOWING, number, number)
    for number in everybody:
        # Who isn't in the sample needn't log in, which is dear: somebody who is looks for them.
        viewer = number if sample is None else chosen[number % len(chosen)]
        yield View(Surface.TIMELINE, number, viewer)
        yield View(Surface.PROFILE, number, viewer)


class _Inspection:
    def __init__(self, journal: Journal, reader: Reader, findings: Findings) -> None:
        self._journal = journal
        self._reader = reader
        self.findings = findings
        self._catalogue = Catalogue(findings.world)

    @classmethod
    async def begin(cls, journal: Journal, reader: Reader) -> _Inspection:
        world, unknown = await _settled(journal, reader)
        return cls(journal, reader, Findings(world, len(unknown)))

    async def begin_again(self) -> None:
        """A call that was still under way may have been done in the meantime: doubts are settled anew."""
        self.findings.world, _ = await _settled(self._journal, self._reader)
        self.findings.differences = []
        self._catalogue = Catalogue(self.findings.world)

    async def walk(self, views: Sequence[View], workers: int) -> list[View]:
        """Walk the views side by side, and return those with differences."""
        self.findings.differences += [
            Difference("twice", "the journal", f"retweet {tweet.id}, acknowledged beside an earlier one that stands")
            for tweet in self.findings.world.twice
        ]
        differing: list[View] = []
        left = iter(views)

        async def work() -> None:
            for view in left:
                differences = await self._look(view)
                if differences:
                    differing.append(view)
                    self.findings.differences += differences

        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())
        return differing

    async def _look(self, view: View) -> list[Difference]:
        people, ids = self.findings.world.people, self.findings.world.ids
        of, viewer = people[ids[view.of]], people[ids[view.viewer]]
        where = f"{view.surface} of {of.username}"
        self.findings.walked[view.surface] += 1
        try:
            match view.surface:
                case Surface.HOME:
                    return await self._look_at_tweets(view, where, "/timeline/home", of, viewer)
                case Surface.TIMELINE:
                    return await self._look_at_tweets(view, where, f"/timeline/user/{of.id}", of, viewer)
                case Surface.FOLLOWING:
                    return await self._look_at_following(where, of)
                case Surface.PROFILE:
                    return await self._look_at_profile(where, of, viewer)
        except Unreadable as error:
            return [Difference("unreadable", where, str(error))]
        except (KeyError, TypeError, ValueError) as error:
            return [Difference("unreadable", where, f"not in the shape of the API: {error!r}")]

    async def _look_at_tweets(self, view: View, where: str, path: str, of: Person, viewer: Person) -> list[Difference]:
        rule = rules.home if view.surface is Surface.HOME else rules.timeline
        differences: list[Difference] = []
        shown: list[int] = []
        async for page in self._reader.tweets(viewer, path):
            for tweet in page:
                shown.append(int(tweet["id"]))
                differences += self._catalogue.tweet(where, tweet, viewer.id)
        self.findings.entries[view.surface] += len(shown)
        return [*self._catalogue.order(where, shown, rule(self.findings.world, of.id)), *differences]

    async def _look_at_following(self, where: str, of: Person) -> list[Difference]:
        shown = [
            int(user["id"])
            async for page in self._reader.pages(of, f"/users/{of.id}/following", "users")
            for user in page
        ]
        self.findings.entries[Surface.FOLLOWING] += len(shown)
        must = self.findings.world.following[of.id]
        differences = [Difference("missing", where, f"user {id_}") for id_ in must - set(shown)]
        differences += [Difference("extra", where, f"user {id_}") for id_ in set(shown) - must]
        return differences + [Difference("twice", where, f"user {i}") for i, n in Counter(shown).items() if n > 1]

    async def _look_at_profile(self, where: str, of: Person, viewer: Person) -> list[Difference]:
        status, body = await self._reader.get(viewer, f"/users/{of.id}")
        if status != 200:
            raise Unreadable(f"/users/{of.id}: {status} {body}")
        must = rules.profile(self.findings.world, of.id)
        odd = [
            f"{name} {body[name]}, not {count}"
            for name, count in must._asdict().items()
            if int(body[name]) not in (count if isinstance(count, range) else {count})
        ]
        return [Difference("wrong", where, ", ".join(odd))] if odd else []


async def _settled(journal: Journal, reader: Reader) -> tuple[World, list[Call]]:
    world, unknown = rebuild(journal)
    await doubts.settle(world, unknown, reader)
    return world, unknown
