"""Rate limits in Redis: an exact sliding window per subject, one script a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aviary.rpc.limits import Limit, Usage
from aviary.storage.redis.connection import RedisServers, Run, Script

_US = 1_000_000

# KEYS: the window. ARGV: count, length in µs, units, the time in µs or nothing for the server's own.
# A window is a list with an element a unit: the time in µs and three digits that tell spendings of one moment apart, of
# which Redis makes one integer of 9 bytes; it is the token as well. Cut as text, for a number of Lua's has 53 bits.
# Not GCRA: that keeps one number, but after a rest it lets up to twice the count into a window.
_SPEND = Script(
    """
local window, count, length, units = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(ARGV[4])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

local function time_at(place)
  local unit = redis.call('LINDEX', window, place)
  if unit then return tonumber(string.sub(unit, 1, -4)), tonumber(string.sub(unit, -3)) end
end

local oldest = time_at(0)
while oldest and oldest <= now - length do
  redis.call('LPOP', window)
  oldest = time_at(0)
end
local spent = redis.call('LLEN', window)
local left = count - spent
if units > left then
  -- So many of the oldest must leave the window first.
  local last = time_at(math.min(units - left, spent) - 1)
  return {0, left, last and length - (now - last) or length, '0'}
end
-- Ascending, also when the clock stepped back.
local time, number = now, 0
local newest, newest_number = time_at(-1)
if newest and newest >= now then time, number = newest, newest_number + 1 end
if number > 999 then time, number = time + 1, 0 end
local token = string.format('%.0f%03d', time, number)
for _ = 1, units do redis.call('RPUSH', window, token) end
redis.call('PEXPIRE', window, math.ceil(length / 1000))
return {1, left - units, length - (now - (oldest or time)), token}
"""
)

# KEYS: the window. ARGV: token.
_REFUND = Script("return redis.call('LREM', KEYS[1], 0, ARGV[1])")


class RedisRateLimits:
    """Keeps the promise of RateLimits for all processes together, by the server's clock.

    `now_us` is for tests, which move the time. A window that nothing was spent
    of within its length takes no memory.
    """

    def __init__(
        self, servers: RedisServers, *, prefix: str = "aviary", now_us: Callable[[], int] | None = None
    ) -> None:
        self._servers = servers
        self._prefix = prefix.encode()
        self._now_us = now_us

    async def spend(self, limit: Limit, subject: str, units: int = 1) -> Usage:
        return self.usage(limit, await self._servers.run(*self.spending(limit, subject, units)))

    def spending(self, limit: Limit, subject: str, units: int = 1) -> tuple[Script, Run]:
        """Return what spends, for whoever sends more than that in one go."""
        now = self._now_us() if self._now_us else b""
        return _SPEND, Run([self._window(limit, subject)], [limit.count, limit.window_s * _US, units, now])

    @staticmethod
    def usage(limit: Limit, answer: Sequence[Any]) -> Usage:
        """Read what that answered."""
        allowed, remaining, reset_us, token = answer
        reset_s = min(reset_us / _US, limit.window_s)
        return Usage(allowed=bool(allowed), remaining=remaining, reset_s=reset_s, token=int(token))

    async def refund(self, limit: Limit, subject: str, token: int) -> None:
        await self._servers.run(_REFUND, Run([self._window(limit, subject)], [token]))

    def _window(self, limit: Limit, subject: str) -> bytes:
        return b"%b:l:{%b}:%b" % (self._prefix, subject.encode(), limit.name.encode())
