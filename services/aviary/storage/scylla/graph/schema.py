"""The tables of the graph keyspace."""

from __future__ import annotations

FIRST: tuple[str, ...] = (
    # The truth about people, by the one whose relation it is and `Kind`; the row of kind 0 holds the versions. What
    # somebody follows, mutes and blocks by hand, some 10,000 rows.
    """CREATE TABLE IF NOT EXISTS edges (
        owner bigint, kind int, member bigint,
        active boolean, position bigint, until_ms bigint, here bigint, there bigint, version bigint,
        follow_version bigint, sources_version bigint,
        PRIMARY KEY (owner, kind, member)
    )""",
    # The truth about a person and a list: two rows.
    """CREATE TABLE IF NOT EXISTS roles (
        list_id bigint, user_id bigint, role int,
        active boolean, position bigint, here bigint, there bigint, version bigint,
        PRIMARY KEY ((list_id, user_id), role)
    )""",
    # Whatever is paged, by `Shelf`: followers and following, blocks, members and so on, each from both of its ends.
    # `mirror` is the bucket of the row at the other end.
    """CREATE TABLE IF NOT EXISTS places (
        entity bigint, shelf int, bucket bigint, position bigint, other bigint,
        active boolean, until_ms bigint, mirror bigint,
        PRIMARY KEY ((entity, shelf, bucket), position, other)
    ) WITH CLUSTERING ORDER BY (position DESC, other DESC)""",
    # Where the buckets of a shelf begin, each under the first position that it holds: a row for 10,000 places.
    """CREATE TABLE IF NOT EXISTS boundaries (
        entity bigint, shelf int, start bigint,
        PRIMARY KEY ((entity, shelf), start)
    ) WITH CLUSTERING ORDER BY (start DESC)""",
    # `members` is at least how many are on it.
    """CREATE TABLE IF NOT EXISTS lists (
        id bigint PRIMARY KEY,
        owner_id bigint, name text, description text, private boolean, created_ms bigint, version bigint, members int
    )""",
    # At most 1,000.
    """CREATE TABLE IF NOT EXISTS lists_by_owner (
        owner_id bigint, list_id bigint, PRIMARY KEY (owner_id, list_id)
    ) WITH CLUSTERING ORDER BY (list_id DESC)""",
    # Lists that were deleted, until whatever hangs on them is gone too. What comes back after an hour is swept again.
    """CREATE TABLE IF NOT EXISTS buried (
        part int, list_id bigint, PRIMARY KEY (part, list_id)
    ) WITH gc_grace_seconds = 3600""",
)
