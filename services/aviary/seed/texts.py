"""Texts that any tweet may carry: read from a file, cleaned, and surely within the weight limit."""

from __future__ import annotations

import html
import re
import unicodedata
from pathlib import Path

MOST_WEIGHT = 280
_URL_WEIGHT = 23
_INNER_DOT = re.compile(r"\w\.\w")


def read_texts(path: Path) -> tuple[str, ...]:
    """The texts of a file, one a line; of tab-separated lines the last column. Raises ValueError when there is none."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    texts = tuple(filter(None, (clean(line.rsplit("\t", 1)[-1]) for line in lines)))
    if not texts:
        raise ValueError(f"{path} holds no text")
    return texts


def clean(text: str) -> str:
    """`text` as it will be stored: unescaped, NFC, single spaces, nothing unprintable, never too heavy."""
    text = unicodedata.normalize("NFC", html.unescape(text))
    text = "".join(c if c.isprintable() else " " for c in text)
    return trim(" ".join(text.split()))


def trim(text: str) -> str:
    """Drop words from the end until even the most pessimistic count fits; cut when one word is too heavy."""
    while weight_bound(text) > MOST_WEIGHT:
        head, _, _ = text.rpartition(" ")
        text = head or text[: len(text) // 2]
    return text


def weight_bound(text: str) -> int:
    """No less than the weight by twitter-text's rules, without knowing them.

    Every character beyond ASCII counts two, and whatever has a dot inside counts as a URL on top: a
    short one weighs more than its letters. Overlapping dots are counted by looking from both parities.
    """
    characters = sum(1 if c.isascii() else 2 for c in text)
    dots = len(_INNER_DOT.findall(text)) + len(_INNER_DOT.findall(text[1:]))
    return characters + _URL_WEIGHT * dots
