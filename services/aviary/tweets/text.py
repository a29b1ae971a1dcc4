"""What a tweet's text may be: normalised, weighed and parsed by the core."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from aviary import _native
from aviary.errors import InvalidInput
from aviary.tweets.store import Entities, Span

MAX_WEIGHTED_LENGTH = 280
# Far above anything that weighs 280 (URLs weigh 23 whatever their length); bounds the parser's work.
MAX_CHARACTERS = 25_000
_ALLOWED_CONTROLS = "\n\t\r"
_CONTROLS = frozenset({"Cc", "Cs"})
# Zero-width marks at the start, and what no encoder should produce; twitter-text refuses them too.
_NON_CHARACTERS = frozenset("\ufffe\ufeff\uffff")


def read(content: str) -> tuple[str, Entities]:
    """Return the text as it is kept, and its entities. Raises InvalidInput."""
    if len(content) > MAX_CHARACTERS:
        raise InvalidInput(f"content has {len(content)} characters; the limit is {MAX_WEIGHTED_LENGTH} weighted ones")
    # Normalised before counting: "é" is one character however it was typed.
    text = unicodedata.normalize("NFC", content.replace("\r\n", "\n")).strip()
    if not text:
        raise InvalidInput("content is empty; a tweet needs at least one character")
    refuse_controls("content", text, allowed=_ALLOWED_CONTROLS)
    (parsed,) = _native.parse_texts([text])
    if parsed.weighted_length > MAX_WEIGHTED_LENGTH:
        raise InvalidInput(f"content weighs {parsed.weighted_length}; the limit is {MAX_WEIGHTED_LENGTH}")
    return text, Entities(
        hashtags=_spans(parsed.hashtags),
        mentions=_spans(parsed.mentions),
        cashtags=_spans(parsed.cashtags),
        urls=_spans(parsed.urls),
    )


def refuse_controls(field: str, text: str, *, allowed: str) -> None:
    """Raise InvalidInput when `text` holds a control character but those allowed, or what is no character at all."""
    for position, character in enumerate(text):
        is_control = unicodedata.category(character) in _CONTROLS and character not in allowed
        if is_control or character in _NON_CHARACTERS:
            raise InvalidInput(f"{field} has the control character U+{ord(character):04X} at {position}; remove it")


def _spans(found: Sequence[tuple[str, int, int]]) -> Sequence[Span]:
    return [Span(text=text, start=start, end=end) for text, start, end in found]
