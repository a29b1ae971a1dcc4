"""What an account's settings may be."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from aviary import texts
from aviary.errors import InvalidInput
from aviary.faults import Faults

DM_FROM = ("everyone", "followed", "nobody")
MAX_WORDS = 200
MAX_WORD = 140


def dm_from(value: str, faults: Faults) -> str:
    if value not in DM_FROM:
        faults.refuse("dm_from", f"dm_from is {texts.shown(value)}; it must be one of {', '.join(DM_FROM)}")
    return value


def muted_words(values: Sequence[str], faults: Faults) -> Sequence[str]:
    """Return the words as they are kept: in their order, the second of two that differ in case alone left out."""
    kept: dict[str, str] = {}
    for place, value in enumerate(values):
        name = f"muted_words[{place}]"
        word = faults.take(name, partial(_word, name, value), "")
        kept.setdefault(word.casefold(), word)
    if len(kept) > MAX_WORDS:
        faults.refuse("muted_words", f"muted_words has {len(kept)} words; the limit is {MAX_WORDS}")
    return tuple(kept.values())


def _word(name: str, value: str) -> str:
    word = texts.kept(name, value, limit=MAX_WORD)
    if not word:
        raise InvalidInput(f"{name} is blank; it must have 1 to {MAX_WORD} characters")
    return word
