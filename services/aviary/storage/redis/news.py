"""What the processes of a fleet tell each other's fronts: every change, before it is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aviary import ids
from aviary.errors import Unavailable
from aviary.storage.redis.connection import RedisServers, Run, Script
from aviary.storage.redis.degraded import Marks

# Whoever is further behind reads everything anew.
_KEPT = 20_000
_AT_ONCE = 2_000
# Between attempts to say that something was not told.
_OWED_S = 0.5

# The pieces are a stream whose ids count them; the count is a key beside it. A count that was lost begins anew at the
# time in µs, which is above every count there was: so nobody takes it for a place that they know.
_COUNT = """
local function count()
  local held = redis.call('GET', KEYS[2])
  if held then return tonumber(held) end
  redis.call('UNLINK', KEYS[1])
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end
local function keep(n) redis.call('SET', KEYS[2], string.format('%.0f', n)) end
"""

# KEYS: stream, count. ARGV: how many to keep, pieces.
_TELL = Script(
    _COUNT
    + """
local n = count()
for place = 2, #ARGV do
  n = n + 1
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], string.format('%.0f-0', n), 'p', ARGV[place])
end
keep(n)
"""
)

# KEYS: stream, count. A place that nobody finds a piece for makes everybody read everything anew.
_SKIP = Script(_COUNT + "keep(count() + 1)")

# KEYS: stream, count. ARGV: the server's life as it is known, place, how many at most. Answers life, new place, and
# either 1 and every piece between the places, or 0 when some of them are not there.
_HEAR = Script(
    _COUNT
    + """
local life = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local held = redis.call('GET', KEYS[2])
local n = held and tonumber(held) or count()
if not held then keep(n) end
local answer, from = {life, string.format('%.0f', n), 0}, tonumber(ARGV[2])
if ARGV[1] ~= life or from > n or n - from > tonumber(ARGV[3]) then return answer end
if n > from then
  local found = redis.call('XRANGE', KEYS[1], string.format('(%.0f-0', from), '+')
  if #found ~= n - from then return answer end
  for place, piece in ipairs(found) do answer[3 + place] = piece[2][2] end
end
answer[3] = 1
return answer
"""
)


@dataclass(frozen=True, slots=True)
class Place:
    """How far somebody heard, in one life of the server."""

    life: bytes = b""
    n: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """What was told since a place; without `pieces` nobody knows, and anything may have changed."""

    place: Place
    pieces: Sequence[bytes] | None


class RedisNews:
    """A short stream of news, which every front reads before it answers.

    Telling never fails: what could not be told makes everybody read everything
    anew as soon as that can be said.
    """

    def __init__(self, servers: RedisServers, marks: Marks, *, prefix: str = "aviary") -> None:
        self._servers = servers
        self._marks = marks
        name = b"%b:news:{%b}:" % (prefix.encode(), servers.tags[0])
        self._keys = [name + b"pieces", name + b"count"]
        self._owing: asyncio.Task[None] | None = None

    async def events(self, bodies: Iterable[bytes]) -> None:
        """Tell of encoded aviary.events.v1.Event: what they tell of is durable, and not acknowledged yet."""
        await self._tell([b"e" + body for body in bodies])

    async def counted(self, tweet_ids: Iterable[int]) -> None:
        """Tell that counts of these tweets changed."""
        await self._tell([b"c" + ids.pack(sorted(tweet_ids))])

    async def tiers(self) -> None:
        """Tell that authors changed their tiers, as whoever asks is told from now on."""
        await self._tell([b"t"])

    def hearing(self, place: Place) -> tuple[Script, Run]:
        """Return what reads the news since a place, for whoever sends more than that in one go."""
        return _HEAR, Run(self._keys, [place.life, place.n, _AT_ONCE])

    @staticmethod
    def heard(answer: Sequence[bytes | int]) -> Heard:
        """Read what that answered."""
        life, n, is_whole, *pieces = answer
        return Heard(Place(bytes(life), int(n)), [bytes(piece) for piece in pieces] if is_whole else None)

    async def close(self) -> None:
        """Let what is owed be; nobody is left who owes it."""
        if self._owing is not None:
            self._owing.cancel()

    async def _tell(self, pieces: Sequence[bytes]) -> None:
        if not pieces:
            return
        try:
            await self._servers.run(_TELL, Run(self._keys, [_KEPT, *pieces]))
        except Unavailable:
            self._marks.mark("news")
            if self._owing is None or self._owing.done():
                self._owing = asyncio.create_task(self._own_up())

    async def _own_up(self) -> None:
        while True:
            await asyncio.sleep(_OWED_S)
            try:
                await self._skip()
            except Unavailable:
                continue
            return

    async def _skip(self) -> None:
        await self._servers.run(_SKIP, Run(self._keys))
