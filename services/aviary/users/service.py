"""The decisions about accounts, logins and profiles."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial

from aviary import texts
from aviary._native import DenyList
from aviary.errors import Forbidden, InvalidInput, NotFound, Unauthenticated, no_user
from aviary.faults import Faults
from aviary.rpc.call import CLIENT_HEADER, Claim
from aviary.settings import Settings
from aviary.users import rules
from aviary.users.failures import LoginFailures, Tell
from aviary.users.passwords import Passwords, encoded
from aviary.users.store import (
    Credentials,
    Lifetime,
    Opened,
    Outcome,
    Preferences,
    ProfileChanges,
    Registration,
    Summary,
    User,
    UserStore,
)
from aviary.users.tokens import PublicKey, TokenPair, Tokens

# One sentence for both: it must not tell which names exist.
_WRONG = "the username or the password is wrong"
_ENDED = "the session has ended; log in again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What somebody wants to register with, as it was sent."""

    username: str
    email: str
    password: str = field(repr=False)
    display_name: str = ""
    client: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who signed in, and the session's tokens; `repeated` when the same request had done so before."""

    user: User
    tokens: TokenPair
    repeated: bool


class UserService:
    """Accounts, their sessions and their profiles."""

    def __init__(
        self,
        store: UserStore,
        passwords: Passwords,
        tokens: Tokens,
        *,
        settings: Settings,
        denied: DenyList,
        failures: LoginFailures,
        real_time: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._tokens = tokens
        self._failures = failures
        self._denied = denied
        self._settings = settings
        self._real_time = real_time

    @property
    def public_key(self) -> PublicKey:
        return self._tokens.public_key

    async def register(self, application: Application, *, claim: Claim | None) -> SignedIn:
        """Open an account and sign it in; a repeat under `claim` gives the same tokens."""
        faults, sent = Faults(), application
        username = faults.take("username", partial(rules.username, sent.username), "")
        email = faults.take("email", partial(rules.email, sent.email), "")
        rule = partial(rules.password, sent.password, name=sent.username, address=sent.email)
        password = faults.take("password", rule, "")
        display_name = sent.display_name and faults.take(
            "display_name", partial(rules.display_name, sent.display_name), ""
        )
        client = faults.take(CLIENT_HEADER, partial(rules.client, sent.client), "")
        faults.settle()
        registration = Registration(
            username=username,
            username_key=rules.username_key(username),
            email=email,
            email_key=rules.email_key(email),
            display_name=display_name or username,
            # Hashed before the transaction: nobody else's write waits for it.
            password_hash=await self._passwords.hash(encoded(password)),
        )
        lifetime = self._lifetime(client)
        return await self._sign_in(await self._store.register(registration, lifetime, claim=claim), lifetime)

    async def login(
        self, name: str, password: str, *, address: str, claim: Claim | None, tell: Tell, client: str = ""
    ) -> SignedIn:
        """Open a session for a username or an email; `tell` hears how many failures are left."""
        client = _require_login(name, password, client)
        found = await self._find(name)
        account = str(found.user_id) if found else rules.username_key(name)
        async with self._failures.attempt(f"{account} {address}", tell):
            # Checked for nobody as well: the time must not tell which names exist.
            matches = await self._passwords.verify(encoded(password), found.password_hash if found else None)
            if found is None or not matches:
                raise Unauthenticated(_WRONG)
        if found.suspended:
            raise Forbidden("this account is suspended and cannot log in")
        lifetime = self._lifetime(client)
        return await self._sign_in(await self._store.open_session(found, lifetime, claim=claim), lifetime)

    async def refresh(self, refresh_token: str, *, claim: Claim | None) -> TokenPair:
        """Trade a refresh token for a new pair; one that was used up ends its session."""
        if not refresh_token:
            raise InvalidInput("refresh_token is empty", fields={"refresh_token": "the one of the last answer"})
        token = self._tokens.parse(refresh_token)
        lifetime = self._lifetime()
        rotation = await self._store.rotate(
            token.session_id, token.generation, lifetime, grace_s=self._settings.refresh_grace_s, claim=claim
        )
        if rotation is None:
            raise Unauthenticated(_ENDED)
        if rotation.outcome is Outcome.REUSED:
            self._deny(token.session_id)
            raise Unauthenticated("the refresh token had been used before, so its session was ended; log in again")
        return self._tokens.issue(rotation.session, now_s=lifetime.now_s)

    async def logout(self, session_id: int) -> None:
        await self._store.revoke(session_id, now_s=self._now_s())
        self._deny(session_id)

    async def logout_all(self, user_id: int) -> None:
        for session_id in await self._store.revoke_all(user_id, now_s=self._now_s()):
            self._deny(session_id)

    async def get(self, user_id: int) -> User:
        if (user := await self._store.get(user_id)) is None:
            raise no_user(user_id)
        return user

    async def get_by_username(self, username: str) -> User:
        if (user := await self._store.get_by_username(rules.username_key(username))) is None:
            raise NotFound(f"there is no user called {texts.shown(username)}")
        return user

    async def get_many(self, user_ids: Sequence[int]) -> Sequence[User]:
        return await self._store.get_many(user_ids)

    async def summaries(
        self, user_ids: Sequence[int], *, viewer_id: int
    ) -> tuple[Sequence[Summary], Preferences | None]:
        return await self._store.summaries(user_ids, viewer_id=viewer_id)

    async def resolve(self, usernames: Sequence[str]) -> Mapping[str, int]:
        """The ids of the names that exist, by lower-case name."""
        return await self._store.resolve([rules.username_key(username) for username in usernames])

    async def update(
        self, caller_id: int, user_id: int, changes: ProfileChanges, *, media_fields: Sequence[str] = ()
    ) -> User:
        """Change one's own profile; `media_fields` are those sent that would need an upload."""
        if caller_id != user_id:
            raise Forbidden(f"user {caller_id} cannot change the profile of user {user_id}")
        faults = Faults()
        for name in media_fields:
            faults.refuse(name, f"{name} cannot be set: media cannot be uploaded yet")
        kept = rules.profile(changes, faults, today=self._today())
        faults.settle()
        if (user := await self._store.update(user_id, kept)) is None:
            raise no_user(user_id)
        return user

    async def _find(self, name: str) -> Credentials | None:
        if "@" not in name:
            return await self._store.credentials_of_username(rules.username_key(name))
        try:
            return await self._store.credentials_of_email(rules.email_key(rules.email(name)))
        except InvalidInput:
            return None

    async def _sign_in(self, opened: Opened, lifetime: Lifetime) -> SignedIn:
        return SignedIn(
            user=await self.get(opened.session.user_id),
            tokens=self._tokens.issue(opened.session, now_s=lifetime.now_s),
            repeated=opened.repeated,
        )

    def _deny(self, session_id: int) -> None:
        # This process refuses it from its answer on; the others learn of it from the log.
        self._denied.refuse(session_id, for_s=self._settings.access_token_ttl_s)

    def _lifetime(self, client: str = "") -> Lifetime:
        return Lifetime(now_s=self._now_s(), ttl_s=self._settings.refresh_token_ttl_s, client=client)

    def _now_s(self) -> int:
        return int(self._real_time())

    def _today(self) -> date:
        return datetime.fromtimestamp(self._real_time(), UTC).date()


def _require_login(name: str, password: str, client: str) -> str:
    """Refuse what no login can be; return the client's name as it is kept."""
    faults = Faults()
    client = faults.take(CLIENT_HEADER, partial(rules.client, client), "")
    if not 1 <= len(name) <= rules.MAX_EMAIL:
        faults.refuse("username", f"username has {len(name)} characters; it must be a username or an email")
    if not password:
        faults.refuse("password", "password is empty")
    if len(password) > rules.MAX_PASSWORD:
        faults.refuse("password", f"password has {len(password)} characters; the limit is {rules.MAX_PASSWORD}")
    faults.settle()
    return client
