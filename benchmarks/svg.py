"""Lines and bars as SVG inside a figure of HTML, with their names in words for whoever can't see them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 400, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 10, 40
_TICKS = 6
_BAR, _ROW, _TEXT = 14, 36, 13
# As many colours as the page's style has; lines beyond them begin again, dashed.
COLOURS = 6


@dataclass(frozen=True, slots=True)
class Line:
    """Points by rising x; y above 0, and x too where the axis is logarithmic."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of one or more parts, one after the other; each is named by the legend at its place."""

    name: str
    parts: Sequence[float]
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Axis:
    least: float
    most: float
    start: float
    end: float
    is_log: bool

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float, *, is_log: bool) -> _Axis:
        least, most = (min(values), max(values)) if is_log else (0.0, max(values))
        ticks = _decades(least, most) if is_log else _steps(most)
        return cls(ticks[0], ticks[-1], start, end, is_log)

    def at(self, value: float) -> float:
        low, high, here = (math.log10(each) if self.is_log else each for each in (self.least, self.most, value))
        return round(self.start + (here - low) / (high - low) * (self.end - self.start), 1)

    @property
    def ticks(self) -> Sequence[float]:
        return _decades(self.least, self.most) if self.is_log else _steps(self.most)


def _decades(least: float, most: float) -> list[float]:
    """1, 2, 5, 10 … from below the least to above the most; powers of ten alone where those would be too many."""
    low, high = math.floor(math.log10(least) + 1e-9), math.ceil(math.log10(most) - 1e-9)
    factors = (1, 2, 5) if high - low <= 2 else (1,)
    marks = [factor * 10.0**power for power in range(low, max(high, low + 1) + 1) for factor in factors]
    below = max((each for each in marks if each <= least * (1 + 1e-9)), default=marks[0])
    above = min((each for each in marks if each >= most * (1 - 1e-9) and each > below), default=marks[-1])
    return [each for each in marks if below <= each <= above]


def _steps(most: float) -> list[float]:
    """Even steps of 1, 2 or 5 times a power of ten from 0 to at least the most."""
    power = 10.0 ** math.floor(math.log10(most / _TICKS)) if most > 0 else 1.0
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * _TICKS >= most)
    return [number * step for number in range(math.ceil(most / step - 1e-9) + 1 or 2)]


def number(value: float) -> str:
    """Short, as it stands beside an axis: 0.5, 20, 1.5k, 1M."""
    for size, suffix in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{suffix}"
    return f"{value:.3g}"


def lines(title: str, lines: Sequence[Line], *, across: str, up: str, is_log: bool = False) -> str:
    """A chart with logarithmic y, and x where `is_log`. Raises ValueError when there is nothing to draw."""
    points = [point for line in lines for point in line.points]
    if not points:
        raise ValueError(f"there is nothing to draw of {title}")
    horizontal = _Axis.over([x for x, _ in points], _LEFT, _WIDTH - _RIGHT, is_log=is_log)
    vertical = _Axis.over([y for _, y in points], _HEIGHT - _BOTTOM, _TOP, is_log=True)
    body = [
        *_grid(horizontal, vertical, across),
        *_each(lines, lambda at, line: _drawn(at, line, horizontal, vertical)),
    ]
    spoken = "; ".join(
        f"{line.name}: " + ", ".join(f"{number(y)} at {number(x)}" for x, y in line.points) for line in lines
    )
    return _figure(title, f"{up} by {across}. {spoken}", body, _HEIGHT, [line.name for line in lines], unit=up)


def bars(title: str, bars: Sequence[Bar], *, unit: str, legend: Sequence[str] = ()) -> str:
    """Bars below each other from 0. Raises ValueError when there is nothing to draw."""
    longest = max((sum(bar.parts) for bar in bars), default=0.0)
    if longest <= 0:
        raise ValueError(f"there is nothing to draw of {title}")
    body = [part for row, bar in enumerate(bars) for part in _bar(bar, row, longest, unit, legend)]
    spoken = "; ".join(f"{bar.name}: {bar.text or _texts(bar)} {unit}" for bar in bars)
    return _figure(title, f"{unit}. {spoken}", body, len(bars) * _ROW, legend, unit=unit)


def _texts(bar: Bar) -> str:
    return " + ".join(number(part) for part in bar.parts if part)


def _figure(title: str, spoken: str, body: Sequence[str], height: int, legend: Sequence[str], *, unit: str) -> str:
    keys = "".join(f'<span class="key">{_swatch(at)}{escape(name)}</span>' for at, name in enumerate(legend))
    return (
        f"<figure><figcaption><b>{escape(title)}</b>, {escape(unit)}<br>{keys}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img"><title>{escape(title)}</title>'
        f"<desc>{escape(spoken)}</desc>{''.join(body)}</svg></figure>"
    )


def _swatch(at: int) -> str:
    line = f'<line class="line {_style(at)}" x1="0" x2="18" y1="5" y2="5"/>'
    return f'<svg class="swatch" viewBox="0 0 18 10" aria-hidden="true">{line}</svg>'


def _style(at: int) -> str:
    return f"c{at % COLOURS}" + (" dashed" if at >= COLOURS else "")


def _grid(horizontal: _Axis, vertical: _Axis, across: str) -> Iterator[str]:
    for value in horizontal.ticks:
        x = horizontal.at(value)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{vertical.end}" y2="{vertical.start}"/>'
        yield f'<text x="{x}" y="{vertical.start + 14}" text-anchor="middle">{number(value)}</text>'
    for value in vertical.ticks:
        y = vertical.at(value)
        yield f'<line class="grid" x1="{horizontal.start}" x2="{horizontal.end}" y1="{y}" y2="{y}"/>'
        yield f'<text x="{horizontal.start - 5}" y="{y + 4}" text-anchor="end">{number(value)}</text>'
    middle = (horizontal.start + horizontal.end) / 2
    yield f'<text x="{middle}" y="{vertical.start + 32}" text-anchor="middle">{escape(across)}</text>'


def _each(lines: Sequence[Line], draw: Callable[[int, Line], Iterator[str]]) -> Iterator[str]:
    for at, line in enumerate(lines):
        yield from draw(at, line)


def _drawn(at: int, line: Line, horizontal: _Axis, vertical: _Axis) -> Iterator[str]:
    places = [(horizontal.at(x), vertical.at(y)) for x, y in line.points]
    path = " ".join(f"{x},{y}" for x, y in places)
    yield f'<polyline class="line {_style(at)}" points="{path}"/>'
    for (x, y), (value_x, value_y) in zip(places, line.points, strict=True):
        said = f"{line.name}: {value_y:,.4g} at {value_x:,.6g}"
        yield f'<circle class="dot {_style(at)}" cx="{x}" cy="{y}" r="3"><title>{escape(said)}</title></circle>'


def _bar(bar: Bar, row: int, longest: float, unit: str, legend: Sequence[str]) -> Iterator[str]:
    top, x = row * _ROW, 0.0
    said = f"{bar.name}: {bar.text or _texts(bar)}"
    yield f'<text x="0" y="{top + _TEXT}">{escape(said)}</text>'
    for at, value in enumerate(bar.parts):
        if not value:
            continue
        width = round(value / longest * _WIDTH, 1)
        named = f"{bar.name}{', ' + legend[at] if legend else ''}: {value:,.6g} {unit}"
        box = f'x="{round(x, 1)}" y="{top + _TEXT + 4}" width="{width}" height="{_BAR}"'
        yield f'<rect class="box {_style(at)}" {box}><title>{escape(named)}</title></rect>'
        x += width
