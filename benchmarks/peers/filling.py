"""A SQLite peer's file, filled in bulk before it is served."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import Table, insert

from aviary.tweets.store import Kind
from benchmarks.peers import splicing, tables
from benchmarks.peers.cards import summary
from benchmarks.peers.feed import COUNTS
from benchmarks.peers.source import Source, Tweet

_SAID = (
    "content",
    "created_at",
    "edited_at",
    "edit_count",
    "language",
    "source",
    "reply_audience",
    "is_sensitive",
    "content_warning",
)


def fill(file: Path, source: Source, *, ready: bool) -> None:
    """Make the file and put the world into it; what only splicing needs is left out where nothing is spliced."""
    engine = tables.opened(file)
    tables.metadata.create_all(engine)
    with engine.begin() as connection:
        for table, rows in _rows(source, ready=ready):
            if batch := list(rows):
                connection.execute(insert(table), batch)
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()


def _rows(source: Source, *, ready: bool) -> Iterator[tuple[Table, Iterator[Mapping[str, object]]]]:
    yield tables.users, _users(source, ready=ready)
    yield tables.tweets, (_tweet(each, ready=ready) for each in source.tweets.values())
    for table, pairs in (
        (tables.follows, source.follows),
        (tables.blocks, source.blocks),
        (tables.mutes, source.mutes),
        (tables.likes, source.likes),
        (tables.retweets, source.retweets),
        (tables.bookmarks, source.bookmarks),
    ):
        names = table.columns.keys()
        yield table, (dict(zip(names, pair, strict=True)) for pair in pairs)
    for entries in source.homes():
        yield (
            tables.timelines,
            ({"user_id": user, "tweet_id": tweet, "original_id": original} for user, tweet, original in entries),
        )


def _users(source: Source, *, ready: bool) -> Iterator[Mapping[str, object]]:
    written = Counter(each.author_id for each in source.tweets.values() if not each.deleted)
    for each in source.people:
        yield {
            "id": each.id,
            "username": each.username,
            "username_key": each.username.lower(),
            "display_name": each.display_name,
            "verified": each.verified,
            "protected": each.protected,
            "active": each.active,
            "tweets": written[each.id],
            "ready": splicing.dumped(summary(each)) if ready else None,
        }


def _tweet(tweet: Tweet, *, ready: bool) -> Mapping[str, object]:
    said = tweet.said
    return {
        "id": tweet.id,
        "author_id": tweet.author_id,
        "type": tweet.kind.name.lower(),
        **{name: said.get(name) for name in _SAID},
        "conversation_id": int(said["conversation_id"]),
        "reply_to_id": tweet.ref_id if tweet.kind is Kind.REPLY else None,
        "reply_to_user_id": tweet.ref_author_id if tweet.kind is Kind.REPLY else None,
        "quote_tweet_id": tweet.quote_id or None,
        "retweet_of_id": tweet.ref_id if tweet.kind is Kind.RETWEET else None,
        "entities": json.dumps(said["entities"], ensure_ascii=False),
        "deleted": tweet.deleted,
        **dict(zip(COUNTS, tweet.counts, strict=True)),
        "ready": splicing.said(said) if ready else None,
    }
