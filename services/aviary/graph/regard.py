"""Who may meet whom: the people of a list as its viewer may see them, decided at read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from aviary.errors import no_user
from aviary.graph.relations.store import RelationStore
from aviary.standing import APART, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user's account; `card` is what pages show of it, an encoded aviary.api.users.v1.UserSummary."""

    protected: bool
    # Neither suspended nor deactivated.
    stands: bool
    card: bytes


class People(Protocol):
    """What the graph asks of the users service."""

    async def accounts(self, user_ids: Sequence[int]) -> Mapping[int, Account]:
        """Return the accounts that exist, by id; at most 5,000."""


@dataclass(frozen=True, slots=True)
class Regard:
    """How a viewer and some people stand to each other."""

    viewer_id: int
    accounts: Mapping[int, Account]
    standings: Mapping[int, Standing]

    def meets(self, user_id: int) -> bool:
        """Tell whether the viewer may be shown the person: the account stands, and neither blocks the other."""
        account = self.accounts.get(user_id)
        return account is not None and account.stands and not self._standing(user_id) & APART

    def opens(self, user_id: int) -> bool:
        """Tell whether the person's followers and following are open to the viewer."""
        if not self.meets(user_id):
            return False
        is_public = not self.accounts[user_id].protected or user_id == self.viewer_id
        return is_public or Standing.FOLLOWING in self._standing(user_id)

    def _standing(self, user_id: int) -> Standing:
        return self.standings.get(user_id, Standing(0))


class Regards:
    """Looks up accounts and standings together: one read of users, one of the graph."""

    def __init__(self, people: People, relations: RelationStore) -> None:
        self._people = people
        self._relations = relations

    async def of(self, viewer_id: int, user_ids: Sequence[int]) -> Regard:
        """Return how the viewer stands to those people, as far as they exist."""
        if not user_ids:
            return Regard(viewer_id, {}, {})
        accounts = await self._people.accounts(user_ids)
        others = [each for each in user_ids if each != viewer_id]
        if not others:
            return Regard(viewer_id, accounts, {})
        found = await self._relations.standings(viewer_id, others)
        return Regard(viewer_id, accounts, dict(zip(others, found, strict=True)))

    async def met(self, viewer_id: int, user_ids: Sequence[int]) -> AbstractSet[int]:
        """Return those whom the viewer may be shown."""
        regard = await self.of(viewer_id, user_ids)
        return {each for each in user_ids if regard.meets(each)}

    async def standing(self, user_ids: Sequence[int]) -> AbstractSet[int]:
        """Return those whose accounts stand."""
        accounts = await self._people.accounts(user_ids)
        return {user_id for user_id, account in accounts.items() if account.stands}

    async def account(self, user_id: int) -> Account:
        """Return an account that stands. Raises NotFound for nobody."""
        found = (await self._people.accounts([user_id])).get(user_id)
        if found is None or not found.stands:
            raise no_user(user_id)
        return found

    async def must_exist(self, user_id: int) -> None:
        """Raise NotFound for nobody. An account that is suspended or deactivated passes: undoing must stay possible."""
        if user_id not in await self._people.accounts([user_id]):
            raise no_user(user_id)

    async def must_meet(self, viewer_id: int, user_id: int) -> None:
        """Raise NotFound unless the viewer may be shown the person."""
        if not (await self.of(viewer_id, [user_id])).meets(user_id):
            raise no_user(user_id)

    async def must_open(self, viewer_id: int, user_id: int) -> None:
        """Raise NotFound unless the person's lists are open to the viewer."""
        if not (await self.of(viewer_id, [user_id])).opens(user_id):
            raise no_user(user_id)
