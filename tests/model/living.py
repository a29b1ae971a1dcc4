"""What becomes of accounts, of time and of caches."""

from __future__ import annotations

from random import Random

from google.protobuf.struct_pb2 import ListValue, Value
from google.protobuf.timestamp_pb2 import Timestamp
from tests.model.machine import PASSWORD, WORDS, Machine, act
from tests.model.records import MINUTE_MS, Account, Kept, Refused, Wish
from tests.rpc.waiting import until

from aviary import ids
from aviary.api.tweets.v1 import drafts_pb2, tweets_pb2
from aviary.api.users.v1 import admin_pb2

CONTENT = ("tweets", "home", "user_timeline", "profile", "followers", "likers")
# Nobody learns anything from a world in which too few can act.
MOST_HIDDEN = 3


def may_hide(machine: Machine) -> bool:
    return len(machine.world.accounts) - len(machine.able) < MOST_HIDDEN


class Living(Machine):
    """Acts about accounts, time and caches."""

    # Accounts.

    @act(often=6)
    def chooses_settings(self, chance: Random) -> None:
        person = self.actor(chance)
        protected, hide_sensitive = chance.choice([None, None, True, False]), chance.choice([None, True, False])
        some = [*WORDS[:1], self.tags[0].upper()]
        words = chance.choice([None, [], chance.sample(some, chance.randint(1, 2))])

        def reference(_: object) -> None:
            person.protected = person.protected if protected is None else protected
            person.hide_sensitive = person.hide_sensitive if hide_sensitive is None else hide_sensitive
            person.muted_words = person.muted_words if words is None else tuple(words)

        muted_words = ListValue()
        muted_words.extend(words or [])
        self.do(
            person,
            "UpdateSettings",
            reference,
            protected=protected,
            hide_sensitive=hide_sensitive,
            muted_words=None if words is None else Value(list_value=muted_words),
        )
        self.look(person, "settings", "mentions", "hashtag", "user_timeline", "followers")

    @act(often=1)
    def changes_profile(self, chance: Random) -> None:
        person, bio = self.actor(chance), chance.choice(["", "of the sea"])
        self.do(person, "UpdateUser", lambda _: setattr(person, "bio", bio), id=person.id, bio=bio)
        self.look(person, "profile")

    @act(often=1)
    def changes_username(self, chance: Random) -> None:
        person = self.actor(chance)
        name = f"n{next(self.names)}" if chance.random() < 0.5 else self.anybody(chance).name.upper()

        def reference(_: object) -> None:
            if self.world.named(name) not in (None, person):
                raise Refused("ALREADY_EXISTS")
            person.name = name

        self.do(person, "ChangeUsername", reference, username=name)
        self.look(person, "profile", "profile_by_name", "user_timeline")

    @act(often=1, when=may_hide)
    def is_suspended(self, chance: Random) -> None:
        person = self.actor(chance)
        self._operate("SuspendUser", admin_pb2.SuspendUserRequest(id=person.id))
        person.suspended = True
        self._is_shut_out(person, login="PERMISSION_DENIED")
        self.look(person, *CONTENT, user=person)

    @act(when=lambda self: any(each.suspended for each in self.world.accounts))
    def is_no_longer_suspended(self, chance: Random) -> None:
        person = chance.choice([each for each in self.world.accounts if each.suspended])
        self._operate("UnsuspendUser", admin_pb2.UnsuspendUserRequest(id=person.id))
        person.suspended = False
        self._log_in(person)
        self.look(person, *CONTENT, user=person)

    @act(often=1, when=may_hide)
    def deactivates(self, chance: Random) -> None:
        person = self.actor(chance)
        self.do(person, "Deactivate", lambda _: setattr(person, "deactivated", True))
        self._is_shut_out(person)
        self.look(person, *CONTENT, user=person)

    @act(when=lambda self: any(each.deactivated for each in self.world.accounts))
    def comes_back(self, chance: Random) -> None:
        person = chance.choice([each for each in self.world.accounts if each.deactivated])
        self._log_in(person)
        person.deactivated = False
        self.look(person, *CONTENT, user=person)

    @act(often=1, when=may_hide)
    def deletes_account(self, chance: Random) -> None:
        person = self.actor(chance)
        self.do(person, "DeleteAccount", lambda _: self.world.erase(person), password=PASSWORD)
        self._is_shut_out(person, login="UNAUTHENTICATED")
        self.look(person, *CONTENT, "conversation", "list_members", user=person)

    # Drafts and scheduled tweets.

    @act(often=1)
    def keeps_a_draft(self, chance: Random) -> None:
        person, wish = self.actor(chance), Wish(content=self.text(chance))
        self.do(person, "CreateDraft", lambda made: self.world.keep(person, wish, made.id), tweet=_input(wish))
        self.look(person, "drafts")

    @act(often=4)
    def schedules(self, chance: Random) -> None:
        person = self.actor(chance)
        reply_to = self.sight(person, chance) if self.world.posts and chance.random() < 0.5 else None
        wish = Wish(content=self.text(chance), reply_to=reply_to, sensitive=chance.random() < 0.2)
        publish_ms, publish_at = self._soon(chance)

        def reference(made: drafts_pb2.ScheduledTweet) -> None:
            self.world.may_tweet(person, wish)
            self.world.keep(person, wish, made.id, publish_ms)

        self.do(person, "ScheduleTweet", reference, tweet=_input(wish), publish_at=publish_at)
        self.look(person, "scheduled")

    @act(when=lambda self: self.world.kept)
    def changes_what_is_kept(self, chance: Random) -> None:
        kept, wish = chance.choice(self.world.kept), Wish(content=self.text(chance))
        person = self.one_of([kept.owner] if kept.owner.stands else [], chance, lambda: self.actor(chance))
        if not kept.publish_ms:
            self.do(
                person, "UpdateDraft", lambda _: self.world.rekeep(person, kept, wish), id=kept.id, tweet=_input(wish)
            )
        else:
            publish_ms, publish_at = self._soon(chance)
            reference = lambda _: self.world.rekeep(person, kept, wish, publish_ms)  # noqa: E731
            fields = {"id": kept.id, "tweet": _input(wish), "publish_at": publish_at}
            self.do(person, "UpdateScheduled", reference, **fields)
        self.look(person, "drafts", "scheduled")

    @act(when=lambda self: self.world.kept)
    def discards_what_is_kept(self, chance: Random) -> None:
        kept = chance.choice(self.world.kept)
        person = self.one_of([kept.owner] if kept.owner.stands else [], chance, lambda: self.actor(chance))
        rpc = "CancelScheduled" if kept.publish_ms else "DeleteDraft"
        self.do(person, rpc, lambda _: self.world.unkeep(person, kept), id=kept.id)
        self.look(person, "drafts", "scheduled")

    # What happens to time and caches; of caches nobody may notice.

    @act(often=6)
    def is_away(self, chance: Random) -> None:
        """Long enough that things end, that the fan-out passes over everybody, or that every list is forgotten."""
        self.deployment.clock.advance(chance.choice([61, 120, 1_800]) * MINUTE_MS)
        self.tick()
        self._publish_what_is_due()
        self.look(self.actor(chance), "scheduled", "mutes", "user_timeline")

    @act(often=1)
    def finds_every_timeline_dropped(self, chance: Random) -> None:
        self.deployment.run(self.deployment.serving.embedded.timelines.clear())
        self.look(self.actor(chance))

    @act()
    def finds_a_timeline_forgotten(self, chance: Random) -> None:
        person = self.actor(chance)
        self.deployment.run(self.deployment.serving.embedded.timelines.forget(ids.pack([person.id])))
        self.look(person)

    @act(often=4, when=Machine.has_posts)
    def finds_a_stretch_lost(self, chance: Random) -> None:
        person = self.actor(chance)
        first, last = sorted([self.post(chance).id, self.post(chance).id])
        store = self.deployment.serving.embedded.timelines.core  # pyright: ignore[reportPrivateUsage]
        store.drop_range(person.id, first, last + 1)
        self.look(person)

    @act(often=4, when=Machine.has_posts)
    def reads_what_is_newer(self, chance: Random) -> None:
        kinds = ("home_count", "user_timeline", "mentions", "hashtag", "replies", "conversation", "list_timeline")
        since = self.post(chance)
        self.look(self.actor(chance), *kinds, user=self.anybody(chance), post=since, since=since)

    # How.

    def _operate(self, rpc: str, request: object) -> None:
        serving = self.deployment.serving

        async def operate() -> None:
            await getattr(serving.clients.admin, rpc)(request, metadata=serving.as_operator())

        self.deployment.run(operate())

    def _soon(self, chance: Random) -> tuple[int, Timestamp]:
        publish_ms = self.deployment.clock.now_ms() + chance.choice([50, 110]) * MINUTE_MS
        publish_at = Timestamp()
        publish_at.FromMilliseconds(publish_ms)
        return publish_ms, publish_at

    def _is_shut_out(self, person: Account, *, login: str = "") -> None:
        """Sessions end, and with `login` that is how a new one is refused."""
        self.deployment.run(self.deployment.serving.settle())
        assert self.ask(person, "GetMe").code == "UNAUTHENTICATED"
        if login:
            assert self.ask(person, "Login", username=person.name, password=PASSWORD).code == login

    def _log_in(self, person: Account) -> None:
        answer = self.ask(person, "Login", username=person.name, password=PASSWORD)
        assert answer.code == "OK", answer
        self.tokens[person] = answer.message.access_token

    def _publish_what_is_due(self) -> None:
        due = [kept for kept in self.world.kept if 0 < kept.publish_ms <= self.world.now_ms and not kept.failed]
        self.deployment.run(self._nothing_is_due())
        for kept in due:
            kept.failed = not self._may_publish(kept)
        published = [(self._published(kept), kept) for kept in due if not kept.failed]
        for tweet, kept in sorted(published, key=lambda each: each[0].id):
            self.world.tweet(kept.owner, kept.wish, tweet.id).made_ms = tweet.created_at.ToMilliseconds()
            self.world.kept.remove(kept)

    def _may_publish(self, kept: Kept) -> bool:
        try:
            self.world.must_stand(kept.owner)
            self.world.may_tweet(kept.owner, kept.wish)
        except Refused:
            return False
        return True

    def _published(self, kept: Kept) -> tweets_pb2.Tweet:
        """Once, and no second time."""
        page = self.ask(kept.owner, "GetUserTimeline", id=kept.owner.id, limit=100).message
        (tweet,) = [tweet for tweet in page.tweets if tweet.content == kept.wish.content]
        made: tweets_pb2.Tweet = tweet
        return made

    async def _nothing_is_due(self) -> None:
        database = self.deployment.serving.database("tweets")
        now_ms = self.world.now_ms

        async def has_published() -> bool:
            statement = "SELECT 1 FROM drafts WHERE publish_ms > 0 AND failure = '' AND publish_ms <= ? LIMIT 1"
            return await database.read(lambda connection: connection.execute(statement, (now_ms,)).fetchone()) is None

        await until(has_published, what="everything due was published")


def _input(wish: Wish) -> drafts_pb2.TweetInput:
    return drafts_pb2.TweetInput(
        content=wish.content,
        reply_to_id=wish.reply_to.id if wish.reply_to else None,
        is_sensitive=wish.sensitive,
    )
