"""The stores of the embedded profile as a bulk load fills them: the services' decisions, and no server between."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from aviary.app.embedded import Embedded
from aviary.app.platform import Platform
from aviary.clock import Clock
from aviary.fanout.store import AuthorTier, Tier
from aviary.fanout.worker import tier_of
from aviary.seed.people import Person
from aviary.settings import Settings
from aviary.storage.sqlite.bulk import BulkDatabase
from aviary.storage.sqlite.fanout import SqliteTierStore
from aviary.storage.sqlite.graph.bulk import BulkFollows
from aviary.storage.sqlite.tweets.tweets import SqliteTweetStore
from aviary.storage.sqlite.users.users import SqliteUserStore
from aviary.tweets import visibility
from aviary.tweets.service import TweetService
from aviary.tweets.submission import Submission
from aviary.tweets.visibility import Regard, Viewer
from aviary.users import rules
from aviary.users.store import Lifetime, Registration

_FILES = ("users", "graph", "tweets", "fanout")


class PastClock(Clock):
    """Business time that a loader sets: it begins in the past and never goes back."""

    def __init__(self, now_ms: int) -> None:
        super().__init__()
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def turn_to(self, ms: int) -> None:
        self._now_ms = max(self._now_ms, ms)


class BulkStores:
    """Keeps `aviary.seed.bulk.Stores`' promises in new files under `folder`, durable once `finish` returned."""

    def __init__(self, folder: Path, settings: Settings, *, password_hash: bytes, span_ms: int) -> None:
        self._settings = settings
        self._password_hash = password_hash
        self._end_ms = Clock().now_ms()
        self._span_ms = span_ms
        self._clock = PastClock(self._end_ms - span_ms)
        self._files = {name: BulkDatabase(folder / f"{name}.db", clock=self._clock) for name in _FILES}
        self._users = SqliteUserStore(self._files["users"])
        self._follows = BulkFollows(self._files["graph"])
        self._people = _People()
        self._tweets = TweetService(SqliteTweetStore(self._files["tweets"]), self._people, settings)
        self._tiers = SqliteTierStore(self._files["fanout"])

    def finish(self) -> None:
        self._follows.finish()
        for file in self._files.values():
            file.finish()

    def close(self) -> None:
        """Let go of the files, finished or not."""
        for file in self._files.values():
            file.close()

    def turn_to(self, share: float) -> None:
        self._clock.turn_to(self._end_ms - round(self._span_ms * (1 - share)))

    async def register(self, someone: Person) -> int:
        registration = Registration(
            username=someone.username,
            username_key=rules.username_key(someone.username),
            email=someone.email,
            email_key=rules.email_key(someone.email),
            display_name=someone.display_name,
            password_hash=self._password_hash,
        )
        lifetime = Lifetime(now_s=int(time.time()), ttl_s=self._settings.refresh_token_ttl_s)
        opened = await self._users.register(registration, lifetime, claim=None)
        self._people.add(registration.username_key, opened.session.user_id)
        return opened.session.user_id

    async def follow(self, follower_id: int, followee_ids: Sequence[int]) -> None:
        self._follows.add(follower_id, followee_ids)

    async def tweet(self, author_id: int, text: str, *, reply_to_id: int | None, quote_id: int | None) -> int:
        sent = Submission(content=text, reply_to_id=reply_to_id, quote_id=quote_id)
        written = await self._tweets.create(author_id, sent, client=None, claim=None)
        await self._tell_tier(author_id, written.id)
        return written.id

    async def retweet(self, user_id: int, tweet_id: int) -> int:
        written = await self._tweets.retweet(user_id, tweet_id, client=None, claim=None)
        await self._tell_tier(user_id, written.id)
        return written.id

    async def like(self, user_id: int, tweet_id: int) -> None:
        await self._tweets.like(user_id, tweet_id, claim=None)

    async def _tell_tier(self, author_id: int, tweet_id: int) -> None:
        """Store what the fan-out would have: its one effect that outlives the process."""
        tier = tier_of(self._follows.followers.get(author_id, 0), self._settings)
        if tier is not Tier.PUSH:
            await self._tiers.raise_tier(AuthorTier(author_id=author_id, tier=tier, from_id=tweet_id))


async def skip_events(settings: Settings) -> None:
    """Let nobody follow a million events to do what is done.

    No timeline is warm in a process that just began, so the fan-out has nowhere to deliver to, and the tiers, which
    are all that it keeps, are stored. The other consumers wait for deletions and exports, and nobody asked for one.
    """
    platform = Platform(settings)
    try:
        if isinstance(platform.stores, Embedded):
            await platform.stores.skip_events()
    finally:
        await platform.close()


class _People:
    """Everybody who was loaded: all of them stand, and nobody blocks or mutes anybody."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def add(self, username_key: str, user_id: int) -> None:
        self._ids[username_key] = user_id

    async def resolve(self, usernames: Sequence[str]) -> Mapping[str, int]:
        keys = [username.lower() for username in usernames]
        return {key: self._ids[key] for key in keys if key in self._ids}

    async def regard(self, viewer_id: int, user_ids: Sequence[int]) -> Regard:
        return Regard(Viewer(viewer_id), dict.fromkeys(user_ids, _ANYBODY), {})


_ANYBODY = visibility.Person(protected=False, card=b"")
