"""Fills the front of a process that serves tweets and no lists of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from aviary import ids
from aviary._native import Front, Miss
from aviary.errors import Unavailable


class Encodable(Protocol):
    """A message."""

    def SerializeToString(self) -> bytes: ...  # noqa: N802 - Protobuf's own name


class Source(Protocol):
    """Tweets in parts."""

    async def fragments(self, viewer_id: int, ids: Sequence[int]) -> Encodable:
        """Return an aviary.api.tweets.v1.Fragments: tweets with those inside them, and how the viewer stands."""


class TweetFiller:
    """Puts the tweets that a miss names; the clock is noted first, so that what changes meanwhile is not kept."""

    def __init__(self, front: Front, source: Source) -> None:
        self._front = front
        self._source = source

    async def fill(self, viewer_id: int, miss: Miss) -> None:
        """Put all that `miss` names. Raises Unavailable when that is more than tweets."""
        if miss.home or miss.authors or miss.originals:
            raise Unavailable("lists of tweets are served elsewhere")
        then = self._front.now()
        found = await self._source.fragments(viewer_id, ids.unpack(miss.tweets))
        self._front.put(viewer_id, miss.tweets, found.SerializeToString(), then)
