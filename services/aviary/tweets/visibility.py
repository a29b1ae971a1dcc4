"""The one rule of who may see a tweet; every surface asks it, at read."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from aviary.tweets.store import Kind, Tweet


def is_visible(tweet: Tweet, *, tweets: Mapping[int, Tweet], standing_authors: AbstractSet[int]) -> bool:
    """Tell whether a viewer may see `tweet`.

    `tweets` holds what it refers to; `standing_authors` are those whose
    accounts exist and are not suspended. A retweet is its original: when that
    is gone, so is the retweet. A quote or a reply stands without the other.
    """
    if tweet.deleted or tweet.author_id not in standing_authors:
        return False
    if tweet.kind is not Kind.RETWEET:
        return True
    original = tweets.get(tweet.ref_id)
    return original is not None and is_visible(original, tweets=tweets, standing_authors=standing_authors)
