"""The sorted sets' Redis, filled in bulk before it is served."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import orjson
from redis import Redis
from redis.client import Pipeline

from aviary.tweets.store import Kind
from benchmarks.peers.cards import summary
from benchmarks.peers.sorted_sets import COUNTS, HELD, member
from benchmarks.peers.source import Source, Tweet

T = TypeVar("T")
_BATCH = 10_000
# Members of one command.
_TOGETHER = 100


def fill(redis: Redis, source: Source) -> None:
    """Put the world into an empty Redis."""
    packed = _Members(source.tweets)
    with redis.pipeline(transaction=False) as pipe:
        _people(pipe, source)
        _tweets(pipe, source)
        for home in source.homes():
            for entries in _batches(home[:HELD], _TOGETHER):
                pipe.zadd(f"home:{entries[0][0]}", {packed.of(tweet): tweet for _, tweet, _ in entries})
            pipe.execute()
        for tweet in source.tweets.values():
            pipe.hset("tweets", tweet.id, packed.of(tweet.id))
            pipe.zadd(f"user:{tweet.author_id}", {packed.of(tweet.id): tweet.id})
            if len(pipe.command_stack) > _BATCH:
                pipe.execute()
        pipe.execute()


class _Members:
    """Tweets as members, each made once."""

    def __init__(self, tweets: Mapping[int, Tweet]) -> None:
        self._tweets = tweets
        self._made: dict[int, bytes] = {}

    def of(self, id: int) -> bytes:
        if id not in self._made:
            self._made[id] = member(self._content(self._tweets[id]))
        return self._made[id]

    def _content(self, tweet: Tweet, *, inside_quote: bool = False) -> dict[str, Any]:
        content = {
            "id": str(tweet.id),
            "type": tweet.kind.name.lower(),
            "user_id": str(tweet.author_id),
            "said": tweet.said,
        }
        if tweet.quote_id in self._tweets and not inside_quote:
            content["quoted"] = self._content(self._tweets[tweet.quote_id], inside_quote=True)
        if tweet.kind is Kind.RETWEET:
            content["retweeted"] = self._content(self._tweets[tweet.ref_id])
        return content


def _people(pipe: Pipeline, source: Source) -> None:
    for each in source.people:
        pipe.hset("names", each.username.lower(), each.id)
        if each.active:
            pipe.hset("users", each.id, orjson.dumps(summary(each)))
    for name, back, pairs in (
        ("following", "followers", source.follows),
        ("apart", "apart", source.blocks),
        ("mutes", "", source.mutes),
        ("likes", "", source.likes),
        ("retweets", "", source.retweets),
        ("bookmarks", "", source.bookmarks),
    ):
        _sets(pipe, name, pairs)
        if back:
            _sets(pipe, back, [(other, one) for one, other in pairs])
    pipe.execute()


def _sets(pipe: Pipeline, name: str, pairs: Iterable[tuple[int, int]]) -> None:
    members: dict[int, list[int]] = defaultdict(list)
    for owner, each in pairs:
        members[owner].append(each)
    for owner, found in members.items():
        pipe.sadd(f"{name}:{owner}", *found)


def _tweets(pipe: Pipeline, source: Source) -> None:
    for name, place in zip(COUNTS, range(len(COUNTS)), strict=True):
        counted: dict[Any, Any] = {
            str(each.id): each.counts[place] for each in source.tweets.values() if each.counts[place]
        }
        if counted:
            pipe.hset(name, mapping=counted)
    if deleted := [each.id for each in source.tweets.values() if each.deleted]:
        pipe.sadd("deleted", *deleted)
    pipe.execute()


def _batches(items: Sequence[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
