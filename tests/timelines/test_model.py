"""Whatever people do, in whatever order, and whatever is dropped: everybody sees what the plain rule says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from tests.rpc.serving import Person
from tests.timelines.deployment import Deployment
from tests.timelines.reference import Post, Reference
from tests.timelines.shown import answered, expected

from aviary import ids
from aviary.api.graph.v1 import graph_pb2
from aviary.api.tweets.v1 import tweets_pb2
from aviary.api.users.v1 import users_pb2

PEOPLE = 10
WALKS, STEPS = 11, 50
HOUR_MS = 3_600_000
T = TypeVar("T")

someone = st.integers(0, PEOPLE - 1)
# A place in a list that grows: 0 is the newest.
some_tweet = st.integers(0, 60)
page_size = st.sampled_from([2, 1, 3, 7, 20, 100])

FetchTweets = Callable[[str], Awaitable[tweets_pb2.TweetList]]
FetchUsers = Callable[[str], Awaitable[graph_pb2.ListFollowsResponse]]


class Timelines(RuleBasedStateMachine):
    """People act on a running platform and in the reference alike; after each step both are asked."""

    deployment: Deployment
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.people = self.deployment.newcomers(PEOPLE)
        self.clients = self.deployment.serving.clients
        self.world = Reference()

    def has_tweets(self) -> bool:
        return bool(self.world.standing())

    # What people do.

    @rule(who=someone, size=page_size)
    def tweet(self, who: int, size: int) -> None:
        made = self.deployment.run(self.people[who].tweet("hello"))
        self._made(made.id, who, "original")
        self._check(who, size)

    @precondition(has_tweets)
    @rule(who=someone, place=some_tweet, size=page_size)
    def reply(self, who: int, place: int, size: int) -> None:
        parent = self._at(place).original
        made = self.deployment.run(self.people[who].tweet("indeed", reply_to=self._at(place).id))
        self._made(made.id, who, "reply", ref=parent)
        self._check(who, size)

    @precondition(has_tweets)
    @rule(who=someone, place=some_tweet, parent=st.none() | some_tweet, size=page_size)
    def quote(self, who: int, place: int, parent: int | None, size: int) -> None:
        quoted = self._at(place)
        ref = None if parent is None else self._at(parent)
        made = self.deployment.run(self.people[who].tweet("look", reply_to=ref.id if ref else None, quoting=quoted.id))
        kind = "reply" if ref else "quote"
        self._made(made.id, who, kind, ref=ref.original if ref else None, quoted=quoted.original)
        self._check(who, size)

    @precondition(has_tweets)
    @rule(who=someone, place=some_tweet, size=page_size)
    def retweet(self, who: int, place: int, size: int) -> None:
        post = self._at(place)
        made = self.deployment.run(self.people[who].retweet(post.id))
        if existing := self.world.retweet_by(post.original, self.people[who].id):
            assert made.id == existing.id
        else:
            self._made(made.id, who, "retweet", ref=post.original)
        self._check(who, size)

    @precondition(has_tweets)
    @rule(who=someone, place=some_tweet, size=page_size)
    def undo_retweet(self, who: int, place: int, size: int) -> None:
        post, person = self._at(place), self.people[who]
        request = tweets_pb2.UndoRetweetRequest(id=post.id)
        self._ask(self.clients.tweets.UndoRetweet, request, person)
        if existing := self.world.retweet_by(post.original, person.id):
            existing.deleted = True
        self._check(who, size)

    @precondition(has_tweets)
    @rule(who=someone, place=some_tweet, size=page_size)
    def like(self, who: int, place: int, size: int) -> None:
        post, person = self._at(place), self.people[who]
        request = tweets_pb2.LikeTweetRequest(id=post.id)
        liked = self._ask(self.clients.tweets.LikeTweet, request, person)
        post.original.likes.add(person.id)
        assert answered(liked) == expected(self.world, post.original, person.id)
        self._check(who, size)

    @precondition(has_tweets)
    @rule(who=someone, place=some_tweet, size=page_size)
    def unlike(self, who: int, place: int, size: int) -> None:
        post, person = self._at(place), self.people[who]
        request = tweets_pb2.UnlikeTweetRequest(id=post.id)
        left = self._ask(self.clients.tweets.UnlikeTweet, request, person)
        post.original.likes.discard(person.id)
        assert answered(left) == expected(self.world, post.original, person.id)
        self._check(who, size)

    @precondition(has_tweets)
    @rule(who=someone, place=some_tweet, size=page_size)
    def delete(self, who: int, place: int, size: int) -> None:
        post = self._at(place)
        author = next(person for person in self.people if person.id == post.author)
        self.deployment.run(author.delete(post.id))
        post.deleted = True
        self._check(who, size)

    @rule(who=someone, other=someone, size=page_size)
    def follow(self, who: int, other: int, size: int) -> None:
        follower, followee = self.people[who], self.people[other]
        if who == other:
            return
        self.deployment.run(follower.follow(followee))
        if (follower.id, followee.id) not in self.world.follows:
            self.world.follows.append((follower.id, followee.id))
        self._check(who, size)

    @initialize()
    def begin_with_authors_of_every_tier(self) -> None:
        """The first is left to readers, the second is pushed to the active; nobody else has followers yet."""
        for celebrity, fans in ((0, range(2, 8)), (1, range(4, 7))):
            for fan in fans:
                self.follow(who=fan, other=celebrity, size=20)

    # Much of what a reader pulls is then not for that reader.
    @precondition(has_tweets)
    @rule(celebrity=st.integers(0, 1), place=some_tweet, times=st.integers(1, 4), size=page_size)
    def reply_as_a_celebrity(self, celebrity: int, place: int, times: int, size: int) -> None:
        parent = self._at(place)
        for _ in range(times):
            made = self.deployment.run(self.people[celebrity].tweet("indeed", reply_to=parent.id))
            self._made(made.id, celebrity, "reply", ref=parent.original)
        self._check(celebrity, size)

    @rule(celebrity=st.integers(0, 1), fan=st.integers(4, 6), times=st.integers(1, 3), size=page_size)
    def tweet_to_a_fan_who_reads(self, celebrity: int, fan: int, times: int, size: int) -> None:
        for _ in range(times):
            self._check_home(self.people[fan], size)
            self.tweet(who=celebrity, size=size)
        self._check_home(self.people[fan], size)

    @rule(who=someone, other=someone, size=page_size)
    def unfollow(self, who: int, other: int, size: int) -> None:
        if who == other:
            return
        self.deployment.run(self.people[who].unfollow(self.people[other]))
        with suppress(ValueError):
            self.world.follows.remove((self.people[who].id, self.people[other].id))
        self._check(who, size)

    # What happens to the caches; nobody may notice.

    @rule(who=someone, size=page_size)
    def drop_every_timeline(self, who: int, size: int) -> None:
        self.deployment.run(self.deployment.serving.platform.timelines.clear())
        self._check(who, size)

    @rule(who=someone, size=page_size)
    def forget_ones_timeline(self, who: int, size: int) -> None:
        owner = ids.pack([self.people[who].id])
        self.deployment.run(self.deployment.serving.platform.timelines.forget(owner))
        self._check(who, size)

    @precondition(has_tweets)
    @rule(who=someone, place=some_tweet, size=page_size)
    def lose_a_stretch_of_ones_timeline(self, who: int, place: int, size: int) -> None:
        lost = self._at(place).id
        store = self.deployment.serving.platform.timelines._store  # pyright: ignore[reportPrivateUsage]
        store.drop_range(self.people[who].id, lost, lost + 1)
        self._check(who, size)

    @rule(who=someone, hours=st.sampled_from([2, 30]), size=page_size)
    def be_away(self, who: int, hours: int, size: int) -> None:
        """Long enough that the fan-out passes over everybody, or that every list is forgotten."""
        self.deployment.clock.advance(hours * HOUR_MS)
        self._check(who, size)

    @precondition(has_tweets)
    @rule(who=someone, place=some_tweet, size=page_size)
    def read_what_is_newer(self, who: int, place: int, size: int) -> None:
        since = self._at(place).id
        self._check_home(self.people[who], size, since=since)

    # What everybody sees.

    def _check(self, who: int, size: int) -> None:
        """Ask on behalf of who acted, and of each other person in turn."""
        type(self).steps += 1
        self.deployment.run(self.deployment.serving.settle())
        actor, onlooker = self.people[who], self.people[self.steps % PEOPLE]
        self._check_home(onlooker, size)
        if actor is not onlooker:
            self._check_home(actor, size)
        self._check_user(onlooker, actor, size)
        self._check_replies(onlooker, size)
        self._check_follows(onlooker, actor, size)
        self._check_profile(onlooker, actor)

    def teardown(self) -> None:
        for person in self.people:
            self._check_home(person, 7)
            self._check_user(person, person, 7)

    def _check_home(self, viewer: Person, size: int, *, since: int | None = None) -> None:
        async def page(cursor: str) -> tweets_pb2.TweetList:
            return await viewer.home_page(limit=size, cursor=cursor, since_id=since)

        wanted = [post for post in self.world.home(viewer.id) if since is None or post.id > since]
        self._compare(viewer, page, wanted, size)

    def _check_user(self, viewer: Person, author: Person, size: int) -> None:
        no_replies = self.steps % 2 == 0

        async def page(cursor: str) -> tweets_pb2.TweetList:
            only = "no_replies" if no_replies else None
            return await viewer.user_page(author.id, limit=size, cursor=cursor, only=only)

        self._compare(viewer, page, self.world.user(author.id, no_replies=no_replies), size)

    def _check_replies(self, viewer: Person, size: int) -> None:
        if not self.world.standing():
            return
        post = self._at(self.steps)

        async def page(cursor: str) -> tweets_pb2.TweetList:
            request = tweets_pb2.ListRepliesRequest(id=post.id, limit=size, cursor=cursor)
            return await self.clients.tweets.ListReplies(request, metadata=viewer.signed)

        self._compare(viewer, page, self.world.replies(post.original), size)

    def _check_follows(self, viewer: Person, user: Person, size: int) -> None:
        graph = self.clients.graph
        for method, wanted in (
            (graph.ListFollowers, self.world.followers(user.id)),
            (graph.ListFollowing, self.world.following(user.id)),
        ):
            found: list[int] = []
            cursor, more = "", True
            while more:
                request = graph_pb2.ListFollowsRequest(id=user.id, limit=size, cursor=cursor)
                page = self._ask(method, request, viewer)
                found.extend(each.id for each in page.users)
                cursor, more = page.pagination.next_cursor, page.pagination.has_more
                assert more == (len(found) < len(wanted))
            assert found == wanted

    def _check_profile(self, viewer: Person, user: Person) -> None:
        request = users_pb2.GetUserRequest(id=user.id)
        profile = self._ask(self.clients.users.GetUser, request, viewer)
        assert (profile.follower_count, profile.following_count, profile.tweet_count, profile.like_count) == (
            len(self.world.followers(user.id)),
            len(self.world.following(user.id)),
            self.world.tweet_count(user.id),
            self.world.likes_received(user.id),
        )
        asked = graph_pb2.GetRelationshipRequest(id=viewer.id, target_id=user.id)
        bond = self._ask(self.clients.graph.GetRelationship, asked, viewer)
        assert (bond.following, bond.followed_by) == (
            (viewer.id, user.id) in self.world.follows,
            (user.id, viewer.id) in self.world.follows,
        )

    def _compare(self, viewer: Person, fetch: FetchTweets, wanted: list[Post], size: int) -> None:
        found = self.deployment.run(self._walk(fetch, size))
        assert [tweet.id for tweet in found] == [post.id for post in wanted]
        assert [answered(tweet) for tweet in found] == [expected(self.world, post, viewer.id) for post in wanted]

    @staticmethod
    async def _walk(fetch: FetchTweets, size: int) -> list[tweets_pb2.Tweet]:
        found: list[tweets_pb2.Tweet] = []
        seen: set[str] = set()
        cursor, more = "", True
        while more:
            page = await fetch(cursor)
            assert len(page.tweets) <= size == page.pagination.limit
            found.extend(page.tweets)
            assert page.pagination.next_cursor not in seen, "the walk goes in circles"
            seen.add(page.pagination.next_cursor)
            cursor, more = page.pagination.next_cursor, page.pagination.has_more
            assert bool(cursor) == more
        return found

    def _ask(self, method: Callable[..., Awaitable[T]], request: Message, person: Person) -> T:
        async def call() -> T:
            return await method(request, metadata=person.signed)

        return self.deployment.run(call())

    def _at(self, place: int) -> Post:
        standing = self.world.standing()
        return standing[place % len(standing)]

    def _made(self, tweet_id: int, who: int, kind: str, *, ref: Post | None = None, quoted: Post | None = None) -> None:
        post = Post(id=tweet_id, author=self.people[who].id, type=kind, ref=ref, quoted=quoted)
        assert not self.world.posts or tweet_id > self.world.posts[-1].id
        self.world.posts.append(post)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[type[Timelines]]:
    """The machine on a platform that all its walks share, each with people of its own."""
    with Deployment(tmp_path) as deployment:
        yield type("TimelinesHere", (Timelines,), {"deployment": deployment})


def walk(machine: type[Timelines], *, walks: int, derandomize: bool) -> None:
    run_state_machine_as_test(
        machine,
        settings=hypothesis_settings(
            max_examples=walks,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=derandomize,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def test_everybody_sees_what_the_plain_rule_says(machine: type[Timelines]) -> None:
    walk(machine, walks=WALKS, derandomize=True)
    assert machine.steps >= 500


@pytest.mark.soak
def test_everybody_sees_what_the_plain_rule_says_for_long(machine: type[Timelines]) -> None:
    walk(machine, walks=40 * WALKS, derandomize=False)
