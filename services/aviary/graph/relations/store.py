"""The port that keeps blocks, mutes and follow requests, and its records."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntFlag
from typing import Protocol


class Standing(IntFlag):
    """How a viewer stands to a user; the bits are those of aviary.api.graph.v1.Standings."""

    FOLLOWING = 1
    FOLLOWED_BY = 2
    BLOCKING = 4
    BLOCKED_BY = 8
    MUTING = 16


class RelationStore(Protocol):
    """Relations that count nothing."""

    async def standings(self, viewer_id: int, user_ids: Sequence[int]) -> Sequence[Standing]:
        """Return how the viewer stands to each user, in the order asked for; one read. An expired mute is none."""
