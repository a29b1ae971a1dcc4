"""A plan: the whole sheet for one set of figures, and what it would be for more or fewer people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from aviary.errors import InvalidInput
from aviary.planning import scales
from aviary.planning.cost import cost
from aviary.planning.demand import demand
from aviary.planning.figures import Figure
from aviary.planning.fleet import fleet
from aviary.planning.sheet import Line, Sheet
from aviary.planning.single import single

# How much more of a figure is tried, to see what hangs on it.
_MORE = 1.1


@dataclass(frozen=True, slots=True)
class Plan:
    """The figures that went in and every line that came out."""

    figures: Mapping[str, Figure]
    sheet: Sheet

    def __getitem__(self, name: str) -> float:
        return self.lines[name].value

    @property
    def lines(self) -> Mapping[str, Line]:
        return self.sheet.lines


@dataclass(frozen=True, slots=True)
class Weight:
    """By what share the total changes with a tenth more of a figure."""

    figure: Figure
    change: float


def plan(figures: Mapping[str, Figure]) -> Plan:
    """Compute every line; raises InvalidInput when the figures contradict each other or make no finite plan."""
    scales.must_fit(figures)
    sheet = Sheet({name: figure.value for name, figure in figures.items()})
    try:
        for part in (demand, fleet, cost, single):
            part(sheet)
    except (OverflowError, ZeroDivisionError):
        raise InvalidInput("these figures make a plan too large or too small to compute") from None
    if not all(math.isfinite(line.value) for line in sheet.lines.values()):
        raise InvalidInput("these figures make a plan too large or too small to compute")
    return Plan(figures, sheet)


def growth(of: Plan, *, least: float, most: float) -> list[Plan]:
    """Plans from `least` to `most` people a day, who do as much each as those of a plan, by rising number.

    Four to a factor of ten, and the one at which a single machine is full. Numbers
    of people who cannot follow as many as they do are left out.
    """
    steps = max(1, math.ceil(4 * math.log10(most / least)))
    people = {least * (most / least) ** (step / steps) for step in range(steps + 1)}
    people |= {of["one.limit"]} if least < of["one.limit"] < most else set()
    now = {name: of.figures[f"workload.{name}"].value for name in ("dau", "accounts", "follows")}
    enough = now["follows"] * now["dau"] / now["accounts"]
    return [plan(_scaled(of.figures, dau / now["dau"])) for dau in sorted(people) if dau > enough]


def _scaled(figures: Mapping[str, Figure], times: float) -> dict[str, Figure]:
    by_people = {f"workload.{name}" for name in scales.BY_PEOPLE}
    return {
        name: replace(figure, value=figure.value * times) if name in by_people else figure
        for name, figure in figures.items()
    }


def weights(of: Plan) -> list[Weight]:
    """What the total hangs on, the heaviest first; nothing, when all is free."""
    if not of["cost.total"]:
        return []
    found = [Weight(figure, _change(of, figure)) for figure in of.figures.values()]
    return sorted((each for each in found if each.change), key=lambda each: -abs(each.change))


def _change(of: Plan, figure: Figure) -> float:
    more = replace(figure, value=min(figure.value * _MORE, figure.most))
    try:
        changed = plan({**of.figures, figure.name: more})
    except InvalidInput:
        # A tenth more contradicts another figure.
        return 0.0
    return changed["cost.total"] / of["cost.total"] - 1
