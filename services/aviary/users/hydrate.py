"""Profiles with what other services know of them, as a viewer may see them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aviary.api.users.v1 import users_pb2 as pb
from aviary.errors import no_user
from aviary.standing import APART, Standing
from aviary.users import encoding
from aviary.users.peers import Peers
from aviary.users.store import User

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
            raise no_user(user.id)
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
        return encoding.user(user, counts, own=own, open_=not standing & APART, pinned_tweet_id=pin if is_read else 0)

    async def many(self, users: Sequence[User], viewer_id: int) -> Sequence[pb.User]:
        """Full users for the viewer, 0 for nobody in particular; deactivated ones are left out."""
        shown = [user for user in users if not user.deactivated]
        ids = [user.id for user in shown]
        standings = await self._peers.standings(viewer_id, ids) if viewer_id else [Standing(0)] * len(ids)
        return [
            encoding.user(user, counts, own=False, open_=not standing & APART)
            for user, counts, standing in zip(shown, await self._peers.counts(ids), standings, strict=True)
        ]

    async def _standing(self, user: User, viewer_id: int) -> Standing:
        if viewer_id in {_NOBODY, user.id}:
            return Standing(0)
        return (await self._peers.standings(viewer_id, [user.id]))[0]
