"""What the graph's events change in the sets that its counts are the sums of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aviary.errors import Unavailable
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.storage.scylla import counting
from aviary.storage.scylla.counting import Change
from aviary.storage.scylla.graph.roles import Role
from aviary.storage.scylla.tables import Row, Tables
from aviary.storage.scylla.writes import Write

# The counts of a person, and of a list of people.
FOLLOWERS, FOLLOWING = "followers", "following"
ROLE_COUNTS: Mapping[Role, str] = {Role.MEMBER: "list_members", Role.FOLLOWER: "list_followers"}

_FOLLOWS = {events_pb2.EVENT_TYPE_FOLLOWED, events_pb2.EVENT_TYPE_UNFOLLOWED}
_FOLLOW = "SELECT active, writetime(active), version FROM edges WHERE owner = ? AND kind = 2 AND member = ?"
_ROLES = "SELECT active, writetime(active), version, role FROM roles WHERE list_id = ? AND user_id = ?"
# Above every timestamp: whoever was erased is not counted again.
_FOR_GOOD = 2**63 - 1
# Behind an event its batch is complete by then; a row that is still missing was removed.
LATEST_MS = 10_000


async def changes_of(tables: Tables, event: Event, *, now_ms: int) -> Sequence[Change]:
    """Return what an event changes, as the relation stands now.

    The timestamp of the relation's row is the version, so that the set holds
    what the row holds, in whichever order its events come. Raises Unavailable
    while the row is not as new as the event.
    """
    if event.type in _FOLLOWS:
        rows = await tables.rows(_FOLLOW, event.entity_id, event.target_id)
        return _of_follow(event, _readable(event, rows, now_ms))
    if event.type == events_pb2.EVENT_TYPE_LIST_CHANGED and event.target_id:
        rows = await tables.rows(_ROLES, event.entity_id, event.target_id)
        return _of_roles(event, _readable(event, rows, now_ms))
    return []


def _of_follow(event: Event, rows: Sequence[Row]) -> Sequence[Change]:
    follower, followee = event.entity_id, event.target_id
    active, at_us = rows[0][:2] if rows else (False, _FOR_GOOD)
    return [
        Change(followee, FOLLOWERS, follower, int(active), at_us, gone=not rows),
        Change(follower, FOLLOWING, followee, int(active), at_us, gone=not rows),
    ]


def _of_roles(event: Event, rows: Sequence[Row]) -> Sequence[Change]:
    list_id, user_id = event.entity_id, event.target_id
    if not rows:
        return [Change(list_id, kind, user_id, 0, _FOR_GOOD, gone=True) for kind in ROLE_COUNTS.values()]
    return [Change(list_id, ROLE_COUNTS[Role(role)], user_id, int(active), at) for active, at, _, role in rows]


def _readable(event: Event, rows: Sequence[Row], now_ms: int) -> Sequence[Row]:
    """Return the rows, as new as the event; none once they were removed."""
    if any((version or 0) >= event.version for _active, _at_us, version, *_ in rows):
        return rows
    # Who erases does away with the row; the event alone is left.
    if not rows and (event.actor_id == 0 or now_ms - event.time_ms >= LATEST_MS):
        return []
    raise Unavailable(f"what event {event.id} tells of cannot be read yet", retry_after_s=1)


async def uncount(tables: Tables, write: Write, entity: int, kind: str, member: int) -> None:
    """Do away with what names somebody who is not counted any more, which changes no sum.

    Who still is counted leaves with the event that is on its way.
    """
    bucket = counting.bucket_of(kind, member)
    row = await tables.one(
        "SELECT value FROM counted WHERE entity = ? AND kind = ? AND bucket = ? AND member = ?",
        *(entity, kind, bucket, member),
    )
    if row is not None and not row[0]:
        write.remove("counted", entity=entity, kind=kind, bucket=bucket, member=member)
