"""The front answers as the handlers behind it would, at every moment and in both formats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from random import Random

import grpc.aio
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.gateway.test_json import PRINTER
from tests.rpc.planting import Gate, Late, planted
from tests.rpc.serving import Person, Serving, bearer, refusal, serving
from tests.rpc.waiting import until
from tests.timelines import reading
from tests.tweets.doings import poll, vote

from aviary._native import JsonPrinter
from aviary.api.timelines.v1 import timelines_pb2
from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.api.users.v1 import users_pb2
from aviary.rpc.front import FrontGate
from aviary.rpc.ready import described
from aviary.settings import Settings

TIMELINES, TWEETS = "/aviary.api.timelines.v1.TimelineService", "/aviary.api.tweets.v1.TweetService"
HOME, USER, TWEET = f"{TIMELINES}/GetHomeTimeline", f"{TIMELINES}/GetUserTimeline", f"{TWEETS}/GetTweet"
FRAGMENTS = f"{TWEETS}/GetFragments"
ONE = JsonPrinter(described("aviary.api.tweets.v1.Tweet"), "aviary.api.tweets.v1.Tweet")


@dataclass(frozen=True, slots=True)
class Answer:
    """A gRPC status, what it says, and the message as bytes."""

    code: str
    said: str
    body: bytes


class Caller:
    """Sends bytes to one port and takes bytes."""

    def __init__(self, port: int, *metadata: tuple[str, str]) -> None:
        self._metadata = metadata
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")

    async def call(self, path: str, request: bytes, token: str) -> Answer:
        stub: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(path)
        try:
            return Answer("OK", "", await stub(request, metadata=(*self._metadata, *bearer(token)), timeout=20))
        except grpc.aio.AioRpcError as error:
            return Answer(error.code().name, str(error.details()), b"")


@dataclass(frozen=True, slots=True)
class Sides:
    """A platform from both sides of its front."""

    served: Serving
    front: Caller
    behind: Caller

    @property
    def gate(self) -> FrontGate:
        gate = self.served.platform.front
        assert gate is not None
        return gate

    async def must_agree(self, person: Person, path: str, request: Message) -> None:
        """The front says what the handlers say, as a message and as JSON."""
        sent = request.SerializeToString()
        own = await self.behind.call(path, sent, person.token)
        for _ in range(2):  # once filled, once held
            typed = await self.front.call(path, sent, person.token)
            assert (typed.code, typed.said) == (own.code, own.said)
            kind, printer = (pb.Tweet, ONE) if path == TWEET else (pb.TweetList, PRINTER)
            assert kind.FromString(typed.body) == kind.FromString(own.body)
            service, _, method = path.rpartition("/")
            ready = await self.front.call(f"{service}Json/{method}", sent, person.token)
            assert (ready.code, ready.said) == (own.code, own.said)
            if own.code == "OK":
                assert HttpBody.FromString(ready.body).data == printer.print(own.body)


@pytest.fixture(params=[1_000_000, 2], ids=["pushed", "pulled"])
async def sides(settings: Settings, request: pytest.FixtureRequest) -> AsyncIterator[Sides]:
    """From `param` followers up an author is read when a home is, instead of being delivered to it."""
    tiers = {"fanout_mid_followers": request.param, "fanout_pull_followers": request.param}
    async with serving(replace(settings, front="on", **tiers)) as served:
        assert served.platform.front is not None
        front = Caller(served.server.port)
        behind = Caller(served.platform.front.behind, served.platform.front.proof)
        yield Sides(served, front, behind)
        await front.channel.close()
        await behind.channel.close()


class Life:
    """People who do whatever people do."""

    def __init__(self, sides: Sides, people: Sequence[Person], chance: Random) -> None:
        self._sides, self._people, self._chance = sides, people, chance
        self.tweets: list[int] = []

    async def happens(self) -> str:
        """Let somebody do something; what it was."""
        deed = self._chance.choice([name for name in dir(self) if name.startswith("does_")])
        one, other = self._chance.sample(self._people, 2)
        try:
            await getattr(self, deed)(one, other)
        except grpc.aio.AioRpcError as error:
            return f"{deed}: {error.code().name}"
        return deed

    def some(self) -> int:
        return self._chance.choice(self.tweets[-15:]) if self.tweets else 1

    async def does_tweet(self, one: Person, _: Person) -> None:
        self.tweets.append((await one.tweet(self._chance.choice(["hello <b>", "#tag & @ada", 'é\u2028 \\ "']))).id)

    async def does_reply(self, one: Person, _: Person) -> None:
        self.tweets.append((await one.tweet("indeed", reply_to=self.some())).id)

    async def does_quote(self, one: Person, _: Person) -> None:
        self.tweets.append((await one.tweet("look", quoting=self.some())).id)

    async def does_retweet(self, one: Person, _: Person) -> None:
        self.tweets.append((await one.retweet(self.some())).id)

    async def does_poll(self, one: Person, _: Person) -> None:
        self.tweets.append((await poll(one, "yes", "no", minutes=self._chance.choice([5, 60]))).id)

    async def does_vote(self, one: Person, _: Person) -> None:
        await vote(one, self.some(), self._chance.randint(0, 1))

    async def does_wait(self, _: Person, __: Person) -> None:
        self._sides.served.platform.clock.advance(self._chance.choice([1_000, 400_000]))

    async def does_like(self, one: Person, _: Person) -> None:
        await reading.like(one, self.some())

    async def does_unlike(self, one: Person, _: Person) -> None:
        await reading.unlike(one, self.some())

    async def does_bookmark(self, one: Person, _: Person) -> None:
        await reading.bookmark(one, self.some())

    async def does_delete(self, one: Person, _: Person) -> None:
        await one.delete(self.some())

    async def does_edit(self, one: Person, _: Person) -> None:
        await one.clients.tweets.EditTweet(pb.EditTweetRequest(id=self.some(), content="other"), metadata=one.signed)

    async def does_follow(self, one: Person, other: Person) -> None:
        await one.follow(other)

    async def does_unfollow(self, one: Person, other: Person) -> None:
        await one.unfollow(other)

    async def does_block(self, one: Person, other: Person) -> None:
        await reading.block(one, other)

    async def does_unblock(self, one: Person, other: Person) -> None:
        await reading.unblock(one, other)

    async def does_mute(self, one: Person, other: Person) -> None:
        until_ms = self._sides.served.platform.clock.now_ms() + self._chance.choice([500, 10**9])
        await reading.mute(one, other, until_ms=until_ms)

    async def does_protect(self, one: Person, _: Person) -> None:
        await reading.protect(one, protected=self._chance.random() < 0.5)

    async def does_mute_words(self, one: Person, _: Person) -> None:
        await reading.mute_words(one, *self._chance.sample(["hello", "look"], self._chance.randint(0, 1)))

    async def does_rename(self, one: Person, _: Person) -> None:
        name = self._chance.choice(["Ada <3", "b", "\U0001f600"])
        await one.clients.users.UpdateUser(
            users_pb2.UpdateUserRequest(id=one.id, display_name=name), metadata=one.signed
        )

    async def does_suspend(self, one: Person, _: Person) -> None:
        await reading.suspend(self._sides.served, one)
        await reading.suspend(self._sides.served, one, suspended=False)


@hypothesis_settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000))
async def test_whatever_happens_both_sides_say_the_same(sides: Sides, seed: int) -> None:
    chance = Random(seed)
    names = [f"p{seed}x{number}x{sides.served.platform.clock.now_ms() % 10_000_000}"[:15] for number in range(4)]
    people = await sides.served.register(*names)
    life = Life(sides, people, chance)
    for one in people:
        await one.follow(*(each for each in people if each is not one and chance.random() < 0.7))
    for _ in range(40):
        await life.happens()
        if chance.random() < 0.2:
            await sides.served.settle()
        reader = chance.choice(people)
        limit, since = chance.choice([None, 1, 3]), chance.choice([None, None, life.some()])
        home = timelines_pb2.GetHomeTimelineRequest(limit=limit, since_id=since)
        user = timelines_pb2.GetUserTimelineRequest(id=chance.choice(people).id, limit=limit, since_id=since)
        await sides.must_agree(reader, USER, user)
        await sides.must_agree(reader, TWEET, pb.GetTweetRequest(id=life.some()))
        # Of two reads of a home the fan-out may come between.
        await sides.served.settle()
        await sides.must_agree(reader, HOME, home)
    held = [sides.gate.answered(method)["held"] for method in ("GetHomeTimeline", "GetUserTimeline", "GetTweet")]
    assert all(held)


async def test_pages_are_walked_to_their_end_from_either_side(sides: Sides) -> None:
    ada, bob = await sides.served.register("ada", "bob")
    await ada.follow(bob)
    made = [(await bob.tweet(f"number {number}")).id for number in range(11)][::-1]
    await sides.served.settle()
    for path in (HOME, USER):
        cursor, found, turn = "", list[int](), 0
        while True:
            # A cursor of one side is good on the other.
            side = (sides.front, sides.behind)[turn % 2]
            request: Message = (
                timelines_pb2.GetHomeTimelineRequest(limit=3, cursor=cursor)
                if path == HOME
                else timelines_pb2.GetUserTimelineRequest(id=bob.id, limit=3, cursor=cursor)
            )
            await sides.must_agree(ada, path, request)
            page = pb.TweetList.FromString((await side.call(path, request.SerializeToString(), ada.token)).body)
            found += [tweet.id for tweet in page.tweets]
            cursor, turn = page.pagination.next_cursor, turn + 1
            if not page.pagination.has_more:
                break
        assert found == made


async def test_a_fill_that_began_before_a_delete_is_not_kept(sides: Sides) -> None:
    ada, bob = await sides.served.register("ada", "bob")
    tweet = (await bob.tweet("soon gone")).id
    # The handlers have seen her token, or they would be asked.
    await ada.home_page()
    assert sides.served.embedded.told_at_once is not None
    sides.served.embedded.told_at_once.clear()
    late = Late(sides.served, FRAGMENTS)
    asked = pb.GetTweetRequest(id=tweet).SerializeToString()
    with planted(sides.served, FRAGMENTS, late):
        reads = asyncio.ensure_future(sides.front.call(TWEET, asked, ada.token))
        await until(lambda: bool(late.inside), what="the fragments were read")
        await bob.delete(tweet)
        late.open()
        # It was asked for before the delete, so either answer is right; what was read must not stay.
        await reads
    answer = await sides.front.call(TWEET, asked, ada.token)
    assert (answer.code, answer.said) == ("NOT_FOUND", f"there is no tweet {tweet}")


async def test_what_the_front_leaves_to_the_handlers_is_not_filled_again_and_again(sides: Sides) -> None:
    ada, bob = await sides.served.register("ada", "bob")
    tweet = (await bob.tweet("hello")).id
    await reading.mute(ada, bob)
    await ada.home_page()
    fills = Gate(sides.served, FRAGMENTS)
    fills.open()
    with planted(sides.served, FRAGMENTS, fills):
        for _ in range(3):
            await sides.must_agree(ada, TWEET, pb.GetTweetRequest(id=tweet))
    # A mute ends by itself, so that its page is never the front's; one look tells that.
    assert len(fills.inside) == 1


async def test_a_session_that_ended_is_refused_at_once(sides: Sides) -> None:
    (ada,) = await sides.served.register("ada")
    # By the handlers, who see the token; then filled; then held.
    for _ in range(3):
        await ada.home_page()
    assert sides.gate.answered("GetHomeTimeline")["held"] > 0
    await ada.clients.users.Logout(users_pb2.LogoutRequest(), metadata=ada.signed)
    assert (await refusal(ada.home_page())).code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_call_counts_once_whoever_answers_it(settings: Settings) -> None:
    chosen = replace(settings, limits="on", limit_requests=12, front="on")
    async with serving(chosen) as served:
        (ada,) = await served.register("ada")
        assert served.platform.front is not None
        codes: list[str] = []
        for turn in range(14):
            # Held or filled, passed on as too deep for the front, and a call that is never its own.
            works = [ada.home_page(), ada.user_page(ada.id, only="media"), ada.tweet(f"number {turn}")]
            try:
                await works.pop(turn % 3)
                codes.append("OK")
            except grpc.aio.AioRpcError as error:
                codes.append(error.code().name)
            for each in works:
                each.close()
        assert codes == ["OK"] * 12 + ["RESOURCE_EXHAUSTED"] * 2


@hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from([HOME, USER, TWEET]), request=st.binary(max_size=40), token=st.sampled_from(["", "x", "ada"])
)
async def test_any_bytes_are_answered_as_the_handlers_would(
    sides: Sides, ada: Person, path: str, request: bytes, token: str
) -> None:
    await ada.home_page()
    token = ada.token if token == "ada" else token
    front, behind = await sides.front.call(path, request, token), await sides.behind.call(path, request, token)
    assert (front.code, front.said) == (behind.code, behind.said)


@pytest.fixture
async def ada(sides: Sides) -> Person:
    (ada,) = await sides.served.register("ada")
    return ada
