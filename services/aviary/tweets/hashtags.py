"""Hashtags as they are found: one key for all the ways to write a tag."""

from __future__ import annotations

import unicodedata


def key(tag: str) -> str:
    """Return what "Café", "CAFE\u0301" and the like have in common; `tag` comes without its sign."""
    # Unicode's compatibility caseless match (definition D146): folding undoes normalisation, and the other way round.
    folded = unicodedata.normalize("NFD", tag).casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", folded).casefold())
