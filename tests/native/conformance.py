"""The published twitter-text cases, read from the data folder beside the checkout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

PUBLISHED = Path(__file__).parents[2].parent / "shared" / "data" / "twitter-text"


@dataclass(frozen=True, slots=True)
class Case:
    """One published case: a text, and what is expected of it in its group."""

    file: str
    group: str
    description: str
    text: str
    expected: Any  # a list, a mapping, a string or a truth value, by group

    @property
    def name(self) -> str:
        return f"{self.file}/{self.group}: {self.description}"


def published_cases(file: str) -> Iterator[Case]:
    """Yield the cases of one file; none where the data folder is absent."""
    path = PUBLISHED / f"{file}.yml"
    if not path.exists():
        return
    groups: dict[str, list[dict[str, Any]]] = yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
    for group, cases in groups.items():
        for case in cases:
            yield Case(file, group, case["description"], case["text"], case["expected"])
