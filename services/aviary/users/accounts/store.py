"""The port behind what people and operators do to accounts, and its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aviary.paging import Page, PageRequest
from aviary.rpc.call import Claim
from aviary.users.store import User


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """What an account's owner chose."""

    protected: bool
    hide_sensitive: bool
    dm_from: str
    muted_words: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsChanges:
    """The settings that change; None leaves one as it is."""

    protected: bool | None = None
    hide_sensitive: bool | None = None
    dm_from: str | None = None
    muted_words: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """A login that is still good; times are Unix seconds, real ones."""

    id: int
    client: str
    created_s: int
    refreshed_s: int
    expires_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """An account whose owner gave the password that has this hash."""

    user_id: int
    password_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An account after what was done to it, and the sessions that this ended."""

    user: User
    session_ids: Sequence[int]


class AccountStore(Protocol):
    """Accounts as their owners and operators change them.

    Each change is one commit with its event, and raises the version; one that
    changes nothing writes none. Where a `Proven` is asked for, Unauthenticated
    is raised when the password was changed since, or the account is gone.
    """

    async def settings(self, user_id: int) -> AccountSettings | None:
        """Return the settings, None for nobody."""

    async def change_settings(self, user_id: int, changes: SettingsChanges) -> AccountSettings | None:
        """Apply `changes` and return what holds then; None for nobody.

        The preferences' version rises when what the user chose not to be shown changes.
        """

    async def sessions(self, user_id: int, page: PageRequest, *, now_s: int) -> Page[OpenSession]:
        """Return a page of the sessions that are neither ended nor expired, newest first."""

    async def revoke_session(self, user_id: int, session_id: int, *, now_s: int) -> bool:
        """End one session; False when it isn't the user's, or is none that is open."""

    async def proven(self, user_id: int) -> Proven | None:
        """Return what a password is checked against, None for nobody."""

    async def change_username(self, user_id: int, username: str, *, key: str) -> User | None:
        """Take another name; the old one is free in the same commit. None for nobody.

        Raises Conflict when `key` is somebody else's; of concurrent claims exactly one succeeds.
        """

    async def change_email(self, whose: Proven, email: str, *, key: str) -> User:
        """Take another email; Conflict when `key` is somebody else's."""

    async def change_password(
        self, whose: Proven, password_hash: bytes, *, but_session: int, now_s: int
    ) -> Sequence[int]:
        """Take another password, end every session except `but_session`, and return those that ended."""

    async def deactivate(self, user_id: int, *, now_s: int, claim: Claim | None) -> Sequence[int]:
        """Hide the account until its next login and end its sessions; returns them. A repeat changes nothing."""

    async def delete(self, whose: Proven, *, now_s: int) -> Sequence[int]:
        """Remove the account, its sessions, its export and its claims; returns the sessions that ended.

        Its names are free in the same commit. `revoked_since` goes on telling of its sessions.
        """

    async def suspend(self, user_id: int, *, now_s: int) -> Ended | None:
        """Hide the account and end its sessions; None for nobody. A repeat ends none."""

    async def unsuspend(self, user_id: int) -> User | None:
        """Lift a suspension; None for nobody."""

    async def set_verified(self, user_id: int, *, verified: bool) -> User | None:
        """Give or take the verified mark; None for nobody."""
