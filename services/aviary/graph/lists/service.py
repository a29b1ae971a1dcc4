"""The decisions about lists of users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial

from aviary import ids
from aviary.errors import Forbidden, NotFound, no_user
from aviary.graph.lists import rules
from aviary.graph.lists.store import MAX_MEMBERS, ListChanges, ListStore, UserList
from aviary.graph.regard import Regard, Regards
from aviary.graph.relations.store import RelationStore
from aviary.graph.store import Placed
from aviary.graph.walk import walk
from aviary.ids import MAX_ID
from aviary.paging import Page, PageRequest
from aviary.rpc.call import Claim
from aviary.standing import APART, Standing

_UNWANTED = APART | Standing.MUTING


@dataclass(frozen=True, slots=True)
class Shown:
    """A list as a viewer sees it; `owner` is the owner's card."""

    list: UserList
    owner: bytes
    is_following: bool


class ListService:
    """Makes lists, keeps their members, and decides who may see them."""

    def __init__(self, store: ListStore, relations: RelationStore, regards: Regards) -> None:
        self._store = store
        self._relations = relations
        self._regards = regards

    async def create(
        self, owner_id: int, *, name: str, description: str, private: bool, claim: Claim | None
    ) -> tuple[Shown, bool]:
        """Make a list; return it as it was made, and whether this repeats an earlier call."""
        checked_name, checked_description = rules.checked(name=name, description=description)
        kept_name, kept_description = checked_name or "", checked_description or ""
        list_id, is_repeat = await self._store.create(
            owner_id, name=kept_name, description=kept_description, private=private, claim=claim
        )
        # Not read back: a repeat may come when it was changed or deleted since.
        made = UserList(
            id=list_id,
            owner_id=owner_id,
            name=kept_name,
            description=kept_description,
            private=private,
            created_ms=ids.time_ms(list_id),
            version=1,
            members=0,
            followers=0,
        )
        owner = await self._regards.account(owner_id)
        return Shown(made, owner.card, is_following=False), is_repeat

    async def update(self, user_id: int, list_id: int, changes: ListChanges) -> None:
        name, description = rules.checked(name=changes.name, description=changes.description)
        await self._own(user_id, list_id, "change")
        await self._store.update(
            list_id, user_id, ListChanges(name=name, description=description, private=changes.private)
        )

    async def delete(self, user_id: int, list_id: int) -> None:
        await self._own(user_id, list_id, "delete")
        await self._store.delete(list_id, user_id)
        await self.sweep()

    async def sweep(self) -> None:
        """Remove what is left of deleted lists."""
        while await self._store.sweep():
            pass

    async def get(self, viewer_id: int, list_id: int) -> Shown:
        """Return a list that the viewer may see. Raises NotFound for any other."""
        found = await self.get_many(viewer_id, [list_id])
        if not found:
            raise _no_list(list_id)
        return found[0]

    async def get_many(self, viewer_id: int, list_ids: Sequence[int]) -> Sequence[Shown]:
        """Return those of the lists that the viewer may see, in the order asked for."""
        seen, regard = await self._seen(viewer_id, list_ids)
        followed = await self._store.followed_among(viewer_id, list(seen))
        return [
            Shown(seen[each], regard.accounts[seen[each].owner_id].card, each in followed)
            for each in list_ids
            if each in seen
        ]

    async def owned(self, viewer_id: int, owner_id: int, page: PageRequest) -> Page[int]:
        if owner_id != viewer_id:
            await self._regards.must_meet(viewer_id, owner_id)
        return await walk(page, partial(self._owned, owner_id), partial(self._pick, viewer_id))

    async def followed(self, user_id: int, page: PageRequest) -> Page[int]:
        return await walk(page, partial(self._followed, user_id), partial(self._pick, user_id))

    async def memberships(self, viewer_id: int, user_id: int, page: PageRequest) -> Page[int]:
        await self._regards.must_meet(viewer_id, user_id)
        return await walk(page, partial(self._memberships, user_id), partial(self._pick, viewer_id))

    async def members(self, viewer_id: int, list_id: int, page: PageRequest) -> Page[int]:
        await self._visible(viewer_id, list_id)
        return await walk(page, partial(self._members, list_id), partial(self._regards.met, viewer_id))

    async def followers(self, viewer_id: int, list_id: int, page: PageRequest) -> Page[int]:
        await self._visible(viewer_id, list_id)
        return await walk(page, partial(self._followers, list_id), partial(self._regards.met, viewer_id))

    async def add_member(self, owner_id: int, list_id: int, user_id: int, *, claim: Claim | None) -> bool:
        """Put somebody on one's own list; tell whether they weren't."""
        await self._own(owner_id, list_id, "fill")
        if not (await self._regards.of(owner_id, [user_id])).meets(user_id):
            raise no_user(user_id)
        return await self._store.add_member(list_id, user_id, claim=claim)

    async def remove_member(self, caller_id: int, list_id: int, user_id: int) -> bool:
        """Take somebody off one's own list, or oneself off anybody's that one may see."""
        if caller_id == user_id:
            await self._visible(caller_id, list_id)
        else:
            await self._own(caller_id, list_id, "empty")
        return await self._store.remove_member(list_id, user_id, actor_id=caller_id)

    async def follow(self, user_id: int, list_id: int, *, claim: Claim | None) -> bool:
        await self._visible(user_id, list_id)
        return await self._store.follow(list_id, user_id, claim=claim)

    async def unfollow(self, user_id: int, list_id: int) -> None:
        # A list that went out of sight can still be left.
        if not await self._store.unfollow(list_id, user_id):
            await self._visible(user_id, list_id)

    async def sources(self, viewer_id: int, list_id: int) -> Sequence[int]:
        """Return the members whose tweets the viewer is shown."""
        await self._visible(viewer_id, list_id)
        members = [each.id for each in await self._store.members(list_id, below=MAX_ID, limit=MAX_MEMBERS)]
        standings = await self._relations.standings(viewer_id, members)
        return [each for each, standing in zip(members, standings, strict=True) if not standing & _UNWANTED]

    async def _visible(self, viewer_id: int, list_id: int) -> UserList:
        seen, _ = await self._seen(viewer_id, [list_id])
        if list_id not in seen:
            raise _no_list(list_id)
        return seen[list_id]

    async def _own(self, user_id: int, list_id: int, verb: str) -> None:
        if (await self._visible(user_id, list_id)).owner_id != user_id:
            raise Forbidden(f"list {list_id} is somebody else's; only its owner may {verb} it")

    async def _seen(self, viewer_id: int, list_ids: Sequence[int]) -> tuple[Mapping[int, UserList], Regard]:
        """Return those of the lists that the viewer may see, and how the viewer stands to their owners."""
        lists = await self._store.get_many(list_ids)
        regard = await self._regards.of(viewer_id, sorted({each.owner_id for each in lists.values()}))
        return {list_id: each for list_id, each in lists.items() if _is_open(each, regard)}, regard

    async def _pick(self, viewer_id: int, list_ids: Sequence[int]) -> AbstractSet[int]:
        return (await self._seen(viewer_id, list_ids))[0].keys()

    async def _owned(self, user_id: int, below: int, count: int) -> Sequence[Placed]:
        return await self._store.owned(user_id, below=below, limit=count)

    async def _followed(self, user_id: int, below: int, count: int) -> Sequence[Placed]:
        return await self._store.followed(user_id, below=below, limit=count)

    async def _memberships(self, user_id: int, below: int, count: int) -> Sequence[Placed]:
        return await self._store.memberships(user_id, below=below, limit=count)

    async def _members(self, list_id: int, below: int, count: int) -> Sequence[Placed]:
        return await self._store.members(list_id, below=below, limit=count)

    async def _followers(self, list_id: int, below: int, count: int) -> Sequence[Placed]:
        return await self._store.followers(list_id, below=below, limit=count)


def _is_open(found: UserList, regard: Regard) -> bool:
    if not regard.meets(found.owner_id):
        return False
    return not found.private or found.owner_id == regard.viewer_id


def _no_list(list_id: int) -> NotFound:
    return NotFound(f"there is no list {list_id}")
