"""Scenarios: what is asked of which world, how often and how fast, as the files in `scenarios/` declare it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

FOLDER = Path(__file__).parent / "scenarios"
GRAPHS = ("reed98", "dense", "made-up")
# What one request may skip to find where a page begins.
_MOST_SKIPPED = 100
_MOST_CHARACTERS = 280
T = TypeVar("T")


class InvalidScenario(ValueError):
    """A scenario that can't be played; one sentence says why."""


def _must(holds: bool, sentence: str) -> None:  # noqa: FBT001 - a condition
    if not holds:
        raise InvalidScenario(sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A world: who follows whom, how much each has written, and the followers of one more whom everybody follows."""

    graph: str
    tweets: int
    # Of a made-up graph, and of one that stands in for data that this machine lacks.
    people: int = 200
    # Ids that belong to nobody follow that one, too, until there are so many. 0: there is no such person.
    followers: int = 0

    def __post_init__(self) -> None:
        _must(self.graph in GRAPHS, f"graph is {self.graph!r}; it must be {' or '.join(GRAPHS)}")
        _must(self.people >= 2, f"people is {self.people}; it takes 2 to follow each other")
        _must(self.tweets >= 0, f"tweets is {self.tweets}; the least is 0")
        _must(self.followers >= 0, f"followers is {self.followers}; the least is 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Pages of `page` tweets, each beginning after so many, uniformly from the first bound to the last."""

    weight: float = 1.0
    page: int = 20
    start: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        _must(self.weight > 0, f"weight is {self.weight:g}; it must be above 0")
        _must(1 <= self.page <= 100, f"page is {self.page}; it must be from 1 to 100")
        _in_order("start", self.start, most=_MOST_SKIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Composing:
    """Tweets of random characters, mentions of people and addresses, each uniformly between its bounds.

    Characters are left out until the tweet weighs no more than a tweet may.
    """

    weight: float = 1.0
    characters: int = 140
    mentions: tuple[int, int] = (0, 0)
    urls: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        _must(self.weight > 0, f"weight is {self.weight:g}; it must be above 0")
        _must(
            1 <= self.characters <= _MOST_CHARACTERS,
            f"characters is {self.characters}; it must be from 1 to {_MOST_CHARACTERS}",
        )
        # Six mentions of 16 and six addresses of 24 leave 40 of 280.
        _in_order("mentions", self.mentions, most=6)
        _in_order("urls", self.urls, most=6)


def _in_order(name: str, bounds: tuple[int, int], *, most: int) -> None:
    low, high = bounds
    _must(0 <= low <= high <= most, f"{name} is [{low}, {high}]; it must rise from 0 or more to {most} or less")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """What is asked for; each is chosen by its weight."""

    home: Reading | None = None
    user: Reading | None = None
    compose: Composing | None = None

    def __post_init__(self) -> None:
        _must(bool(self.chosen), "operations are missing: at least one of home, user, compose")

    @property
    def chosen(self) -> Mapping[str, Reading | Composing]:
        """Those that there are, by name."""
        named = {"home": self.home, "user": self.user, "compose": self.compose}
        return {name: each for name, each in named.items() if each is not None}

    def only(self, name: str) -> Operations:
        """One of them alone."""
        return Operations(
            home=self.home if name == "home" else None,
            user=self.user if name == "user" else None,
            compose=self.compose if name == "compose" else None,
        )


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests a second, or per cent of the most that a closed loop reached in the same run."""

    value: float
    is_share: bool

    @classmethod
    def read(cls, said: object) -> Rate:
        text = said[:-1] if isinstance(said, str) and said.endswith("%") else said
        try:
            value = float(cast("str", text))
        except (TypeError, ValueError):
            raise InvalidScenario(f'{said!r} is no rate; 500 is a second, "75%" of the maximum') from None
        if isinstance(said, bool) or not 0 < value < float("inf"):
            raise InvalidScenario(f'{said!r} is no rate; 500 is a second, "75%" of the maximum')
        return cls(value, is_share=isinstance(said, str) and said.endswith("%"))

    def per_s(self, most: float) -> float:
        return most * self.value / 100 if self.is_share else self.value

    @property
    def name(self) -> str:
        """What figures under this rate are called."""
        return f"{'load' if self.is_share else 'rate'}{self.value:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """What the one whom everybody follows posts beside an open loop."""

    posts: int
    every_s: float
    after_s: float = 0.0

    def __post_init__(self) -> None:
        _must(self.posts >= 1, f"posts is {self.posts}; a burst has at least 1")
        _must(self.every_s > 0, f"every_s is {self.every_s:g}; it must be above 0")
        _must(self.after_s >= 0, f"after_s is {self.after_s:g}; the least is 0")

    @property
    def due(self) -> Sequence[float]:
        return [self.after_s + number * self.every_s for number in range(self.posts)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probing:
    """Tweets posted beside each load, and looked for by followers of their authors until all have them."""

    per_s: float = 8.0
    seconds: float = 8.0
    # Also with nothing beside it.
    idle: bool = False
    # Also beside a closed loop over so many connections; 0: not.
    connections: int = 0

    def __post_init__(self) -> None:
        _must(self.per_s > 0, f"per_s is {self.per_s:g}; it must be above 0")
        _must(self.seconds > 0, f"seconds is {self.seconds:g}; it must be above 0")
        _must(self.connections >= 0, f"connections is {self.connections}; the least is 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A world, what is asked of it, and under which loads; `seconds` are of each load."""

    name: str
    about: str
    world: Place
    operations: Operations
    rates: tuple[Rate, ...] = ()
    connections: int = 16
    seconds: float = 8.0
    # How the rate goes through a day: shares of it by the hour, or by any other even step.
    day: tuple[float, ...] = ()
    burst: Burst | None = None
    # Every timeline is dropped before each load, which then asks for each home once.
    cold: bool = False
    # Each operation's maximum, too.
    alone: bool = False
    probe: Probing | None = None

    def __post_init__(self) -> None:
        _must(self.connections >= 1, f"connections is {self.connections}; the least is 1")
        _must(self.seconds > 0, f"seconds is {self.seconds:g}; it must be above 0")
        _must(all(0 <= share <= 1 for share in self.day), "day holds a share below 0 or above 1")
        _must(not self.day or any(self.day), "day holds no share above 0")
        _must(self.burst is None or self.world.followers > 0, "burst needs followers in the world: whose would it be?")
        if self.burst:
            end_s = self.burst.due[-1]
            _must(end_s < self.seconds, f"burst ends after {end_s:g} s; a load ends after {self.seconds:g}")
        _must(not self.cold or set(self.operations.chosen) == {"home"}, "cold is about homes and nothing else")


def names() -> list[str]:
    """The scenarios that there are."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def named(name: str, *, quick: bool) -> Scenario:
    """The scenario of that name. Raises InvalidScenario when there is none or its file is wrong."""
    if name not in names():
        raise InvalidScenario(f"there is no scenario {name!r}; choose from {', '.join(names())}")
    return read(FOLDER / f"{name}.toml", quick=quick)


def read(file: Path, *, quick: bool) -> Scenario:
    """What a file declares; `quick` puts what its table of that name holds in the place of the rest."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidScenario(f"{file.name} cannot be read: {error}") from None
    shorter = content.pop("quick", {})
    if not isinstance(shorter, dict):
        raise InvalidScenario(f"{file.name}: quick is {shorter!r}; it must be a table")
    chosen = content | shorter if quick else content
    try:
        return _made(Scenario, {**chosen, "name": file.stem}, "")
    except InvalidScenario as error:
        raise InvalidScenario(f"{file.name}: {error}") from None


# What a TOML file holds, of as many shapes as there are.
def _made(kind: type[T], content: Any, where: str) -> T:  # noqa: ANN401
    if not isinstance(content, dict):
        raise InvalidScenario(f"{where or 'it'} is {content!r}; it must be a table")
    known = {each.name: each for each in fields(cast("Any", kind))}
    for name in content:
        _must(name in known, f"{where}{name} is unknown; {where or 'it '}takes {', '.join(sorted(known))}")
    for name, each in known.items():
        needed = each.default is MISSING and each.default_factory is MISSING
        _must(name in content or not needed, f"{where}{name} is missing")
    hints = get_type_hints(kind)
    try:
        return kind(**{name: _value(hints[name], value, f"{where}{name}") for name, value in content.items()})
    except InvalidScenario as error:
        said = str(error)
        raise InvalidScenario(said if not where or said.startswith(where) else f"{where}{said}") from None


def _value(hint: Any, value: Any, where: str) -> object:  # noqa: ANN401 - as above
    if get_origin(hint) is UnionType:
        (hint,) = (each for each in get_args(hint) if each is not type(None))
    if is_dataclass(hint):
        return _made(cast("type[object]", hint), value, f"{where}.")
    if get_origin(hint) is tuple:
        return _several(get_args(hint), value, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    _must(type(value) is hint, f"{where} is {value!r}; it must be {_WORDS[hint]}")
    return value


_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _several(hints: tuple[Any, ...], value: Any, where: str) -> tuple[object, ...]:  # noqa: ANN401 - as above
    _must(isinstance(value, list), f"{where} is {value!r}; it must be a list")
    of, length = hints[0], None if hints[-1] is ... else len(hints)
    _must(length in {None, len(value)}, f"{where} has {len(value)} values; it must have {length}")
    if of is Rate:
        return tuple(Rate.read(each) for each in value)
    return tuple(_value(of, each, f"{where}[{number}]") for number, each in enumerate(value))
