"""The port that keeps blocks, mutes and follow requests, and its records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from aviary.graph.store import Placed
from aviary.rpc.call import Claim
from aviary.standing import Standing


class RelationStore(Protocol):
    """Relations that count nothing. A write tells whether it changed anything; a settled claim changes nothing."""

    async def block(self, owner_id: int, member_id: int, *, claim: Claim | None) -> bool:
        """Make a block active, with all that it ends and an event for each, in one commit.

        It ends follows and requests both ways, and each one's place on, and
        follow of, the other's lists.
        """

    async def unblock(self, owner_id: int, member_id: int) -> bool:
        """Make a block inactive, with its event; what it ended stays ended."""

    async def mute(self, owner_id: int, member_id: int, *, until_ms: int, claim: Claim | None) -> bool:
        """Make a mute active until `until_ms` of business time, 0 for good, with its event.

        A mute that is active takes over the end and keeps its place; the same end changes nothing.
        """

    async def unmute(self, owner_id: int, member_id: int) -> bool:
        """Make a mute inactive, with its event; nothing when there is none or it has ended."""

    async def accept(self, asked_id: int, asker_id: int, *, claim: Claim | None) -> bool:
        """Turn a request into a follow; nothing when they follow already. Raises NotFound for neither."""

    async def deny(self, asked_id: int, asker_id: int, *, claim: Claim | None) -> bool:
        """End a request, with its event. Raises NotFound when there is none."""

    async def asks(self, asker_id: int, asked_id: int) -> bool:
        """Tell whether a request is open."""

    async def blocks(self, owner_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        """Return up to `limit` users whom `owner_id` blocks, newest first, from below a position."""

    async def mutes(self, owner_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        """Return up to `limit` users whom `owner_id` mutes now, newest first, from below a position."""

    async def requests(self, asked_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        """Return up to `limit` users who ask to follow `asked_id`, newest first, from below a position."""

    async def standings(self, viewer_id: int, user_ids: Sequence[int]) -> Sequence[Standing]:
        """Return how the viewer stands to each user, in the order asked for; one read. An expired mute is none."""
