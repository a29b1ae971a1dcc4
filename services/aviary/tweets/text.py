"""What a tweet's text may be: normalised, weighed and parsed by the core."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from aviary import _native
from aviary.errors import InvalidInput
from aviary.tweets.store import Entities, Span

MAX_WEIGHTED_LENGTH = 280
# Far above anything that weighs 280 (URLs weigh 23 whatever their length); bounds the parser's work.
MAX_CHARACTERS = 25_000
_ALLOWED_CONTROLS = "\n\t\r"
# The categories Cc and Cs; zero-width marks at the start, and what no encoder should produce, as twitter-text does.
_REFUSED = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff\ufffe\ufeff\uffff]")


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
    for found in _REFUSED.finditer(text):
        if found[0] not in allowed:
            sentence = f"{field} has the control character U+{ord(found[0]):04X} at {found.start()}; remove it"
            raise InvalidInput(sentence)


def _spans(found: Sequence[tuple[str, int, int]]) -> Sequence[Span]:
    return [Span(text=text, start=start, end=end) for text, start, end in found]
