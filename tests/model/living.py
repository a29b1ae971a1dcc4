"""What becomes of accounts, of time and of caches."""

from __future__ import annotations

from google.protobuf.struct_pb2 import ListValue
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from tests.model.machine import PASSWORD, WORDS, Machine, TextParts, page_size, place, someone, text_parts
from tests.model.records import MINUTE_MS, Account, Kept, Refused, Wish
from tests.rpc.waiting import until

from aviary import ids
from aviary.api.tweets.v1 import drafts_pb2, tweets_pb2
from aviary.api.users.v1 import admin_pb2

CONTENT = ("tweets", "home", "user_timeline", "profile", "followers", "likers")
# Nobody learns anything from a world in which too few can act.
MOST_HIDDEN = 3


class Living(Machine):
    """Rules about accounts, time and caches."""

    @initialize()
    def begin_with_authors_of_every_tier(self) -> None:
        """The first is left to readers, the second is pushed to the active; nobody else has followers yet."""
        for celebrity, fans in ((0, range(2, 8)), (1, range(4, 7))):
            for fan in fans:
                person, whom = self.anybody(fan), self.anybody(celebrity)
                self.do(
                    person, "Follow", lambda _, person=person, whom=whom: self.world.follow(person, whom), id=whom.id
                )
        self.look(self.anybody(0), size=20)

    # Accounts.

    @rule(
        who=someone,
        protected=st.none() | st.booleans(),
        hide_sensitive=st.none() | st.booleans(),
        words=st.none() | st.lists(st.sampled_from([*WORDS[:2], "STORM"]), unique=True, max_size=2),
        size=page_size,
    )
    def choose_settings(
        self, who: int, protected: bool | None, hide_sensitive: bool | None, words: list[str] | None, size: int
    ) -> None:
        person = self.actor(who)
        if words is not None:
            words = [self.tags[0].upper() if word == "STORM" else word for word in words]

        def act(_: object) -> None:
            person.protected = person.protected if protected is None else protected
            person.hide_sensitive = person.hide_sensitive if hide_sensitive is None else hide_sensitive
            person.muted_words = person.muted_words if words is None else tuple(words)

        muted_words = None
        if words is not None:
            muted_words = ListValue()
            muted_words.extend(words)
        self.do(
            person, "UpdateSettings", act, protected=protected, hide_sensitive=hide_sensitive, muted_words=muted_words
        )
        self.look(person, "settings", "mentions", "hashtag", "user_timeline", "followers", size=size)

    @rule(who=someone, bio=st.sampled_from(["", "of the sea"]), size=page_size)
    def change_profile(self, who: int, bio: str, size: int) -> None:
        person = self.actor(who)
        self.do(person, "UpdateUser", lambda _: setattr(person, "bio", bio), id=person.id, bio=bio)
        self.look(person, "profile", size=size)

    @rule(who=someone, other=someone, size=page_size, fresh=st.booleans())
    def change_username(self, who: int, other: int, size: int, fresh: bool) -> None:
        person = self.actor(who)
        name = f"n{next(self.names)}" if fresh else self.anybody(other).name.upper()

        def act(_: object) -> None:
            if self.world.named(name) not in (None, person):
                raise Refused("ALREADY_EXISTS")
            person.name = name

        self.do(person, "ChangeUsername", act, username=name)
        self.look(person, "profile", "user_timeline", size=size)

    @precondition(lambda self: self.may_hide())
    @rule(who=someone, size=page_size)
    def suspend(self, who: int, size: int) -> None:
        person, token = self.actor(who), self.tokens[self.actor(who)]
        self._operate("SuspendUser", admin_pb2.SuspendUserRequest(id=person.id))
        person.suspended = True
        self._is_shut_out(person, token, login="PERMISSION_DENIED")
        self.look(person, *CONTENT, user=person, size=size)

    @rule(who=someone, size=page_size)
    def unsuspend(self, who: int, size: int) -> None:
        if suspended := [each for each in self.world.accounts if each.suspended]:
            person = suspended[who % len(suspended)]
            self._operate("UnsuspendUser", admin_pb2.UnsuspendUserRequest(id=person.id))
            person.suspended = False
            self._log_in(person)
            self.look(person, *CONTENT, user=person, size=size)

    @precondition(lambda self: self.may_hide())
    @rule(who=someone, size=page_size)
    def deactivate(self, who: int, size: int) -> None:
        person, token = self.actor(who), self.tokens[self.actor(who)]
        self.do(person, "Deactivate", lambda _: setattr(person, "deactivated", True))
        self._is_shut_out(person, token)
        self.look(person, *CONTENT, user=person, size=size)

    @rule(who=someone, size=page_size)
    def come_back(self, who: int, size: int) -> None:
        if deactivated := [each for each in self.world.accounts if each.deactivated]:
            person = deactivated[who % len(deactivated)]
            self._log_in(person)
            person.deactivated = False
            self.look(person, *CONTENT, user=person, size=size)

    @precondition(lambda self: self.may_hide() and self.step % 3 == 0)
    @rule(who=someone, size=page_size)
    def delete_account(self, who: int, size: int) -> None:
        person, token = self.actor(who), self.tokens[self.actor(who)]
        self.do(person, "DeleteAccount", lambda _: self.world.erase(person), password=PASSWORD)
        self._is_shut_out(person, token, login="UNAUTHENTICATED")
        self.look(person, *CONTENT, "conversation", "list_members", user=person, size=size)

    def may_hide(self) -> bool:
        return len(self.world.accounts) - len(self.able) < MOST_HIDDEN

    # Drafts and scheduled tweets.

    @rule(who=someone, parts=text_parts, size=page_size)
    def keep_a_draft(self, who: int, parts: TextParts, size: int) -> None:
        person, wish = self.actor(who), Wish(content=self.text(parts))
        self.do(person, "CreateDraft", lambda made: self.world.keep(person, wish, made.id), tweet=_input(wish))
        self.look(person, "drafts", size=size)

    @rule(who=someone, parts=text_parts, parent=st.none() | place, minutes=st.sampled_from([50, 110]), size=page_size)
    def schedule(self, who: int, parts: TextParts, parent: int | None, minutes: int, size: int) -> None:
        person = self.actor(who)
        reply_to = None if parent is None or not self.world.posts else self.post(parent)
        wish = Wish(content=self.text(parts), reply_to=reply_to)
        publish_ms = self.deployment.clock.now_ms() + minutes * MINUTE_MS
        publish_at = Timestamp()
        publish_at.FromMilliseconds(publish_ms)

        def act(made: drafts_pb2.ScheduledTweet) -> None:
            self.world.may_tweet(person, wish)
            self.world.keep(person, wish, made.id, publish_ms)

        self.do(person, "ScheduleTweet", act, tweet=_input(wish), publish_at=publish_at)
        self.look(person, "scheduled", size=size)

    @precondition(lambda self: bool(self.world.kept))
    @rule(who=someone, at=place, size=page_size, stranger=st.none() | someone)
    def discard(self, who: int, at: int, size: int, stranger: int | None) -> None:
        kept = self.world.kept[at % len(self.world.kept)]
        person = kept.owner if stranger is None and kept.owner.stands else self.actor(who)
        rpc = "CancelScheduled" if kept.publish_ms else "DeleteDraft"
        self.do(person, rpc, lambda _: self.world.unkeep(person, kept), id=kept.id)
        self.look(person, "drafts", "scheduled", size=size)

    # What happens to time and caches; of caches nobody may notice.

    @rule(who=someone, minutes=st.sampled_from([61, 120, 1_800]), size=page_size)
    def be_away(self, who: int, minutes: int, size: int) -> None:
        """Long enough that things end, that the fan-out passes over everybody, or that every list is forgotten."""
        self.deployment.clock.advance(minutes * MINUTE_MS)
        self.tick()
        self._publish_what_is_due()
        self.look(self.actor(who), "scheduled", "mutes", "user_timeline", size=size)

    @rule(who=someone, size=page_size)
    def drop_every_timeline(self, who: int, size: int) -> None:
        self.deployment.run(self.deployment.serving.platform.timelines.clear())
        self.look(self.actor(who), size=size)

    @rule(who=someone, size=page_size)
    def forget_ones_timeline(self, who: int, size: int) -> None:
        owner = ids.pack([self.actor(who).id])
        self.deployment.run(self.deployment.serving.platform.timelines.forget(owner))
        self.look(self.actor(who), size=size)

    @precondition(Machine.has_posts)
    @rule(who=someone, at=place, more=st.integers(0, 5), size=page_size)
    def lose_a_stretch_of_ones_timeline(self, who: int, at: int, more: int, size: int) -> None:
        first, last = sorted([self.post(at).id, self.post(at + more).id])
        store = self.deployment.serving.platform.timelines._store  # pyright: ignore[reportPrivateUsage]
        store.drop_range(self.actor(who).id, first, last + 1)
        self.look(self.actor(who), size=size)

    @precondition(Machine.has_posts)
    @rule(who=someone, other=someone, at=place, size=page_size)
    def read_what_is_newer(self, who: int, other: int, at: int, size: int) -> None:
        kinds = ("home_count", "user_timeline", "mentions", "hashtag", "replies", "conversation", "list_timeline")
        since = self.post(at)
        self.look(self.actor(who), *kinds, user=self.anybody(other), post=since, since=since, size=size)

    # How.

    def _operate(self, rpc: str, request: object) -> None:
        serving = self.deployment.serving

        async def operate() -> None:
            await getattr(serving.clients.admin, rpc)(request, metadata=serving.as_operator())

        self.deployment.run(operate())

    def _is_shut_out(self, person: Account, token: str, *, login: str = "") -> None:
        """Sessions end, and with `login` that is how a new one is refused."""
        self.deployment.run(self.deployment.serving.settle())
        self.tokens[person] = token
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
        database = self.deployment.serving.platform.database("tweets")
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
