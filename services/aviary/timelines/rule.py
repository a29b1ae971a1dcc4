"""The rule of homes and lists: whose tweets belong to it, and each original once.

From some sources there belong to it their originals, quotes and retweets, and
those of their replies whose counterpart is a source too. An original and its
retweets appear once: where the original itself belongs, its retweets are hidden;
else the earliest existing retweet by a source stands for it. Nothing else
decides: neither caches, nor page size, nor what was read before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from aviary._native import Sources
from aviary.entries import Entry
from aviary.timelines.ports import Shown, Tweets

T = TypeVar("T")


def admits(sources: Sources, entry: Entry) -> bool:
    """Tell whether a source's entry may belong; of retweets of replies only the tweet itself tells.

    The core decides the same for held lists.
    """
    if not entry.ref_id:
        return True
    if entry.is_retweet:
        return entry.ref_is_reply or entry.ref_author_id not in sources
    return entry.ref_author_id in sources


async def once(
    tweets: Tweets[T], sources: Sources, shown: Sequence[Shown[T]], *, viewer_id: int = 0
) -> Sequence[tuple[int, T]]:
    """Return those of `shown` that stand for their originals, with their ids; at most one look-up.

    `viewer_id` is given where a source's tweets may be closed to the viewer.
    """
    originals = sorted({each.original_id for each in shown if each.original_id and not _stands(each, sources)})
    earliest: dict[int, int] = {}
    if originals:
        found = await tweets.earliest_retweets(originals, sources.ids(), viewer_id=viewer_id)
        earliest = dict(zip(originals, found, strict=True))
    return [
        (each.id, each.tweet) for each in shown if not each.original_id or earliest.get(each.original_id) == each.id
    ]


def _stands(retweet: Shown[T], sources: Sources) -> bool:
    """Tell whether the original of a retweet belongs itself."""
    reply_to = retweet.original_reply_to_user_id
    return retweet.original_author_id in sources and (not reply_to or reply_to in sources)
