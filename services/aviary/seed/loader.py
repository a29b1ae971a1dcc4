"""Loads a world: performs its plan through the public API, call by call, until every outcome is known."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aviary.seed.call import Call, Op, Stage
from aviary.seed.client import Client, Limited, Ok, Refused, Unknown
from aviary.seed.journal import Journal
from aviary.seed.lanes import Lanes
from aviary.seed.patience import LoadStopped, Patience
from aviary.seed.people import person
from aviary.seed.plan import PLAN_VERSION, plan
from aviary.seed.progress import Progress, Silent
from aviary.seed.requests import arguments, facts, request
from aviary.seed.sessions import Sessions
from aviary.seed.world import World

# Far above what the fan-out may take; whoever looks in vain for longer goes on, and the check will tell.
_SIGHT_S = 30.0


@dataclass(slots=True)
class Summary:
    """What this run of a load did; calls that an earlier run had settled are `settled_before`."""

    settled_before: int = 0
    acknowledged: Counter[Op] = field(default_factory=Counter[Op])
    refused: Counter[str] = field(default_factory=Counter[str])
    skipped: int = 0
    unseen: int = 0
    elapsed_s: float = 0.0


async def load(
    world: World,
    url: str,
    journal: Path,
    *,
    tweets_per_user: int = 20,
    seed: int = 1,
    concurrency: int = 32,
    patience_s: float = 60.0,
    progress: Progress | None = None,
) -> Summary:
    """Load `world` into the platform at `url`, or go on with it when `journal` holds a part.

    A call without an answer is sent again under its key until its outcome is known. Raises LoadStopped when that
    takes longer than `patience_s`, and ValueError when the journal is of another load; either way a later run
    with the same arguments goes on.
    """
    stages = plan(world, tweets_per_user=tweets_per_user, seed=seed)
    plan_id = hashlib.sha256(f"{PLAN_VERSION}/{world.digest()}/{tweets_per_user}/{seed}".encode()).hexdigest()[:16]
    with Journal.open(journal, plan=plan_id, url=url) as book:
        async with Client(url, connections=concurrency) as client:
            loader = _Loader(client, book, progress or Silent(), patience_s=patience_s)
            return await loader.load(stages, concurrency)


class _Loader:
    def __init__(self, client: Client, journal: Journal, progress: Progress, *, patience_s: float) -> None:
        self._client = client
        self._journal = journal
        self._sessions = Sessions(client, journal, patience_s=patience_s)
        self._progress = progress
        self._patience_s = patience_s
        self._summary = Summary()

    async def load(self, stages: list[Stage], concurrency: int) -> Summary:
        began = time.monotonic()
        for stage in stages:
            await self._run(stage, concurrency)
        self._summary.elapsed_s = time.monotonic() - began
        return self._summary

    async def _run(self, stage: Stage, concurrency: int) -> None:
        calls = [call for call in stage.calls if call.index not in self._journal.settled]
        settled = len(stage.calls) - len(calls)
        self._summary.settled_before += settled
        self._progress.stage(stage.name, total=len(stage.calls), done=settled)
        await Lanes(calls).run(self._perform, concurrency=concurrency)

    async def _perform(self, call: Call) -> None:
        args = arguments(call, self._journal)
        if args is None:
            self._summary.skipped += 1
        elif call.op is Op.SEE:
            await self._see(call, args)
        else:
            await self._insist(call, args)
        self._progress.advance()

    async def _insist(self, call: Call, args: dict[str, str]) -> None:
        """Send the call until its outcome is known."""
        patience = Patience(self._patience_s)
        while True:
            match await self._try(call, args):
                case Ok(body):
                    return self._acknowledge(call, body)
                case Refused(401, message) if call.op is not Op.REGISTER:
                    self._journal.refused(call.index, 401, message)
                    await self._sessions.renew(call.who)
                    await patience.wait(f"401 {message}")
                case Refused(status, message):
                    return self._refuse(call, status, message)
                case Limited(retry_after_s):
                    self._journal.refused(call.index, 429, f"retry after {retry_after_s:g} s")
                    await asyncio.sleep(retry_after_s)
                case Unknown(reason):
                    self._journal.unknown(call.index, reason)
                    await patience.wait(reason)

    async def _try(self, call: Call, args: dict[str, str]) -> Ok | Refused | Limited | Unknown:
        token = None if call.op is Op.REGISTER else await self._sessions.token(call.who)
        self._journal.sent(call, args)
        return await self._client.send(request(call, args, key=self._journal.key(call.index), token=token))

    # JSON, of as many shapes as there are calls.
    def _acknowledge(self, call: Call, answer: dict[str, Any], **seen: str) -> None:
        try:
            answered = facts(call.op, answer)
            if call.op is Op.REGISTER:
                self._sessions.begin(call.who, answer)
        except (KeyError, TypeError) as error:
            raise LoadStopped(f"the acknowledgement of {call.op} {call.index} lacks {error}") from None
        self._journal.ok(call.index, {**answered, **seen})
        self._summary.acknowledged[call.op] += 1

    def _refuse(self, call: Call, status: int, message: str) -> None:
        self._journal.refused(call.index, status, message)
        self._summary.refused[f"{call.op} {status}"] += 1
        if call.op is Op.REGISTER:
            name = person(call.who).username
            raise LoadStopped(f"{name} can't register: {status} {message}. Is another load in this platform?")

    async def _see(self, call: Call, args: dict[str, str]) -> None:
        """Read home until the tweet shows. Many reads are one call in the journal: none of them changes anything."""
        patience, looking = Patience(self._patience_s), Patience(_SIGHT_S)
        while True:
            match await self._try(call, args):
                case Ok(body) if _shows(body, args["tweet_id"]) or looking.exhausted:
                    shown = _shows(body, args["tweet_id"])
                    self._summary.unseen += not shown
                    return self._acknowledge(call, body, shown="yes" if shown else "no")
                case Ok():
                    await looking.wait("looking")
                case Refused(401):
                    await self._sessions.renew(call.who)
                    await patience.wait("401")
                case Refused(status, message):
                    return self._refuse(call, status, message)
                case Limited(retry_after_s):
                    await asyncio.sleep(retry_after_s)
                case Unknown(reason):
                    await patience.wait(reason)


# A page of tweets: JSON.
def _shows(page: dict[str, Any], tweet_id: str) -> bool:
    return any(tweet["id"] == tweet_id for tweet in page["tweets"])
