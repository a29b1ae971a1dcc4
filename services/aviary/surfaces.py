"""What lists of tweets are made from and where they are shown, in the numbers that the services tell each other."""

from __future__ import annotations

from enum import IntEnum


class Surface(IntEnum):
    """How a viewer comes to a tweet; the numbers are those of aviary.api.tweets.v1.Surface."""

    # The platform shows it, in a home, a search, a conversation.
    SHOWN = 0
    # The viewer asked for it: by id, by its author, from their own likes and bookmarks.
    ASKED = 1


class Index(IntEnum):
    """What a list is made from; the numbers are those of aviary.api.tweets.v1.Index."""

    MENTIONS = 1
    LIKES = 2
    BOOKMARKS = 3
    HASHTAG = 4
