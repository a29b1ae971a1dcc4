"""How long and how hard a run loads: the full one that is recorded, and the quick one for a first look."""

from __future__ import annotations

from dataclasses import dataclass

from aviary.seed.multitude import Size


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


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumePlan:
    """Worlds of two sizes in which people follow as many and write as much, and one with a celebrity."""

    large: Size
    small: Size
    celebrity: Size
    # Followers of the celebrity beyond the world: ids that belong to nobody.
    phantoms: int
    # How often the celebrity posts.
    celebrity_posts_per_s: float
    # Readers of each kind that are drawn, and authors that are probed.
    readers: int
    authors: int


VOLUME = VolumePlan(
    large=Size(people=100_000, follows=10_000_000, tweets=1_000_000),
    small=Size(people=1_000, follows=100_000, tweets=10_000),
    celebrity=Size(people=2_000, follows=60_000, tweets=20_000),
    phantoms=1_000_000,
    celebrity_posts_per_s=0.2,
    readers=400,
    authors=60,
)
QUICK_VOLUME = VolumePlan(
    large=Size(people=3_000, follows=150_000, tweets=60_000),
    small=Size(people=300, follows=15_000, tweets=6_000),
    celebrity=Size(people=300, follows=6_000, tweets=3_000),
    phantoms=100_000,
    celebrity_posts_per_s=0.5,
    readers=60,
    authors=20,
)
