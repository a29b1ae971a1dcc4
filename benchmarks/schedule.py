"""When requests are due, decided before the first is sent: a slow answer can't put off those after it."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random


def arrivals(*, rate: float, duration_s: float, seed: int) -> list[float]:
    """The seconds from the start at which requests are due: a Poisson process of `rate` a second.

    People don't take turns: independent arrivals come in bursts, and the queues that bursts
    make belong to what is measured. The same arguments give the same schedule.
    """
    if rate <= 0 or duration_s <= 0:
        raise ValueError(f"a schedule of {rate} requests a second for {duration_s} s has no arrivals")
    rng = Random(seed)
    due: list[float] = []
    at = rng.expovariate(rate)
    while at < duration_s:
        due.append(at)
        at += rng.expovariate(rate)
    return due


def along(shares: Sequence[float], *, peak: float, duration_s: float, seed: int) -> list[float]:
    """When requests are due whose rate follows a curve: `shares` of `peak` a second, evenly spaced over the duration.

    Between two of them the rate goes straight from one to the next, and from the last to the first, as days follow
    days. Arrivals of a Poisson process at the peak are kept with the chance that the curve gives them.
    Source: Lewis and Shedler, "Simulation of nonhomogeneous Poisson processes by thinning" (1979).
    """
    if not shares or min(shares) < 0 or max(shares) > 1 or not any(shares):
        raise ValueError(f"a curve has shares from 0 to 1, not all 0; this one has {list(shares)}")
    rng = Random(f"{seed}/kept")
    due = arrivals(rate=peak, duration_s=duration_s, seed=seed)
    return [at for at in due if rng.random() < share_at(shares, at / duration_s)]


def share_at(shares: Sequence[float], place: float) -> float:
    """The curve's share at a place of its duration, 0 to 1."""
    whole, part = divmod(place * len(shares), 1)
    here, after = shares[int(whole) % len(shares)], shares[(int(whole) + 1) % len(shares)]
    return here + (after - here) * part
