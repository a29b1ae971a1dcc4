"""Names for numbered people: readable, unique, and the same in every run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_ADJECTIVES = (
    *("Able", "Bold", "Brave", "Calm", "Clear", "Deft", "Eager", "Early", "Fair", "Fleet", "Glad", "Happy"),
    *("Jolly", "Keen", "Kind", "Late", "Lucky", "Merry", "Neat", "Noble", "Quiet", "Swift", "Warm", "Wise"),
)
_BIRDS = (
    *("Avocet", "Crane", "Crow", "Dipper", "Eagle", "Egret", "Falcon", "Finch", "Grebe", "Grouse", "Heron", "Ibis"),
    *("Jay", "Kite", "Linnet", "Magpie", "Martin", "Osprey", "Owl", "Plover", "Robin", "Swan", "Tern", "Wren"),
)
_CYCLE = len(_ADJECTIVES) * len(_BIRDS)
# An adjective has at most 5 letters and a bird 6, which leaves 4 digits of a username's 15 characters.
MOST_PEOPLE = _CYCLE * 10_000


@dataclass(frozen=True, slots=True)
class Person:
    """What somebody registers with, the password apart."""

    username: str
    display_name: str

    @property
    def email(self) -> str:
        return f"{self.username.lower()}@example.com"


def person(number: int) -> Person:
    """The person of that number; raises ValueError beyond `MOST_PEOPLE`."""
    if not 0 <= number < MOST_PEOPLE:
        raise ValueError(f"person {number} has no name; there are names for {MOST_PEOPLE} people")
    cycle, place = divmod(number, _CYCLE)
    # Neighbours differ in both words: a list of the first people doesn't read as all adjectives of one bird.
    adjective = _ADJECTIVES[place % len(_ADJECTIVES)]
    bird = _BIRDS[(place // len(_ADJECTIVES) + place) % len(_BIRDS)]
    suffix = str(cycle) if cycle else ""
    return Person(f"{adjective}{bird}{suffix}", f"{adjective} {bird} {suffix}".strip())


def password(run: str, number: int) -> str:
    """A strong password that only who holds the run's journal can derive."""
    digest = hashlib.blake2b(f"{run}/{number}".encode(), digest_size=12).hexdigest()
    return f"Nest-{digest}"
