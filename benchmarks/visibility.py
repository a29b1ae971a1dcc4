"""How long after its acknowledgement a tweet is read, through the API, by every follower of its author.

A probed tweet is looked for in each follower's home (`?since_id=` just below it, so a page holds only what is newer)
until the last of them has it; its figure ends with the last answer that showed it. Looking takes time, too: the same
look is repeated once everybody has the tweet, and that control is reported beside the figure, not subtracted from it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks import answers, wire
from benchmarks.crowd import Crowd, Person, followers
from benchmarks.latency import Latencies
from benchmarks.load import Exchange, open_loop
from benchmarks.phase import Meter, Outcome, outcome
from benchmarks.schedule import arrivals
from benchmarks.traffic import Posts

# Ten times the target. A tweet that takes longer counts as that long, and as a fault.
_PATIENCE_S = 10.0
_PAUSE_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Posting at `rate`, of which every `every`-th tweet is looked for over `readers` further connections."""

    url: str
    crowd: Crowd
    processes: Mapping[str, Sequence[int]]
    rate: float
    duration_s: float
    every: int
    connections: int = 16
    readers: int = 16
    seed: int = 2
    # Who may be a follower; the crowd itself when nobody is named.
    audience: tuple[Person, ...] = ()
    # Who looks for whose tweets, by the author's id; the API is asked for all followers when nobody is named.
    watchers: Mapping[str, tuple[Person, ...]] = field(default_factory=dict[str, tuple[Person, ...]])


@dataclass(frozen=True, slots=True)
class Sight:
    """What a probe saw: until everybody had it, the control of that, and the reads that both needed."""

    visible: bytes
    control: bytes
    tweets: int
    readers: int
    reads: int
    posting: Outcome
    faults: Counter[str]


def look(probe: Probe) -> Sight:
    """Post, and look for the probed tweets until every follower of their authors has them."""
    return asyncio.run(looked(probe))


async def looked(probe: Probe) -> Sight:
    """The same beside whatever else this loop does."""
    return await _Looking(probe).run()


class _Looking:
    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._posts = Posts(probe.crowd, seed=probe.seed)
        self._due = arrivals(rate=probe.rate, duration_s=probe.duration_s, seed=probe.seed)
        self._audience: dict[str, Sequence[Person]] = dict(probe.watchers)
        self._free: asyncio.Queue[wire.Connection] = asyncio.Queue()
        self._visible: list[float] = []
        self._control: list[float] = []
        self._readers = 0
        self._reads = 0
        self._faults: Counter[str] = Counter()

    async def run(self) -> Sight:
        probe = self._probe
        async with wire.connected(probe.url, probe.connections + probe.readers) as connections:
            for connection in connections[probe.connections :]:
                self._free.put_nowait(connection)
            await self._meet(connections[0])
            posting = await self._post(connections[: probe.connections])
        visible, control = Latencies.of(self._visible), Latencies.of(self._control)
        return Sight(
            visible=visible.encode(),
            control=control.encode(),
            tweets=visible.count,
            readers=self._readers,
            reads=self._reads,
            posting=posting,
            faults=self._faults,
        )

    async def _meet(self, connection: wire.Connection) -> None:
        """Ask, before the clock runs, who follows the authors that will be probed."""
        among = self._probe.audience or self._probe.crowd.people
        for number in range(0, len(self._due), self._probe.every):
            author = self._posts.author(number)
            if author.id not in self._audience:
                self._audience[author.id] = await followers(connection, author, among)

    async def _post(self, connections: list[wire.Connection]) -> Outcome:
        meter = Meter(self._probe.processes)
        began = time.perf_counter()
        async with asyncio.TaskGroup() as looks:

            def follow_up(exchange: Exchange) -> None:
                if exchange.number % self._probe.every == 0 and exchange.answer.status == 200:
                    looks.create_task(self._watch(exchange))

            exchanges = await open_loop(connections, self._due, self._posts.request, then=follow_up)
            elapsed_s = time.perf_counter() - began
        return outcome(exchanges, elapsed_s, meter.read(), self._posts.fault)

    async def _watch(self, exchange: Exchange) -> None:
        tweet_id = int(json.loads(exchange.answer.body)["id"])
        audience = self._audience[self._posts.author(exchange.number).id]
        if not audience:
            return
        self._readers += len(audience)
        self._visible.append(await self._everybody(audience, tweet_id) - exchange.answer.at)
        again = time.perf_counter()
        self._control.append(await self._everybody(audience, tweet_id) - again)

    async def _everybody(self, audience: Sequence[Person], tweet_id: int) -> float:
        """When the last of them read the tweet."""
        return max(await asyncio.gather(*(self._seen(person, tweet_id) for person in audience)))

    async def _seen(self, person: Person, tweet_id: int) -> float:
        request = wire.get(f"/timeline/home?limit=100&since_id={tweet_id - 1}", token=person.token)
        end = time.perf_counter() + _PATIENCE_S
        while True:
            answer = await self._read(request)
            if answer.status == 200 and tweet_id in answers.tweet_ids(answer.body):
                return answer.at
            if answer.status != 200 or answer.at > end:
                self._faults["not visible" if answer.status == 200 else f"status {answer.status}"] += 1
                return end
            await asyncio.sleep(_PAUSE_S)

    async def _read(self, request: bytes) -> wire.Answer:
        connection = await self._free.get()
        try:
            self._reads += 1
            return await connection.send(request)
        finally:
            self._free.put_nowait(connection)
