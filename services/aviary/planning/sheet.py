"""Arithmetic that can be shown: every line of a sheet knows its formula and what it is made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_SUM, _PRODUCT, _ATOM = range(3)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with the formula that it came from. Adding, multiplying and dividing write the formula down."""

    value: float
    text: str
    uses: frozenset[str] = frozenset()
    # How tightly its text binds, for brackets.
    binds: int = _ATOM

    def __add__(self, other: Quantity) -> Quantity:
        return self._with(other, self.value + other.value, "+", _SUM)

    def __sub__(self, other: Quantity) -> Quantity:
        return self._with(other, self.value - other.value, "−", _SUM)

    def __mul__(self, other: Quantity) -> Quantity:
        return self._with(other, self.value * other.value, "×", _PRODUCT)

    def __truediv__(self, other: Quantity) -> Quantity:
        return self._with(other, self.value / other.value, "÷", _PRODUCT)

    def _with(self, other: Quantity, value: float, sign: str, binds: int) -> Quantity:
        # a − (b − c) and a ÷ (b ÷ c) need theirs, a + b + c does not.
        right = other._bracketed(binds + (sign in "−÷"))
        return Quantity(value, f"{self._bracketed(binds)} {sign} {right}", self.uses | other.uses, binds)

    def _bracketed(self, binds: int) -> str:
        return f"({self.text})" if self.binds < binds else self.text


def number(value: float) -> Quantity:
    """A number that is nobody's choice: seconds in a day, bits in a byte."""
    return Quantity(value, f"{value:,.15g}")


# What nobody chooses. Prefixes are those of the metre: a GB is 10^9 bytes.
ONE, KILO, MEGA, GIGA = (number(10.0**power) for power in (0, 3, 6, 9))
DAY = number(86_400)
MONTH = number(30)
BITS = number(8)


def applied(name: str, function: Callable[..., float], *to: Quantity) -> Quantity:
    """What a function makes of quantities; its name stands in the formula."""
    uses = frozenset[str]().union(*(each.uses for each in to))
    return Quantity(function(*(each.value for each in to)), f"{name}({', '.join(each.text for each in to)})", uses)


def whole(quantity: Quantity) -> Quantity:
    """As many whole ones as hold it. A part in 10⁹ is rounding, not one more."""
    return applied("whole", _ceiling, quantity)


def _ceiling(value: float) -> float:
    return math.ceil(value * (1 - 1e-9))


def most(*of: Quantity) -> Quantity:
    """The largest."""
    return applied("most", max, *of)


@dataclass(frozen=True, slots=True)
class Line:
    """One step: a named value, how it was computed, and from which other lines."""

    name: str
    value: float
    unit: str
    formula: str
    uses: frozenset[str]


class Sheet:
    """Lines in the order in which they were computed, over figures that were given."""

    def __init__(self, given: Mapping[str, float]) -> None:
        self.given = given
        self.lines: dict[str, Line] = {}

    def put(self, name: str, unit: str, quantity: Quantity) -> Quantity:
        """Add a line; later formulas speak of it by its name. Raises ValueError when there is one of that name."""
        if name in self.lines or name in self.given:
            raise ValueError(f"there is a line {name} already")
        self.lines[name] = Line(name, quantity.value, unit, quantity.text, quantity.uses)
        return self[name]

    def __getitem__(self, name: str) -> Quantity:
        """A line or a given figure, by its name."""
        value = self.lines[name].value if name in self.lines else self.given[name]
        return Quantity(value, name, frozenset((name,)))

    def total(self, names: Sequence[str]) -> Quantity:
        """The sum of some lines, at least one."""
        first, *rest = (self[name] for name in names)
        for each in rest:
            first += each
        return first

    def below(self, name: str) -> frozenset[str]:
        """All that a line depends on, however indirectly."""
        direct = self.lines[name].uses if name in self.lines else frozenset[str]()
        return direct.union(*map(self.below, direct))
