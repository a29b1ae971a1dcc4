"""The tables of the users keyspace."""

from __future__ import annotations

FIRST: tuple[str, ...] = (
    # One row a person.
    """CREATE TABLE IF NOT EXISTS users (
        id bigint PRIMARY KEY, username text, username_key text, email text, email_key text, password_hash blob,
        display_name text, bio text, location text, website text, birth_date text, language text, timezone text,
        verified boolean, protected boolean, suspended boolean, deactivated_ms bigint, created_ms bigint,
        version bigint, hide_sensitive boolean, dm_from text, muted_words text, preferences_version bigint
    )""",
    # Usernames and emails, each given to one user by a conditional write. `attempt` is another with each taking;
    # `request` is a digest of the one that registers.
    """CREATE TABLE IF NOT EXISTS names (
        kind text, key text, user_id bigint, taken_ms bigint, attempt bigint, request blob, PRIMARY KEY ((kind, key))
    )""",
    # Names that a commit gave up, until they were taken off their owner; a day's are gone from here in seconds.
    """CREATE TABLE IF NOT EXISTS leaving (
        day bigint, kind text, key text, attempt bigint, PRIMARY KEY (day, kind, key)
    )""",
    # A person's logins that were not ended; each goes a day after its expiry.
    """CREATE TABLE IF NOT EXISTS sessions (
        user_id bigint, id bigint, generation int, rotated_s bigint, created_s bigint, expires_s bigint, client text,
        PRIMARY KEY (user_id, id)
    ) WITH CLUSTERING ORDER BY (id DESC)""",
    # Whose a session is; gone with it.
    """CREATE TABLE IF NOT EXISTS session_owners (
        id bigint PRIMARY KEY, user_id bigint
    )""",
    # Sessions that ended early, by the hour of that, bare of whose they were and for a week.
    """CREATE TABLE IF NOT EXISTS revoked (
        hour bigint, id bigint, revoked_s bigint, PRIMARY KEY (hour, id)
    )""",
    # The claims that opened or rotated somebody's sessions, which are found by nobody's id otherwise; a day's.
    """CREATE TABLE IF NOT EXISTS claims_by_user (
        user_id bigint, caller text, rpc text, key text, PRIMARY KEY (user_id, caller, rpc, key)
    )""",
    # One export a person.
    """CREATE TABLE IF NOT EXISTS exports (
        user_id bigint PRIMARY KEY, id bigint, state int, progress_percent int, size_bytes bigint,
        requested_ms bigint, ready_ms bigint
    )""",
    # Ready exports by the hour: the oldest hours are emptied again and again, and no larger partition must hold
    # the tombstones of that.
    """CREATE TABLE IF NOT EXISTS exports_ready (
        hour bigint, ready_ms bigint, user_id bigint, PRIMARY KEY (hour, ready_ms, user_id)
    )""",
    # The hours that have some: as many rows as the exports are kept for, and few more.
    """CREATE TABLE IF NOT EXISTS export_hours (
        kind text, hour bigint, PRIMARY KEY (kind, hour)
    )""",
)
