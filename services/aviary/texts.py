"""Short texts that people write about themselves and what is theirs: names, descriptions, words."""

from __future__ import annotations

import unicodedata

from aviary.errors import InvalidInput

_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})
# They turn the direction of what stands after them, names of other people included.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Nobody sees a text that has nothing else.
_BLANK = frozenset({"Cf", "Cn", "Co", "Mn", "Zs"})
_SHOWN = 40


def kept(field: str, value: str, *, limit: int, allowed: str = "") -> str:
    """Return `value` composed and trimmed. Raises InvalidInput beyond `limit` and for controls but those allowed."""
    # Normalised before it is counted: "é" is one character however it was typed.
    text = unicodedata.normalize("NFC", value).strip()
    if len(text) > limit:
        raise InvalidInput(f"{field} has {len(text)} characters; the limit is {limit}")
    for place, character in enumerate(text):
        is_control = unicodedata.category(character) in _CONTROL and character not in allowed
        if is_control or character in _TURNING:
            raise InvalidInput(f"{field} has the control character U+{ord(character):04X} at {place}; remove it")
    return text


def is_blank(text: str) -> bool:
    """Tell whether nobody would see anything of it."""
    return all(unicodedata.category(character) in _BLANK for character in text)


def shown(value: str) -> str:
    """`value` for a message: escaped and short, so that it stays one readable line whatever was sent."""
    escaped = ascii(value[: _SHOWN + 1])
    return escaped if len(escaped) <= _SHOWN + 2 else f"{escaped[:_SHOWN]}..."
