"""What is wrong with a request, collected field by field, so that all of it is said at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TypeVar

from aviary.errors import InvalidInput

# An error travels in gRPC's trailers, which hold 8 kB and no more.
_MAX_NAMED = 16

T = TypeVar("T")


class Faults:
    """Applies rules to fields and keeps what they refuse."""

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}

    def take(self, field: str, rule: Callable[[], T], instead: T) -> T:
        """Return what `rule` keeps of a field, `instead` when it refuses it."""
        try:
            return rule()
        except InvalidInput as error:
            self._fields |= error.fields or {field: error.message}
            return instead

    def refuse(self, field: str, sentence: str) -> None:
        self._fields[field] = sentence

    def add(self, place: str, error: InvalidInput) -> None:
        """Take on what is wrong with one of several."""
        named = {f"{place}.{field}": sentence for field, sentence in error.fields.items()} or {place: error.message}
        self._fields |= {field: f"{place}: {sentence}" for field, sentence in named.items()}

    def settle(self) -> None:
        """Raise InvalidInput that names every field refused so far; of very many, the first ones."""
        if not self._fields:
            return
        named = dict(itertools.islice(self._fields.items(), _MAX_NAMED))
        sentences = list(dict.fromkeys(named.values()))
        if more := len(self._fields) - len(named):
            sentences.append(f"and {more} more")
        raise InvalidInput("; ".join(sentences), fields=named)


def at_most(field: str, count: int, most: int) -> None:
    """Raise InvalidInput when so many values were sent in one field."""
    if count > most:
        raise InvalidInput(f"{count} {field}; the limit is {most:,}", fields={field: f"at most {most:,}"})
