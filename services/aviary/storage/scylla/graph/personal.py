"""What the graph keeps about a person, read from ScyllaDB or Cassandra."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from aviary.graph.files import as_json
from aviary.storage.scylla.graph import roles
from aviary.storage.scylla.graph.places import Place, Places, Shelf
from aviary.storage.scylla.writes import Writer
from aviary.upkeep.store import Piece

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class _File:
    """One file: the shelf that it is read from, and what its columns are called."""

    name: str
    shelf: Shelf
    at: str
    other: str = "user_id"


_FILES = (
    _File("following", Shelf.FOLLOWING, "followed_at"),
    _File("followers", Shelf.FOLLOWERS, "followed_at"),
    _File("blocks", Shelf.BLOCKS, "blocked_at"),
    _File("mutes", Shelf.MUTES, "muted_at"),
    _File("follow_requests_sent", Shelf.ASKS, "asked_at"),
    _File("follow_requests_received", Shelf.ASKED_BY, "asked_at"),
)
_FOLLOWED = _File("followed_lists", Shelf.FOLLOWED_LISTS, "followed_at", "list_id")
_MEMBERS = _File("list_members", Shelf.MEMBERS, "added_at")
_LIST = ("created_at", "list_id", "name", "description", "private")


class ScyllaPersonalStore:
    """Keeps PersonalStore's promises."""

    def __init__(self, writer: Writer) -> None:
        self._tables = writer.tables
        self._places = Places(writer.tables)

    async def of(self, user_id: int) -> AsyncIterator[Piece]:
        for file in _FILES:
            async for piece in self._pieces(file, user_id):
                yield piece
        # Their number is limited.
        owned = sorted(await roles.lists_of(self._tables, user_id))
        yield Piece("lists", await self._lists(owned))
        async for piece in self._pieces(_FOLLOWED, user_id):
            yield piece
        if not owned:
            yield Piece(_MEMBERS.name, [])
        for list_id in owned:
            async for piece in self._pieces(_MEMBERS, list_id, list_id=list_id):
                yield piece

    async def _lists(self, list_ids: Sequence[int]) -> Sequence[str]:
        found = await roles.heads(self._tables, list_ids)
        return [
            as_json(_LIST, (each.id, each.id, each.name, each.description, each.private)) for each in found.values()
        ]

    async def _pieces(self, file: _File, entity: int, **more: int) -> AsyncIterator[Piece]:
        """Yield a shelf's active rows, some at a time; none at once when there are none."""
        after, is_more = 0, True
        while is_more:
            rows = await self._places.oldest(entity, file.shelf, after=after, limit=_AT_ONCE)
            yield Piece(file.name, [_row(file, each, more) for each in rows])
            if is_more := len(rows) == _AT_ONCE:
                after = rows[-1].position


def _row(file: _File, place: Place, more: dict[str, int]) -> str:
    columns = {file.at: place.position, file.other: place.other, **more}
    if file.shelf is Shelf.MUTES:
        columns["expires_at"] = place.until_ms
    return as_json(tuple(columns), tuple(columns.values()))
