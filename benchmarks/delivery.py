"""How far the fan-out is, as the platform's own metrics tell: accepted is not yet delivered."""

from __future__ import annotations

import time
import urllib.request
from dataclasses import dataclass

_PATIENCE_S = 120.0
_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class Delivered:
    """Tweets whose fan-out is done, and the entries that it has put into timelines, since the start."""

    tweets: int
    entries: int


def delivered(metrics: str) -> Delivered:
    return parsed(metrics_text(metrics))


def parsed(text: str) -> Delivered:
    """Read the two sums out of the metrics' text."""
    sums = {"aviary_fanout_lag_seconds_count": 0.0, "aviary_fanout_appended_entries_total": 0.0}
    for line in text.splitlines():
        name = line.partition(" ")[0].partition("{")[0]
        if name in sums:
            sums[name] += float(line.rpartition(" ")[2])
    tweets, entries = sums.values()
    return Delivered(int(tweets), int(entries))


def mean_lag_s(text: str, lane: str) -> float:
    """From a tweet's commit until all who are pushed to have it, on average over a lane since the start."""
    sums = {"sum": 0.0, "count": 0.0}
    for line in text.splitlines():
        for each in sums:
            if line.startswith(f'aviary_fanout_lag_seconds_{each}{{lane="{lane}"}}'):
                sums[each] = float(line.rpartition(" ")[2])
    return sums["sum"] / sums["count"]


def until_delivered(metrics: str, tweets: int) -> Delivered:
    """Wait until that many tweets, counted from the start, are fanned out. Raises TimeoutError."""
    end = time.monotonic() + _PATIENCE_S
    while (now := delivered(metrics)).tweets < tweets:
        if time.monotonic() > end:
            raise TimeoutError(f"{tweets - now.tweets} tweets were not fanned out within {_PATIENCE_S:g} s")
        time.sleep(_PAUSE_S)
    return now


def backlog_s(metrics: str, tweets: int) -> float:
    """Wait as `until_delivered`, and return for how many seconds that was; 0 where no `metrics` tell of it."""
    began = time.perf_counter()
    if metrics:
        until_delivered(metrics, tweets)
    return time.perf_counter() - began if metrics else 0.0


def metrics_text(metrics: str) -> str:
    """All that the platform tells of itself."""
    with urllib.request.urlopen(metrics, timeout=10) as answer:  # noqa: S310 - the address that the platform printed
        text: str = answer.read().decode()
    return text
