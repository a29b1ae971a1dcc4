"""Hashtags as they are found: one key for all the ways to write a tag."""

from __future__ import annotations

import unicodedata


def key(tag: str) -> str:
    """Return what "Café", "CAFE\u0301" and the like have in common; `tag` comes without its sign."""
    # Once more at the end, because folding takes some characters apart.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tag).casefold())
