"""What a list may be called: each rule returns the value as it is kept, or says what is wrong with it."""

from __future__ import annotations

import unicodedata

from aviary.errors import InvalidInput

MAX_NAME = 25
MAX_DESCRIPTION = 100
_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})
# They turn the direction of what stands after them.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Nobody sees a name that has nothing else.
_BLANK = frozenset({"Cf", "Cn", "Co", "Mn", "Zs"})


def checked(*, name: str | None, description: str | None) -> tuple[str | None, str | None]:
    """Return both composed and trimmed, None for what was not sent. Raises InvalidInput for all that is wrong."""
    kept_name = None if name is None else _kept(name)
    kept_description = None if description is None else _kept(description)
    bad: dict[str, str] = {}
    if kept_name is not None and (problem := _name_problem(kept_name)):
        bad["name"] = problem
    if kept_description is not None and (problem := _problem("description", kept_description, MAX_DESCRIPTION)):
        bad["description"] = problem
    if bad:
        raise InvalidInput("; ".join(bad.values()), fields=bad)
    return kept_name, kept_description


def _kept(value: str) -> str:
    return unicodedata.normalize("NFC", value).strip()


def _name_problem(name: str) -> str:
    if all(unicodedata.category(character) in _BLANK for character in name):
        return f"name is empty; it must have 1 to {MAX_NAME} characters"
    return _problem("name", name, MAX_NAME)


def _problem(field: str, value: str, most: int) -> str:
    if len(value) > most:
        return f"{field} has {len(value)} characters; the limit is {most}"
    for place, character in enumerate(value):
        if unicodedata.category(character) in _CONTROL or character in _TURNING:
            return f"{field} has the control character U+{ord(character):04X} at {place}; remove it"
    return ""
