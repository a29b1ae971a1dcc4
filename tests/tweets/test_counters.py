"""Counters equal the sizes of the sets that they count, whoever does what at the same time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import grpc.aio
from grpc import StatusCode
from tests.rpc.serving import Person, Serving
from tests.tweets.doings import bookmark, like, poll, profile, remove_bookmark, seen, unlike, vote

from aviary.api.graph.v1 import graph_pb2
from aviary.api.reconcile.v1 import reconcile_pb2
from aviary.api.tweets.v1 import engagement_pb2
from aviary.api.tweets.v1 import tweets_pb2 as pb

PEOPLE, STEPS = 50, 12
# What somebody else's deed made impossible meanwhile.
_OVERTAKEN = {StatusCode.NOT_FOUND, StatusCode.FAILED_PRECONDITION}


@dataclass(slots=True)
class Crowd:
    """Fifty people who do things to a few tweets, and the least of every count that anybody was shown."""

    people: Sequence[Person]
    tweets: Sequence[int]
    polls: Sequence[int]
    # One of the tweets, which its author deletes half-way.
    doomed: int
    doomed_by: Person
    # Those that came of it: replies and quotes.
    made: list[int] = field(default_factory=list)
    least: int = 0

    async def act(self, person: Person, chance: random.Random) -> None:
        deeds: Sequence[Callable[[Person, random.Random], Awaitable[None]]] = (
            self._like,
            self._like,
            self._bookmark,
            self._retweet,
            self._follow,
            self._vote,
            self._tweet,
            self._delete,
        )
        for step in range(STEPS):
            if person == self.doomed_by and step == STEPS // 2:
                await person.delete(self.doomed)
            try:
                await chance.choice(deeds)(person, chance)
            except grpc.aio.AioRpcError as error:
                if error.code() not in _OVERTAKEN:
                    raise

    async def _like(self, person: Person, chance: random.Random) -> None:
        tweet_id = chance.choice(self.tweets)
        await chance.choice((like, like, unlike))(person, tweet_id)
        await self._look(person, tweet_id)

    async def _bookmark(self, person: Person, chance: random.Random) -> None:
        await chance.choice((bookmark, bookmark, remove_bookmark))(person, chance.choice(self.tweets))

    async def _retweet(self, person: Person, chance: random.Random) -> None:
        tweet_id = chance.choice(self.tweets)
        if chance.random() < 0.6:
            await person.retweet(tweet_id)
        else:
            await person.clients.tweets.UndoRetweet(pb.UndoRetweetRequest(id=tweet_id), metadata=person.signed)

    async def _follow(self, person: Person, chance: random.Random) -> None:
        other = chance.choice([each for each in self.people if each.id != person.id][:5])
        await chance.choice((person.follow, person.follow, person.unfollow))(other)

    async def _vote(self, person: Person, chance: random.Random) -> None:
        await vote(person, chance.choice(self.polls), chance.randrange(2))

    async def _tweet(self, person: Person, chance: random.Random) -> None:
        tweet_id = chance.choice(self.tweets)
        if chance.random() < 0.5:
            self.made.append((await person.tweet("indeed", reply_to=tweet_id)).id)
        else:
            self.made.append((await person.tweet("look", quoting=tweet_id)).id)

    async def _delete(self, person: Person, chance: random.Random) -> None:
        # By whoever wrote it, and maybe by several at once.
        if not self.made:
            return
        tweet_id = chance.choice(self.made)
        author = (await seen(person, tweet_id)).user.id
        await next(each for each in self.people if each.id == author).delete(tweet_id)

    async def _look(self, person: Person, tweet_id: int) -> None:
        tweet = await seen(person, tweet_id)
        self.least = min(self.least, *counts(tweet))


def counts(tweet: pb.Tweet) -> tuple[int, ...]:
    votes = [option.vote_count for option in tweet.poll.options]
    shown = (tweet.like_count, tweet.retweet_count, tweet.reply_count, tweet.quote_count, tweet.bookmark_count)
    return (*shown, *votes)


async def size(person: Person, name: str, tweet_id: int) -> int:
    """How many people such a list names."""
    request = engagement_pb2.ListEngagedRequest(id=tweet_id, limit=100)
    answer: engagement_pb2.EngagedUsers = await getattr(person.clients.engagement, name)(
        request, metadata=person.signed
    )
    return len(answer.users)


async def listed(person: Person, name: str, request: pb.ListRepliesRequest | pb.ListQuotesRequest) -> int:
    answer: pb.TweetList = await getattr(person.clients.tweets, name)(request, metadata=person.signed)
    return len(answer.tweets)


async def set_sizes(crowd: Crowd, tweet_id: int) -> tuple[int, ...]:
    """What the counters of a tweet must be: its lists, and what each person is told of themselves."""
    someone = crowd.people[0]
    own = [await seen(person, tweet_id) for person in crowd.people]
    voted = [each.poll.voted_option for each in own if each.poll.HasField("voted_option")]
    return (
        await size(someone, "ListLikers", tweet_id),
        await size(someone, "ListRetweeters", tweet_id),
        await listed(someone, "ListReplies", pb.ListRepliesRequest(id=tweet_id, limit=100)),
        await listed(someone, "ListQuotes", pb.ListQuotesRequest(id=tweet_id, limit=100)),
        sum(each.is_bookmarked for each in own),
        *(voted.count(number) for number in range(len(own[0].poll.options))),
    )


async def followers(person: Person) -> int:
    request = graph_pb2.ListFollowsRequest(id=person.id, limit=100)
    return len((await person.clients.graph.ListFollowers(request, metadata=person.signed)).users)


async def drifts(served: Serving) -> list[reconcile_pb2.Drift]:
    """What recounting finds."""
    request = reconcile_pb2.ReconcileRequest()
    return [
        drift
        for service in (served.clients.tweets, served.clients.graph)
        async for drift in service.Reconcile(request, metadata=served.as_operator())
        if drift.counter
    ]


async def test_counters_equal_set_sizes_under_fifty_concurrent_clients(served: Serving) -> None:
    chance = random.Random(9)
    people = await served.register(*(f"u{number}" for number in range(PEOPLE)))
    polls = [(await poll(person)).id for person in people[:2]]
    lasting, doomed = await people[2].tweet("hello"), await people[3].tweet("not for long")
    crowd = Crowd(people, [*polls, lasting.id, doomed.id], polls, doomed.id, people[3])

    await asyncio.gather(*(crowd.act(person, random.Random(chance.random())) for person in people))

    assert crowd.least == 0
    for tweet_id in (*polls, lasting.id):
        tweet = await seen(people[0], tweet_id)
        assert counts(tweet) == await set_sizes(crowd, tweet_id)
        assert counts(tweet) != (0,) * len(counts(tweet))
    for person in people[:5]:
        told = await profile(person, person)
        own = (await person.user_page(person.id, limit=100)).tweets
        assert told.tweet_count == len(own)
        assert told.like_count == sum(each.like_count for each in own if each.type != "retweet")
        assert told.follower_count == await followers(person)
    assert await drifts(served) == []


async def test_everything_undone_at_once_leaves_zeros(served: Serving) -> None:
    people = await served.register(*(f"u{number}" for number in range(10)))
    tweet = await people[0].tweet("hello")
    for person in people:
        await like(person, tweet.id)
        await bookmark(person, tweet.id)
        await person.retweet(tweet.id)
    undo = pb.UndoRetweetRequest(id=tweet.id)

    await asyncio.gather(
        *(
            deed
            for person in people * 3
            for deed in (
                unlike(person, tweet.id),
                remove_bookmark(person, tweet.id),
                person.clients.tweets.UndoRetweet(undo, metadata=person.signed),
            )
        )
    )
    assert counts(await seen(people[0], tweet.id)) == (0, 0, 0, 0, 0)
    told = await profile(people[0], people[0])
    assert (told.like_count, told.tweet_count) == (0, 1)
    assert await drifts(served) == []
