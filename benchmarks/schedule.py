"""When requests are due, decided before the first is sent: a slow answer can't put off those after it."""

from __future__ import annotations

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
