"""Curves on two logarithmic axes, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 520, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 16, 34, 44
_SUFFIXES = ("", "k", "M", "B", "T")


@dataclass(frozen=True, slots=True)
class Curve:
    """Points with both coordinates above 0; `style` is its class. A single point is a mark with its name beside it."""

    name: str
    style: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Axis:
    """Whole powers of ten laid out from one pixel to another."""

    least: int
    most: int
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> _Axis:
        least, most = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        return cls(least, max(most, least + 1), start, end)

    def at(self, value: float) -> float:
        share = (math.log10(value) - self.least) / (self.most - self.least)
        return round(self.start + share * (self.end - self.start), 1)

    @property
    def decades(self) -> Sequence[float]:
        # No more labels than fit.
        step = max(1, math.ceil((self.most - self.least) / 8))
        return [10.0**power for power in range(self.least, self.most + 1, step)]


def draw(title: str, unit: str, curves: Sequence[Curve]) -> str:
    """One chart; raises ValueError when no curve has a point to draw."""
    points = [point for curve in curves for point in curve.points]
    if not points:
        raise ValueError(f"there is nothing to draw of {title}")
    across = _Axis.over([x for x, _ in points], _LEFT, _WIDTH - _RIGHT)
    up = _Axis.over([y for _, y in points], _HEIGHT - _BOTTOM, _TOP)
    parts = [*_grid(across, up), *(part for curve in curves for part in _curve(curve, across, up))]
    heading = f'<text class="title" x="{_LEFT}" y="18">{escape(title)}, {escape(unit)}</text>'
    label = f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">people a day</text>'
    named = f'role="img" aria-label="{escape(title)} by people a day"'
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" {named}>{heading}{label}{"".join(parts)}</svg>'


def _grid(across: _Axis, up: _Axis) -> Iterator[str]:
    for value in across.decades:
        x = across.at(value)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{up.end}" y2="{up.start}"/>'
        yield f'<text x="{x}" y="{up.start + 16}" text-anchor="middle">{_decade(value)}</text>'
    for value in up.decades:
        y = up.at(value)
        yield f'<line class="grid" x1="{across.start}" x2="{across.end}" y1="{y}" y2="{y}"/>'
        yield f'<text x="{across.start - 6}" y="{y + 4}" text-anchor="end">{_decade(value)}</text>'


def _decade(value: float) -> str:
    """10k, 1M, 0.01; powers of ten beyond the suffixes."""
    thousands = int(math.log10(value) // 3) if value >= 1 else 0
    if thousands >= len(_SUFFIXES):
        return f"{value:.0e}"
    return f"{value / 1000**thousands:g}{_SUFFIXES[thousands]}"


def _curve(curve: Curve, across: _Axis, up: _Axis) -> Iterator[str]:
    places = [(across.at(x), up.at(y)) for x, y in curve.points]
    name = f"<title>{escape(curve.name)}</title>"
    if len(places) > 1:
        path = " ".join(f"{x},{y}" for x, y in places)
        yield f'<polyline class="{curve.style}" points="{path}">{name}</polyline>'
        return
    for x, y in places:
        side, anchor = (-8, "end") if x > (across.start + across.end) / 2 else (8, "start")
        yield f'<circle class="{curve.style}" cx="{x}" cy="{y}" r="4">{name}</circle>'
        yield f'<text x="{x + side}" y="{y - 6}" text-anchor="{anchor}">{escape(curve.name)}</text>'
