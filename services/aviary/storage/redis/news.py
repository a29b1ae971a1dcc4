"""What the processes of a fleet tell each other's fronts: every change, before it is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
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
# From look to look of whoever publishes what is told.
_LOOK_S = 0.1
_EVENT = b"e"

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

# KEYS: stream, count. ARGV: how many to keep, the keyspace whose outbox has them or nothing, pieces.
_TELL = Script(
    _COUNT
    + """
local n = count()
for place = 3, #ARGV do
  n = n + 1
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], string.format('%.0f-0', n), 'p', ARGV[place], 'k', ARGV[2])
end
keep(n)
"""
)

# KEYS: stream, count. A place that nobody finds a piece for makes everybody read everything anew.
_SKIP = Script(_COUNT + "keep(count() + 1)")

# KEYS: stream, count. ARGV: the server's life as it is known, place, how many at most, and 1 to be told keyspaces too.
# Answers life, new place, and either 1 and every piece between the places, each behind its own when asked for, or 0
# when some of them are not there.
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
  for _, piece in ipairs(found) do
    if ARGV[4] == '1' then answer[#answer + 1] = piece[2][4] end
    answer[#answer + 1] = piece[2][2]
  end
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

    async def events(self, bodies: Iterable[bytes], *, keyspace: str = "") -> None:
        """Tell of encoded aviary.events.v1.Event: what they tell of is durable, and not acknowledged yet.

        With a `keyspace` they are in its outbox: whoever publishes that may take them from here.
        """
        await self._tell([_EVENT + body for body in bodies], keyspace)

    async def counted(self, tweet_ids: Iterable[int]) -> None:
        """Tell that counts of these tweets changed."""
        await self._tell([b"c" + ids.pack(sorted(tweet_ids))])

    async def tiers(self) -> None:
        """Tell that authors changed their tiers, as whoever asks is told from now on."""
        await self._tell([b"t"])

    def hearing(self, place: Place) -> tuple[Script, Run]:
        """Return what reads the news since a place, for whoever sends more than that in one go."""
        return _HEAR, Run(self._keys, [place.life, place.n, _AT_ONCE, 0])

    @staticmethod
    def heard(answer: Sequence[bytes | int]) -> Heard:
        """Read what that answered."""
        life, n, is_whole, *pieces = answer
        return Heard(Place(bytes(life), int(n)), [bytes(piece) for piece in pieces] if is_whole else None)

    async def on_their_way(self, place: Place) -> tuple[Place, Mapping[str, Sequence[bytes]] | None]:
        """Return a new place, and the encoded events that were told since by keyspace; None when some are not known.

        Raises Unavailable.
        """
        answer = await self._servers.run(_HEAR, Run(self._keys, [place.life, place.n, _AT_ONCE, 1]))
        heard = self.heard(answer)
        if heard.pieces is None:
            return heard.place, None
        found: dict[str, list[bytes]] = {}
        for keyspace, piece in zip(heard.pieces[::2], heard.pieces[1::2], strict=True):
            if keyspace:
                found.setdefault(keyspace.decode(), []).append(piece.removeprefix(_EVENT))
        return heard.place, found

    async def close(self) -> None:
        """Let what is owed be; nobody is left who owes it."""
        if self._owing is not None:
            self._owing.cancel()

    async def _tell(self, pieces: Sequence[bytes], keyspace: str = "") -> None:
        if not pieces:
            return
        try:
            await self._servers.run(_TELL, Run(self._keys, [_KEPT, keyspace.encode(), *pieces]))
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


class Ear:
    """Hands the events that writers tell of to those who publish them, by keyspace, soon and all together.

    Each is called at every look, with what is new of its own; not at all while nobody knows what is.
    """

    def __init__(self, news: RedisNews, publishers: Mapping[str, Callable[[Sequence[bytes]], None]]) -> None:
        self._news = news
        self._publishers = publishers

    async def run(self) -> None:
        """Listen until cancelled."""
        place = Place()
        while True:
            try:
                place, found = await self._news.on_their_way(place)
            except Unavailable:
                place, found = Place(), None
            if found is not None:
                for keyspace, publish in self._publishers.items():
                    publish(found.get(keyspace, ()))
            await asyncio.sleep(_LOOK_S)
