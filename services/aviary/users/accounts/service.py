"""The decisions about what people do with their own account."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from aviary._native import DenyList
from aviary.errors import NotFound, Unauthenticated, no_user
from aviary.faults import Faults
from aviary.paging import Page, PageRequest
from aviary.rpc.call import Claim
from aviary.users import rules
from aviary.users.accounts import rules as account_rules
from aviary.users.accounts.store import AccountSettings, AccountStore, OpenSession, Proven, SettingsChanges
from aviary.users.failures import LoginFailures, Tell
from aviary.users.passwords import Passwords, encoded
from aviary.users.store import User, UserStore


class AccountService:
    """Settings, sessions, names and passwords, and the ways to leave."""

    def __init__(
        self,
        users: UserStore,
        accounts: AccountStore,
        passwords: Passwords,
        *,
        denied: DenyList,
        access_ttl_s: int,
        failures: LoginFailures,
        real_time: Callable[[], float] = time.time,
    ) -> None:
        self._users = users
        self._accounts = accounts
        self._passwords = passwords
        self._denied = denied
        self._access_ttl_s = access_ttl_s
        self._failures = failures
        self._real_time = real_time

    async def settings(self, user_id: int) -> AccountSettings:
        if (settings := await self._accounts.settings(user_id)) is None:
            raise no_user(user_id)
        return settings

    async def change_settings(self, user_id: int, changes: SettingsChanges) -> AccountSettings:
        """Change the settings that were sent, all or none."""
        faults = Faults()
        if changes.dm_from is not None:
            account_rules.dm_from(changes.dm_from, faults)
        if changes.muted_words is not None:
            changes = replace(changes, muted_words=account_rules.muted_words(changes.muted_words, faults))
        faults.settle()
        if (settings := await self._accounts.change_settings(user_id, changes)) is None:
            raise no_user(user_id)
        return settings

    async def sessions(self, user_id: int, page: PageRequest) -> Page[OpenSession]:
        """The user's open sessions, newest first."""
        return await self._accounts.sessions(user_id, page, now_s=self._now_s())

    async def revoke_session(self, user_id: int, session_id: int) -> None:
        if not await self._accounts.revoke_session(user_id, session_id, now_s=self._now_s()):
            raise NotFound(f"there is no open session {session_id} of yours")
        self._deny([session_id])

    async def change_username(self, user_id: int, username: str) -> User:
        faults = Faults()
        username = faults.take("username", partial(rules.username, username), "")
        faults.settle()
        user = await self._accounts.change_username(user_id, username, key=rules.username_key(username))
        if user is None:
            raise no_user(user_id)
        return user

    async def change_email(self, user_id: int, email: str, password: str, *, address: str, tell: Tell) -> User:
        """Take another email; `tell` hears how many wrong passwords are left."""
        faults = Faults()
        email = faults.take("email", partial(rules.email, email), "")
        _require_password("password", password, faults)
        faults.settle()
        whose = await self._prove(user_id, password, address=address, tell=tell)
        return await self._accounts.change_email(whose, email, key=rules.email_key(email))

    async def change_password(
        self, user_id: int, current: str, new: str, *, session_id: int, address: str, tell: Tell
    ) -> None:
        """Take another password and end every session but `session_id`, whose own it is."""
        if (user := await self._users.get(user_id)) is None:
            raise no_user(user_id)
        faults = Faults()
        _require_password("current_password", current, faults)
        faults.take("new_password", partial(rules.password, new, name=user.username, address=user.email), "")
        faults.settle()
        whose = await self._prove(user_id, current, address=address, tell=tell)
        # Hashed before the transaction: nobody else's write waits for it.
        hashed = await self._passwords.hash(encoded(new))
        self._deny(await self._accounts.change_password(whose, hashed, but_session=session_id, now_s=self._now_s()))

    async def deactivate(self, user_id: int, *, claim: Claim | None) -> None:
        """Hide the account until its next login."""
        self._deny(await self._accounts.deactivate(user_id, now_s=self._now_s(), claim=claim))

    async def delete(self, user_id: int, password: str, *, address: str, tell: Tell) -> None:
        """Delete the account for good."""
        faults = Faults()
        _require_password("password", password, faults)
        faults.settle()
        whose = await self._prove(user_id, password, address=address, tell=tell)
        self._deny(await self._accounts.delete(whose, now_s=self._now_s()))

    async def suspend(self, user_id: int) -> User:
        """Hide the account and end its sessions until it is lifted."""
        if (ended := await self._accounts.suspend(user_id, now_s=self._now_s())) is None:
            raise no_user(user_id)
        self._deny(ended.session_ids)
        return ended.user

    async def unsuspend(self, user_id: int) -> User:
        if (user := await self._accounts.unsuspend(user_id)) is None:
            raise no_user(user_id)
        return user

    async def set_verified(self, user_id: int, *, verified: bool) -> User:
        if (user := await self._accounts.set_verified(user_id, verified=verified)) is None:
            raise no_user(user_id)
        return user

    async def _prove(self, user_id: int, password: str, *, address: str, tell: Tell) -> Proven:
        """Check the password; a wrong one is a failed login of that account from that address."""
        async with self._failures.attempt(f"{user_id} {address}", tell):
            whose = await self._accounts.proven(user_id)
            if whose is None or not await self._passwords.verify(encoded(password), whose.password_hash):
                raise Unauthenticated("the password is wrong")
        return whose

    def _deny(self, session_ids: Sequence[int]) -> None:
        # This process refuses them from its answer on; the others learn of it from the log.
        for session_id in session_ids:
            self._denied.refuse(session_id, for_s=self._access_ttl_s)

    def _now_s(self) -> int:
        return int(self._real_time())


def _require_password(name: str, value: str, faults: Faults) -> None:
    if not 1 <= len(value) <= rules.MAX_PASSWORD:
        faults.refuse(name, f"{name} has {len(value)} characters; it must have 1 to {rules.MAX_PASSWORD}")
