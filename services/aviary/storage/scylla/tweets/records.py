"""Rows of the tweets' tables as records."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from aviary.errors import no_tweet
from aviary.paging import PageRequest
from aviary.storage.scylla.counting import Counts
from aviary.storage.scylla.keys import pieces
from aviary.storage.scylla.tables import Row, Tables
from aviary.storage.scylla.tweets import stances
from aviary.storage.scylla.tweets.keys import shard_of
from aviary.storage.scylla.tweets.listings import Listing
from aviary.tweets.store import HAS_POLL, Audience, Kind, Loaded, Poll, Tweet

_COLUMNS = (
    "id, author_id, kind, ref_id, ref_author_id, quote_id, conversation_id, flags, audience, version, body, lineage,"
    " deleted_ms, writetime(version), writetime(deleted_ms)"
)
# By their numbers: an enumeration's own look-up is the dearest part of reading a row.
_KINDS: Mapping[int, Kind] = {int(each): each for each in Kind}
_AUDIENCES: Mapping[int, Audience] = {int(each): each for each in Audience}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A tweet's own row; `at_us` is when it was written last."""

    id: int
    author_id: int
    kind: Kind
    ref_id: int
    ref_author_id: int
    quote_id: int
    conversation_id: int
    flags: int
    audience: Audience
    version: int
    body: bytes
    lineage: bytes
    deleted_ms: int
    at_us: int


async def stored(tables: Tables, ids: Collection[int]) -> dict[int, Stored]:
    """Return the rows of tweets by id; missing ones are left out. One round of reads."""
    statement = f"SELECT {_COLUMNS} FROM tweets WHERE id IN ?"
    answers = await tables.each(statement, [(some,) for some in pieces(ids)])
    # Without an author it is no tweet: an edit's or a deletion's cells that came behind the removal.
    return {row[0]: _stored(row) for rows in answers for row in rows if row[1] is not None}


async def existing(tables: Tables, tweet_id: int) -> Stored:
    """Return the row of a tweet. Raises NotFound when there is none, or it was deleted."""
    found = (await stored(tables, [tweet_id])).get(tweet_id)
    if found is None or found.deleted_ms:
        raise no_tweet(tweet_id)
    return found


async def exist(tables: Tables, ids: Collection[int]) -> AbstractSet[int]:
    """Return those of `ids` that are tweets and not deleted."""
    statement = "SELECT id, author_id, deleted_ms FROM tweets WHERE id IN ?"
    answers = await tables.each(statement, [(some,) for some in pieces(ids)])
    return {tweet_id for rows in answers for tweet_id, author_id, deleted_ms in rows if author_id and not deleted_ms}


async def load(tables: Tables, ids: Sequence[int], viewer_id: int) -> Loaded:
    """Return tweets with those inside them, two levels deep, and the viewer's own flags. Four rounds of reads."""
    rows = await stored(tables, ids)
    inside = _refs(rows.values()) - rows.keys()
    rows |= await stored(tables, inside)
    deeper = _refs(rows[each] for each in inside if each in rows) - rows.keys()
    rows |= await stored(tables, deeper)
    asking = [each.id for each in rows.values() if each.flags & HAS_POLL]
    counts, asked, voted, own = await asyncio.gather(
        Counts(tables).of(list(rows)),
        _polls(tables, asking),
        _votes(tables, viewer_id, asking),
        stances.own(tables, viewer_id, list(rows)),
    )
    return Loaded(
        tweets={each.id: _tweet(each, counts[each.id]) for each in rows.values()},
        polls={
            tweet_id: Poll(
                ends_ms=ends_ms,
                options=options,
                votes=[counts[tweet_id].get(f"votes:{option}", 0) for option in range(len(options))],
                voted=voted.get(tweet_id),
            )
            for tweet_id, (ends_ms, options) in asked.items()
        },
        liked=own.liked,
        retweeted=own.retweeted,
        bookmarked=own.bookmarked,
    )


async def newest_ids(tables: Tables, listing: Listing, owner: int, page: PageRequest) -> Sequence[int]:
    """Return a page of the tweets in a list of a tweet that are not deleted, newest first."""
    rows = await listing.first(
        tables, owner, below=page.below, above=page.above, limit=page.limit, wanted=lambda row: not row[1]
    )
    return [row[0] for row in rows]


def _refs(rows: Iterable[Stored]) -> set[int]:
    referred: set[int] = set()
    for row in rows:
        if row.kind is Kind.RETWEET:
            referred.add(row.ref_id)
        if row.quote_id:
            referred.add(row.quote_id)
    return referred


async def _polls(tables: Tables, ids: Iterable[int]) -> Mapping[int, tuple[int, Sequence[str]]]:
    statement = "SELECT tweet_id, ends_ms, options FROM polls WHERE tweet_id IN ?"
    answers = await tables.each(statement, [(some,) for some in pieces(ids)])
    # Without options it is none: a closing that came behind the removal.
    return {tweet_id: (ends_ms, options) for rows in answers for tweet_id, ends_ms, options in rows if options}


async def _votes(tables: Tables, viewer_id: int, ids: Iterable[int]) -> Mapping[int, int]:
    statement = "SELECT tweet_id, option FROM votes WHERE tweet_id IN ? AND shard = ? AND user_id = ?"
    keys = [(some, shard_of(viewer_id), viewer_id) for some in pieces(ids)]
    answers = await tables.each(statement, keys) if viewer_id else []
    return {tweet_id: option for rows in answers for tweet_id, option in rows if option is not None}


def _stored(row: Row) -> Stored:
    return Stored(
        id=row[0],
        author_id=row[1],
        kind=_KINDS[row[2]],
        ref_id=row[3],
        ref_author_id=row[4],
        quote_id=row[5],
        conversation_id=row[6],
        flags=row[7],
        audience=_AUDIENCES[row[8]],
        version=row[9],
        body=row[10],
        lineage=row[11] or b"",
        deleted_ms=row[12] or 0,
        at_us=max(row[13], row[14] or 0),
    )


def _tweet(row: Stored, counts: Mapping[str, int]) -> Tweet:
    return Tweet(
        id=row.id,
        author_id=row.author_id,
        kind=row.kind,
        ref_id=row.ref_id,
        ref_author_id=row.ref_author_id,
        quote_id=row.quote_id,
        conversation_id=row.conversation_id,
        flags=row.flags,
        audience=row.audience,
        version=row.version,
        body=row.body,
        deleted=row.deleted_ms > 0,
        likes=counts.get("likes", 0),
        retweets=counts.get("retweets", 0),
        replies=counts.get("replies", 0),
        quotes=counts.get("quotes", 0),
        bookmarks=counts.get("bookmarks", 0),
    )
