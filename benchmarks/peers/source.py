"""The world that a peer is filled with: read from the files of an Aviary that holds it, so that ids and times agree."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.tweets.store import Kind

Entry = tuple[int, int, int | None]
Pairs = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody; `active` unless suspended or deactivated."""

    id: int
    username: str
    display_name: str
    verified: bool
    protected: bool
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tweet:
    """A tweet with its exact counters; `said` is the part that never changes, as the API writes it."""

    id: int
    author_id: int
    kind: Kind
    ref_id: int
    ref_author_id: int
    quote_id: int
    deleted: bool
    counts: tuple[int, int, int, int, int]
    said: Mapping[str, Any]


class Source:
    """An Aviary's data folder. What it can't show of a peer's is in benchmarks/README.md."""

    def __init__(self, data: Path) -> None:
        self._data = data

    @cached_property
    def people(self) -> Sequence[Person]:
        statement = "SELECT id, username, display_name, verified, protected, suspended, deactivated_ms FROM users"
        return [
            Person(
                id=id,
                username=username,
                display_name=display_name,
                verified=bool(verified),
                protected=bool(protected),
                active=not suspended and not deactivated_ms,
            )
            for id, username, display_name, verified, protected, suspended, deactivated_ms in self._rows(
                "users", statement
            )
        ]

    @cached_property
    def follows(self) -> Pairs:
        """Who follows whom."""
        return self._rows("graph", "SELECT follower_id, followee_id FROM follows WHERE active")

    @cached_property
    def blocks(self) -> Pairs:
        """Who blocks whom."""
        return self._rows("graph", "SELECT owner_id, member_id FROM bonds WHERE kind = 1 AND active")

    @cached_property
    def mutes(self) -> Pairs:
        """Who mutes whom, for good."""
        return self._rows("graph", "SELECT owner_id, member_id FROM bonds WHERE kind = 2 AND active AND until_ms = 0")

    @cached_property
    def likes(self) -> Pairs:
        """Who likes what."""
        return self._rows("tweets", "SELECT user_id, tweet_id FROM likes WHERE active")

    @cached_property
    def bookmarks(self) -> Pairs:
        """Who bookmarked what."""
        return self._rows("tweets", "SELECT user_id, tweet_id FROM bookmarks WHERE active")

    @cached_property
    def retweets(self) -> Pairs:
        """Who retweeted which original."""
        return self._rows("tweets", "SELECT user_id, original_id FROM retweets WHERE retweet_id > 0")

    @cached_property
    def tweets(self) -> Mapping[int, Tweet]:
        statement = (
            "SELECT id, author_id, kind, ref_id, ref_author_id, quote_id, version, deleted_ms,"
            " likes, retweets, replies, quotes, bookmarks, body FROM tweets"
        )
        return {row[0]: _tweet(row) for row in self._rows("tweets", statement)}

    def homes(self) -> Iterator[Sequence[Entry]]:
        """Everybody's home by Aviary's rule, newest first: the viewer, the tweet, and of retweets the original."""
        following: dict[int, set[int]] = defaultdict(set)
        for follower, followee in set(self.follows) - set(self.mutes):
            following[follower].add(followee)
        written: dict[int, list[Tweet]] = defaultdict(list)
        for tweet in self.tweets.values():
            if not tweet.deleted:
                written[tweet.author_id].append(tweet)
        for person in self.people:
            sources = {person.id, *following[person.id]}
            yield self._home(person.id, sources, [tweet for source in sources for tweet in written[source]])

    def _home(self, viewer: int, sources: AbstractSet[int], tweets: Sequence[Tweet]) -> Sequence[Entry]:
        entries: list[Entry] = [(viewer, each.id, None) for each in tweets if _belongs(each, sources)]
        earliest: dict[int, int] = {}
        for each in tweets:
            if each.kind is Kind.RETWEET and not _belongs(original := self.tweets[each.ref_id], sources):
                earliest[original.id] = min(each.id, earliest.get(original.id, each.id))
        entries += [(viewer, retweet, original) for original, retweet in earliest.items()]
        return sorted(entries, key=lambda entry: entry[1], reverse=True)

    # What a column holds, its table tells.
    def _rows(self, store: str, statement: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self._data / store}.db?mode=ro", uri=True)) as connection:
            return connection.execute(statement).fetchall()


def _belongs(tweet: Tweet, sources: AbstractSet[int]) -> bool:
    """Whether a tweet that is no retweet is in the home of who has these sources."""
    if tweet.kind is Kind.RETWEET or tweet.deleted or tweet.author_id not in sources:
        return False
    return tweet.kind is not Kind.REPLY or tweet.ref_author_id in sources


def _tweet(row: Sequence[Any]) -> Tweet:
    id, author_id, kind, ref_id, ref_author_id, quote_id, version, deleted_ms, *counts, body = row
    return Tweet(
        id=id,
        author_id=author_id,
        kind=Kind(kind),
        ref_id=ref_id,
        ref_author_id=ref_author_id,
        quote_id=quote_id,
        deleted=bool(deleted_ms),
        counts=(counts[0], counts[1], counts[2], counts[3], counts[4]),
        said=_said(body, edits=version - 1),
    )


def _said(body: bytes, *, edits: int) -> Mapping[str, Any]:
    """What a tweet says, in the order in which the API writes it."""
    tweet = pb.Tweet.FromString(body)
    optional = {
        name: str(getattr(tweet, name))
        for name in ("reply_to_id", "reply_to_user_id", "quote_tweet_id")
        if tweet.HasField(name)
    }
    edited = {"edited_at": tweet.edited_at.ToJsonString()} if tweet.HasField("edited_at") else {}
    return {
        "content": tweet.content,
        "created_at": tweet.created_at.ToJsonString(),
        **edited,
        "edit_count": edits,
        "language": tweet.language,
        "source": tweet.source,
        "conversation_id": str(tweet.conversation_id),
        **optional,
        "reply_audience": tweet.reply_audience,
        "media": [],
        "is_sensitive": tweet.is_sensitive,
        "content_warning": tweet.content_warning,
        "entities": _entities(tweet.entities),
    }


def _entities(found: pb.Entities) -> Mapping[str, object]:
    return {
        "hashtags": [{"tag": each.tag, "start": each.start, "end": each.end} for each in found.hashtags],
        "mentions": [
            {"username": each.username, "user_id": str(each.user_id), "start": each.start, "end": each.end}
            for each in found.mentions
        ],
        "cashtags": [{"symbol": each.symbol, "start": each.start, "end": each.end} for each in found.cashtags],
        "urls": [{"url": each.url, "start": each.start, "end": each.end} for each in found.urls],
    }
