"""What a list may be called: each rule returns the value as it is kept, or says what is wrong with it."""

from __future__ import annotations

from functools import partial

from aviary import texts
from aviary.errors import InvalidInput
from aviary.faults import Faults

MAX_NAME = 25
MAX_DESCRIPTION = 100


def checked(*, name: str | None, description: str | None) -> tuple[str | None, str | None]:
    """Return both composed and trimmed, None for what was not sent. Raises InvalidInput for all that is wrong."""
    faults = Faults()
    kept_name = None if name is None else faults.take("name", partial(_name, name), "")
    rule = partial(texts.kept, "description", description or "", limit=MAX_DESCRIPTION)
    kept_description = None if description is None else faults.take("description", rule, "")
    faults.settle()
    return kept_name, kept_description


def _name(value: str) -> str:
    kept = texts.kept("name", value, limit=MAX_NAME)
    if texts.is_blank(kept):
        raise InvalidInput(f"name is empty; it must have 1 to {MAX_NAME} characters")
    return kept
