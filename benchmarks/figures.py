"""A figure: one measured number with its unit, and the target it has, if any."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A bound; `at_least` says which side of it is good. Below a bound means strictly below."""

    bound: float
    at_least: bool = False

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value < self.bound

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of a record. Names are dotted: what was measured, how it was loaded, which statistic."""

    name: str
    value: float
    unit: str
    target: Target | None = None
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None without one."""
        return None if self.target is None else self.target.is_met(self.value)

    @property
    def text(self) -> str:
        """The value with three significant digits, and all the digits of large ones."""
        return f"{self.value:,.0f}" if abs(self.value) >= 100 else f"{self.value:.3g}"


def missed(figures: list[Figure]) -> list[Figure]:
    """The figures that miss their targets."""
    return [figure for figure in figures if figure.is_met is False]


def table(figures: list[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = ["| figure | value | target | note |", "| --- | ---: | --- | --- |"]
    rows += [f"| {each.name} | {each.text} {each.unit} | {_verdict(each)} | {each.note} |" for each in figures]
    return "\n".join(rows)


def _verdict(figure: Figure) -> str:
    if figure.target is None:
        return ""
    return f"{figure.target} {'met' if figure.is_met else '**missed**'}"
