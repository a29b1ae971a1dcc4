"""Latencies as an HDR histogram: microseconds from 1 to a minute, with three significant digits."""

from __future__ import annotations

from collections.abc import Iterable

from hdrh.histogram import HdrHistogram

_LONGEST_US = 60_000_000
_DIGITS = 3


class Latencies:
    """A distribution of durations. `encode` is what crosses a process's border and goes into a record."""

    def __init__(self, histogram: HdrHistogram | None = None) -> None:
        self._histogram = histogram or HdrHistogram(1, _LONGEST_US, _DIGITS)

    @classmethod
    def of(cls, durations_s: Iterable[float]) -> Latencies:
        """Raises ValueError for a duration of more than a minute, which would otherwise be left out in silence."""
        latencies = cls()
        for duration_s in durations_s:
            duration_us = max(1, round(duration_s * 1e6))
            # The histogram's last bucket takes in somewhat more than it was made for.
            if duration_us > _LONGEST_US or not latencies._histogram.record_value(duration_us):
                raise ValueError(f"{duration_s:.1f} s is beyond the histogram's {_LONGEST_US / 1e6:.0f} s")
        return latencies

    @classmethod
    def decode(cls, encoded: bytes) -> Latencies:
        return cls(HdrHistogram.decode(encoded))

    def encode(self) -> bytes:
        encoded: bytes = self._histogram.encode()
        return encoded

    @property
    def count(self) -> int:
        return int(self._histogram.get_total_count())

    def ms(self, percentile: float) -> float:
        """The latency, in milliseconds, that `percentile` per cent of the requests did not exceed."""
        return float(self._histogram.get_value_at_percentile(percentile)) / 1000
