"""Words that a viewer doesn't want to read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence


class MutedWords:
    """Words and phrases; found whole, without regard to case or compatibility forms.

    "cat" is in "Cat!" and "#cat" but not in "cats". Scripts that write without
    spaces have no word's end to look for, so there any place will do.
    """

    def __init__(self, words: Sequence[str] = ()) -> None:
        found = "|".join(sorted({_bounded(_folded(word)) for word in words if word.strip()}))
        self._pattern = re.compile(found) if found else None

    @property
    def any(self) -> bool:
        """Whether there is a word at all."""
        return self._pattern is not None

    def match(self, text: Callable[[], str]) -> bool:
        """Tell whether the text has one of them; it is asked for only when there are any."""
        return self._pattern is not None and self._pattern.search(_folded(text())) is not None


def _folded(text: str) -> str:
    # Compatibility caseless matching as Unicode defines it (D146): folding may undo a form, and a form a folding.
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFD", text).casefold()).casefold()
    # Composed in the end: a word's last character is then a letter rather than its accent.
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def _bounded(word: str) -> str:
    before = r"(?<!\w)" if _ends_words(word[0]) else ""
    after = r"(?!\w)" if _ends_words(word[-1]) else ""
    return before + re.escape(word) + after


def _ends_words(character: str) -> bool:
    # "Lo": ideographs, kana, Thai … letters that know no case and mostly no spaces.
    return (character.isalnum() or character == "_") and unicodedata.category(character) != "Lo"
