"""The port that keeps accounts and sessions, and its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from aviary.rpc.call import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An account as its owner sees it; `birth_date` is YYYY-MM-DD, empty when unset."""

    id: int
    username: str
    email: str
    display_name: str
    bio: str
    location: str
    website: str
    birth_date: str
    language: str
    timezone: str
    verified: bool
    protected: bool
    suspended: bool
    # Hidden by its owner until they log in again.
    deactivated: bool
    created_ms: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What others' pages show of a user; `hidden` says that nobody may see what they wrote."""

    id: int
    username: str
    display_name: str
    verified: bool
    protected: bool
    hidden: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What a viewer chose not to be shown; the version rises with each change."""

    version: int
    hide_sensitive: bool
    muted_words: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a login is checked against."""

    user_id: int
    password_hash: bytes = field(repr=False)
    suspended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """An account before it has an id; the keys are what is unique."""

    username: str
    username_key: str
    email: str
    email_key: str
    display_name: str
    password_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChanges:
    """The fields of a profile that change; None leaves one as it is."""

    display_name: str | None = None
    bio: str | None = None
    location: str | None = None
    website: str | None = None
    birth_date: str | None = None
    language: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One login. `generation` counts the rotations of its refresh token; times are Unix seconds, real ones."""

    id: int
    user_id: int
    generation: int
    rotated_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """When a session is opened or rotated, and for how long that is good; `client` is what opened it."""

    now_s: int
    ttl_s: int
    client: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session as it was at its opening; `repeated` when the claim had opened it before."""

    session: Session
    repeated: bool


class Outcome(Enum):
    """What presenting a refresh token led to."""

    ROTATED = "rotated"
    # The same request came again within the grace: the same answer is due.
    REPEATED = "repeated"
    # A token that was used up came back: the session has been revoked.
    REUSED = "reused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The outcome, and the session after it."""

    outcome: Outcome
    session: Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """A session that ended early, and when."""

    session_id: int
    revoked_s: int


class UserStore(Protocol):
    """Accounts with unique names, and their sessions."""

    async def register(self, registration: Registration, lifetime: Lifetime, *, claim: Claim | None) -> Opened:
        """Store the account and its first session, with both events, in one commit.

        Raises Conflict when the username's or the email's key is taken, saying
        which; of concurrent registrations exactly one succeeds. A repeat under
        `claim` returns the session opened the first time, as it was then;
        Conflict when the claim's key came with another body, Unauthenticated
        when that session has ended.
        """

    async def open_session(self, whose: Credentials, lifetime: Lifetime, *, claim: Claim | None) -> Opened:
        """Store a session of a user with its event; a repeat under `claim` opens no other.

        A deactivated account is active again in the same commit, with its event.
        Raises Forbidden for a suspended one, Unauthenticated for one that is gone
        or has another password by now, and for a repeat whose session has ended.
        """

    async def rotate(
        self, session_id: int, generation: int, lifetime: Lifetime, *, grace_s: int, claim: Claim | None
    ) -> Rotation | None:
        """Trade `generation` for the next one; of concurrent calls exactly one does.

        Any other use of a generation that is not the newest revokes the session,
        with its event, except a repeat under the same claim within `grace_s` of
        the rotation, as long as that is the newest. None, and nothing changes,
        when the session is unknown, revoked or expired, or its user suspended.
        """

    async def revoke(self, session_id: int, *, now_s: int) -> None:
        """End a session, with its event; nothing when it is unknown or ended."""

    async def revoke_all(self, user_id: int, *, now_s: int) -> Sequence[int]:
        """End every session of a user that is neither ended nor expired, with an event each, and return their ids."""

    async def revoked_since(self, since_s: int) -> Sequence[Revocation]:
        """Return the sessions revoked at or after `since_s`, those of deleted accounts too, in no order."""

    async def credentials_of_username(self, username_key: str) -> Credentials | None:
        """Return what to check a login by name against; None when there is no such user."""

    async def credentials_of_email(self, email_key: str) -> Credentials | None:
        """Return what to check a login by email against; None when there is no such user."""

    async def get(self, user_id: int) -> User | None:
        """Return a user, None when there is none."""

    async def get_by_username(self, username_key: str) -> User | None:
        """Return the user of a name's key, None when there is none."""

    async def get_many(self, user_ids: Sequence[int]) -> Sequence[User]:
        """Return the users that exist, in the order asked for; missing ones are skipped."""

    async def summaries(
        self, user_ids: Sequence[int], *, viewer_id: int
    ) -> tuple[Sequence[Summary], Preferences | None]:
        """Return what pages show of the users that exist, in the order asked for, and the viewer's preferences.

        Missing users are skipped; no preferences for a viewer who does not exist. One read.
        """

    async def resolve(self, username_keys: Sequence[str]) -> Mapping[str, int]:
        """Return the ids of the names that exist, by their keys."""

    async def update(self, user_id: int, changes: ProfileChanges) -> User | None:
        """Apply `changes`, raise the version and write the event, in one commit; return the user after it.

        Changes that change nothing leave the version and write no event. None
        when there is no such user.
        """
