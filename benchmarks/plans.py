"""How long and how hard a run loads: the full one that is recorded, and the quick one for a first look."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Seconds are of each phase. Shares are of the most that a closed loop reached in the same run."""

    quick: bool
    starts: int
    warm_up_s: float
    closed_s: float
    open_s: float
    shares: tuple[int, ...]
    visible_s: float
    # Every so many tweets are looked for by all their followers.
    probe_every: int
    rebuilds_per_s: float = 50.0
    posts_per_s: float = 50.0


FULL = Plan(
    quick=False,
    starts=3,
    warm_up_s=3.0,
    closed_s=8.0,
    open_s=10.0,
    shares=(25, 50, 75, 90),
    visible_s=50.0,
    probe_every=25,
)
QUICK = Plan(
    quick=True, starts=1, warm_up_s=1.0, closed_s=4.0, open_s=4.0, shares=(50, 75), visible_s=12.0, probe_every=20
)
