"""Profiles with what other services know of them, as a viewer may see them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aviary.api.users.v1 import users_pb2 as pb
from aviary.errors import NotFound
from aviary.users import encoding
from aviary.users.peers import Peers, Standing
from aviary.users.store import User

_APART = Standing.BLOCKING | Standing.BLOCKED_BY
_NOBODY = 0


class Profiles:
    """Turns records into messages."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def own(self, user: User) -> pb.User:
        """The account as its owner sees it."""
        return await self.seen(user, user.id)

    async def seen(self, user: User, viewer_id: int) -> pb.User:
        """The user as the viewer, 0 for nobody in particular, sees them; raises NotFound for one who is deactivated."""
        if user.deactivated and viewer_id != user.id:
            raise NotFound(f"there is no user {user.id}")
        return await self._rendered(user, viewer_id)

    async def card(self, user: User) -> pb.User:
        """The user as operators see them, also while deactivated."""
        return await self._rendered(user, _NOBODY)

    async def _rendered(self, user: User, viewer_id: int) -> pb.User:
        own = viewer_id == user.id
        (counts,), standing, pin = await asyncio.gather(
            self._peers.counts([user.id]), self._standing(user, viewer_id), self._peers.pin(user.id)
        )
        is_read = own or not user.protected or bool(standing & Standing.FOLLOWING)
        return encoding.user(user, counts, own=own, open_=not standing & _APART, pinned_tweet_id=pin if is_read else 0)

    async def many(self, users: Sequence[User]) -> Sequence[pb.User]:
        """Full users as nobody in particular sees them; deactivated ones are left out."""
        shown = [user for user in users if not user.deactivated]
        counts = await self._peers.counts([user.id for user in shown])
        return [encoding.user(user, each, own=False, open_=True) for user, each in zip(shown, counts, strict=True)]

    async def _standing(self, user: User, viewer_id: int) -> Standing:
        if viewer_id in {_NOBODY, user.id}:
            return Standing(0)
        return await self._peers.standing(viewer_id, user.id)
