"""How a viewer stands to a user, in the bits that the services tell each other."""

from __future__ import annotations

from enum import IntFlag


class Standing(IntFlag):
    """What is between a viewer and a user; the bits are those of aviary.api.graph.v1.Standings."""

    FOLLOWING = 1
    FOLLOWED_BY = 2
    BLOCKING = 4
    BLOCKED_BY = 8
    MUTING = 16


# One of them blocks the other: neither sees anything of the other.
APART = Standing.BLOCKING | Standing.BLOCKED_BY
