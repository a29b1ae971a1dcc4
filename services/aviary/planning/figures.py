"""What a plan starts from: each figure with its unit and where it is from, measured, assumed or the workload."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from importlib import resources
from pathlib import Path
from typing import Any, cast

from aviary.errors import InvalidInput

MEASURED = "measured.json"
ASSUMED = "assumed.toml"


class Origin(Enum):
    """Why a figure has its value."""

    MEASURED = "measured"
    ASSUMED = "assumed"
    # What people do: of the scale that is planned for, or an option on the command line.
    WORKLOAD = "workload"
    # From a file of the operator's own.
    OVERRIDDEN = "overridden"


@dataclass(frozen=True, slots=True)
class Figure:
    """A named number; `source` says which record it stands in, or why it was assumed."""

    name: str
    value: float
    unit: str
    origin: Origin
    source: str
    # What it may be; nothing that is measured or assumed may be below nothing.
    least: float = 0.0
    most: float = math.inf


def shipped() -> dict[str, Figure]:
    """The measured and the assumed figures that come with the package, by name."""
    folder = resources.files("aviary.planning")
    measured = json.loads(folder.joinpath(MEASURED).read_text(encoding="utf-8"))
    assumed = tomllib.loads(folder.joinpath(ASSUMED).read_text(encoding="utf-8"))
    found = [_measured(each) for each in measured["figures"]]
    found += [_assumed(name, content) for name, content in assumed.items()]
    return {each.name: each for each in found}


def _measured(content: Mapping[str, Any]) -> Figure:
    source = f"{content['record']}: {content['formula']}; {content['note']}"
    return Figure(content["name"], float(content["value"]), content["unit"], Origin.MEASURED, source, least=_ABOVE_ZERO)


def _assumed(name: str, content: Mapping[str, Any]) -> Figure:
    value, least, most = (float(content.get(key, default)) for key, default in _BOUNDS)
    return Figure(name, value, content["unit"], Origin.ASSUMED, content["why"], least, most)


# Rates and costs are divided by.
_ABOVE_ZERO = math.ulp(0.0)
_BOUNDS = (("value", math.nan), ("least", 0.0), ("most", math.inf))


def overridden(figures: Mapping[str, Figure], file: Path) -> dict[str, Figure]:
    """The figures with those of a TOML file put in; raises InvalidInput when one is unknown or out of bounds."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"the assumptions in {file} cannot be read: {error}") from None
    changed = dict(figures)
    for name, value in _flat(content):
        if name not in figures:
            raise InvalidInput(
                f"{file} sets {name}, which is neither measured nor assumed; `aviary plan --explain` lists what is"
            )
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidInput(f"{file} sets {name} to {value!r}; it must be a number")
        # TOML knows integers that no float holds.
        number = math.inf if abs(value) > 1e300 else float(value)
        changed[name] = checked(replace(figures[name], value=number, origin=Origin.OVERRIDDEN, source=file.name))
    return changed


def _flat(content: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """`price.core = 1` is a table to TOML; here it is a name."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _flat(cast("dict[str, object]", value), f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def checked(figure: Figure) -> Figure:
    """The same figure; raises InvalidInput when it is out of its bounds."""
    # Not `value < least or value > most`: nan is neither.
    if not figure.least <= figure.value <= figure.most or math.isinf(figure.value):
        least = "above 0" if figure.least == _ABOVE_ZERO else f"at least {figure.least:,.15g}"
        limit = least if math.isinf(figure.most) else f"from {figure.least:,.15g} to {figure.most:,.15g}"
        raise InvalidInput(f"{figure.name} is {figure.value:,.15g}; it must be {limit}")
    return figure
