"""The scales that are planned for by name, and amounts as people write them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from aviary.errors import InvalidInput
from aviary.planning.figures import Figure, Origin, checked

_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "dau": "people a day",
        "accounts": "people",
        "posts": "a day",
        "home-reads": "a day",
        "other-reads": "a day",
        "likes": "a day",
        "searches": "a day",
        "follows": "a person",
        "media-share": "of posts",
        "media-mb": "MB",
        "retention-days": "days",
        "peak-factor": "times the mean",
    }
)
# The first: 4,630 posts/s on average and 20,000/s at the peak, 694,000 timeline reads/s on average. The reads are split
# as in the common 60/30/10 mix, two homes to one other page.
_DESIGN = {
    "dau": 200e6,
    "accounts": 500e6,
    "posts": 400e6,
    "home-reads": 40e9,
    "other-reads": 20e9,
    "likes": 2e9,
    "searches": 2e9,
    "follows": 200.0,
    "media-share": 0.3,
    "media-mb": 2.0,
    "retention-days": 365.0,
    "peak-factor": 20_000 / (400e6 / 86_400),
}
# What the second does not say is as much for each person as in the first.
_LARGER = _DESIGN | {
    "dau": 500e6,
    "accounts": 1.25e9,
    "posts": 2.5e9,
    "home-reads": 100e9,
    "other-reads": 50e9,
    "likes": 5e9,
    "searches": 10e9,
    "media-share": 500e6 / 2.5e9,
}
SCALES: Mapping[str, Mapping[str, float]] = MappingProxyType({"design": _DESIGN, "larger": _LARGER})
# What grows with the people.
BY_PEOPLE = frozenset({"dau", "accounts", "posts", "home-reads", "other-reads", "likes", "searches"})
_MOST_PEOPLE = 1e11
_BOUNDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "dau": (1, _MOST_PEOPLE),
        "accounts": (1, _MOST_PEOPLE),
        "follows": (0, 1e6),
        "media-share": (0, 1),
        "media-mb": (0, 1e5),
        "retention-days": (1, 36_500),
        "peak-factor": (1, 1_000),
    }
)
_SUFFIXES = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12, "%": 0.01}
_AMOUNT = re.compile(r"([0-9][0-9,_]*(?:\.[0-9]+)?|\.[0-9]+)\s*([kKmMbBtT%]?)")


def amount(name: str, text: str) -> float:
    """Read 200M, 2.5B, 10k, 30 % or a plain number; raises InvalidInput for anything else."""
    found = _AMOUNT.fullmatch(text.strip())
    value = math.inf if found is None else float(re.sub("[,_]", "", found[1])) * _SUFFIXES[found[2].upper()]
    if math.isinf(value):
        raise InvalidInput(f"--{name} is {text!r}; it must be a number such as 200M, 2.5B or 10k")
    return value


def workload(scale: str, asked: Mapping[str, float]) -> dict[str, Figure]:
    """The figures of a scale as `workload.…`, with what was asked for put in.

    With other people a day than the scale has, all that people do is changed in
    proportion, unless it was asked for. Raises InvalidInput.
    """
    if scale not in SCALES:
        raise InvalidInput(f"--scale is {scale!r}; it must be {' or '.join(SCALES)}")
    of_scale = SCALES[scale]
    times = asked.get("dau", of_scale["dau"]) / of_scale["dau"]
    found: dict[str, Figure] = {}
    for name, unit in _UNITS.items():
        value = asked.get(name, of_scale[name] * (times if name in BY_PEOPLE else 1.0))
        source = f"--{name}" if name in asked else f"scale {scale}"
        if name not in asked and name in BY_PEOPLE and times != 1:
            source += ", in proportion to --dau"
        found[f"workload.{name}"] = _figure(name, value, unit, source)
    must_fit(found)
    return found


def _figure(name: str, value: float, unit: str, source: str) -> Figure:
    # Its name while it is looked at is the one that whoever asks for it knows.
    figure = checked(Figure(f"--{name}", value, unit, Origin.WORKLOAD, source, *_BOUNDS.get(name, (0.0, 1e18))))
    return replace(figure, name=f"workload.{name}")


def must_fit(figures: Mapping[str, Figure]) -> None:
    """Raises InvalidInput when some of the figures contradict each other, or nobody does anything."""
    dau, accounts, follows = (figures[f"workload.{name}"].value for name in ("dau", "accounts", "follows"))
    if dau > accounts:
        raise InvalidInput(f"{dau:,.0f} people a day cannot come from {accounts:,.0f} accounts")
    if follows >= accounts:
        raise InvalidInput(f"{accounts:,.0f} people cannot follow {follows:,.0f} others each")
    if not any(figures[f"workload.{name}"].value for name in ("posts", "home-reads", "other-reads", "likes")):
        raise InvalidInput("nobody writes or reads anything; there is nothing to plan for")
