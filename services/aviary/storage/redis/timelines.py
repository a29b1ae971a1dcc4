"""Home timelines in Redis: one adapter for the worker that appends and the service that reads."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from aviary import entries, ids
from aviary._native import Sources
from aviary.clock import Clock
from aviary.errors import Unavailable
from aviary.metrics import Metrics
from aviary.settings import Settings
from aviary.storage.redis import bags, lists
from aviary.storage.redis.connection import Arguments, RedisServers, Run, Script
from aviary.timelines.store import LIVE, ListKey, Piece, longest

_WORD = 8
_EVER_MS = 1 << 53
# 2**64 over the golden ratio: neighbouring ids, and those whose low bits are alike, go to different groups.
_SPREAD = 0x9E3779B97F4A7C15
# Of a batch's lists, which may have grown long all together; in the long run every two hundredth append trims one.
_TRIMMED_TOGETHER = 32


class RedisTimelines:
    """Keeps the promises of WarmTimelines and HeldTimelines; see `lists` for how.

    Everything may vanish at any moment. What a process cannot know to be
    complete is absent: after a restart, a failover, or a `clear`.
    """

    def __init__(
        self, servers: RedisServers, settings: Settings, clock: Clock, metrics: Metrics, *, prefix: str = "aviary"
    ) -> None:
        self._servers = servers
        self._clock = clock
        self._rebuilds = metrics.timeline_rebuilds
        self._idle_ms = settings.timeline_idle_s * 1000
        self._active_ms = settings.timeline_active_s * 1000
        self._capacity = settings.timeline_entries
        self._most = longest(self._capacity)
        self._prefix = prefix.encode()
        self._names = [b"%b:t:{%b}:" % (self._prefix, tag) for tag in servers.tags]

    async def append(self, owner_ids: bytes, row: bytes, *, active_only: bool) -> int:
        return await self._append(self._appending(owner_ids, row, self._active_ms if active_only else _EVER_MS))

    async def append_each(self, appends: Sequence[tuple[bytes, bytes]]) -> int:
        return await self._append([run for each in appends for run in self._appending(*each, _EVER_MS)])

    async def _append(self, runs: Sequence[Run]) -> int:
        answers: list[list[int]] = await self._servers.run_all(lists.APPEND, runs)
        long = {run.keys[1 + at] for run, (_, *places) in zip(runs, answers, strict=True) for at in places}
        await self._trim_some(sorted(long))
        return sum(appended for appended, *_ in answers)

    def _appending(self, owner_ids: bytes, row: bytes, active_ms: int) -> Sequence[Run]:
        """Return what appends an entry, a run for each group of lists."""
        kind, entry = (b"p", row[: bags.PLAIN_BYTES]) if bags.is_plain(row) else (b"l", row)
        arguments: Arguments = [self._clock.now_ms(), self._idle_ms, active_ms, row[:_WORD], entry, kind, self._most]
        arguments = [*arguments, lists.TAIL_BYTES, lists.CHUNK_BYTES]
        return [Run([self._epoch(group), *keys], arguments) for group, keys in self._live_by_group(owner_ids).items()]

    async def forget(self, owner_ids: bytes) -> None:
        live = self._live_by_group(owner_ids).values()
        await self._unlink([*keys, *(key + b":d" for key in keys)] for keys in live)

    async def drop(self) -> None:
        """Make every list absent at once; their memory comes back when they are built anew, or idle."""
        await self._unlink([self._epoch(group)] for group in range(len(self._names)))

    async def clear(self) -> int:
        await self.drop()
        removed = 0
        async for keys in self._servers.scan(b"%b:t:{*}:[0-9]*" % self._prefix):
            removed += await self._unlink(_by_tag(key for key in keys if not key.endswith(b":d")))
        return removed

    async def read(
        self, key: ListKey, *, sources: Sources, below: int, above: int, limit: int, extra: bytes
    ) -> Piece | None:
        held = await self._servers.run(lists.READ, self._run(key, _word(key.version)))
        if held is None:
            return None
        floor, plain, referring = held
        return bags.page(
            bags.join(plain, referring),
            floor=_number(floor),
            upper=key.upper,
            sources=sources,
            below=below,
            above=above,
            limit=limit,
            extra=extra,
        )

    def copying(self, viewer_id: int, version: int, mark: bytes) -> tuple[Script, Run]:
        """Return what reads how a live list changed since a mark, for whoever sends more than that in one go."""
        return lists.COPY, self._run(ListKey(viewer_id=viewer_id, upper=LIVE, version=version), _word(version), mark)

    async def holds(self, key: ListKey) -> bool:
        return bool(await self._servers.run(lists.HOLDS, self._run(key, _word(key.version))))

    async def begin(self, key: ListKey) -> int:
        self._rebuilds.inc()
        token = secrets.randbits(62) + 1
        await self._servers.run(
            lists.BEGIN, self._run(key, _word(key.version), _word(token), secrets.token_bytes(_WORD))
        )
        return token

    async def finish(self, key: ListKey, token: int, rows: bytes, *, floor: int) -> bool:
        given = bags.newest(rows, floor=floor, upper=key.upper, keep=_count(rows))
        answer = await self._servers.run(
            lists.FINISH,
            self._run(key, _word(token), _word(floor), given[:_WORD] or bytes(_WORD), *_chunks(*bags.split(given))),
        )
        if answer is not None and answer > self._most:
            await self._trim_some([self._name(key)])
        return answer is not None

    async def abort(self, key: ListKey, token: int) -> None:
        await self._servers.run(lists.ABORT, Run([self._name(key)], [_word(token)]))

    async def _trim_some(self, names: Sequence[bytes]) -> None:
        """Trim some of the lists that have grown long; the others are told of again with their next append."""
        # Drawn, for the first would be long again before the last had their turn.
        drawn = random.sample(names, min(len(names), _TRIMMED_TOGETHER))
        async with asyncio.TaskGroup() as tasks:
            for name in drawn:
                tasks.create_task(self._trim(name))

    async def _trim(self, name: bytes) -> None:
        with suppress(Unavailable):
            # What was to be added is there; the list is merely longer than it should be.
            await self._keep_newest(name)

    async def _keep_newest(self, name: bytes) -> None:
        """Keep the newest rows of a list and raise its floor to the oldest kept."""
        seen = await self._servers.run(lists.LOOK, Run([name]))
        if seen is None:
            return
        header, plain, referring = seen
        plain, referring, floor = bags.trimmed(
            plain, referring, floor=_number(header[lists.FLOOR]), keep=self._capacity
        )
        newest = max(plain[:_WORD], referring[:_WORD], key=_number)
        await self._servers.run(lists.TRIM, Run([name], [header, _word(floor), newest, *_chunks(plain, referring)]))

    async def _unlink(self, names: Iterable[Sequence[bytes]]) -> int:
        return sum(await self._servers.run_all(lists.UNLINK, [Run(each) for each in names if each]))

    def _run(self, key: ListKey, *arguments: bytes | int) -> Run:
        group = self._group(key.viewer_id)
        names = [self._epoch(group), self._name(key)]
        if key.upper != LIVE:
            names.append(b"%b%d:d" % (self._names[group], key.viewer_id))
        return Run(names, [self._clock.now_ms(), self._idle_ms, *arguments])

    def _name(self, key: ListKey) -> bytes:
        live = b"%b%d" % (self._names[self._group(key.viewer_id)], key.viewer_id)
        return live if key.upper == LIVE else b"%b:%d" % (live, key.upper)

    def _epoch(self, group: int) -> bytes:
        return self._names[group] + b"epoch"

    def _group(self, owner_id: int) -> int:
        return (owner_id * _SPREAD >> 32 & 0xFFFFFFFF) % len(self._names)

    def _live_by_group(self, owner_ids: bytes) -> Mapping[int, list[bytes]]:
        owners = ids.unpack(owner_ids)
        if len(self._names) == 1:
            name = self._names[0]
            return {0: [b"%b%d" % (name, owner) for owner in owners]} if owners else {}
        by_group: dict[int, list[bytes]] = {}
        for owner in owners:
            group = self._group(owner)
            by_group.setdefault(group, []).append(b"%b%d" % (self._names[group], owner))
        return by_group


def _by_tag(names: Iterable[bytes]) -> Iterable[Sequence[bytes]]:
    by_tag: dict[bytes, list[bytes]] = {}
    for name in names:
        by_tag.setdefault(name[: name.index(b"}")], []).append(name)
    return by_tag.values()


def _chunks(plain: bytes, referring: bytes) -> Arguments:
    """The number of rows, the number of chunks of plain ones, and the chunks of both bags."""
    count = len(plain) // bags.PLAIN_BYTES + _count(referring)
    parts = [
        [bag[at : at + lists.CHUNK_BYTES] for at in range(0, len(bag), lists.CHUNK_BYTES)] for bag in (plain, referring)
    ]
    return [count, len(parts[0]), *parts[0], *parts[1]]


def _count(rows: bytes) -> int:
    return len(rows) // entries.ROW_BYTES


def _word(number: int) -> bytes:
    return number.to_bytes(_WORD, "little", signed=True)


def _number(word: bytes) -> int:
    return int.from_bytes(word, "little")
