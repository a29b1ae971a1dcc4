"""Rows of the feed as ready bytes: what never changes was encoded when it was written."""

from __future__ import annotations

import json
from collections.abc import Mapping

from benchmarks.peers import cursors, feed
from benchmarks.peers.cards import original
from benchmarks.peers.feed import Draft, Found, Stretch

_IDS = ("id", "type", "quote_tweet_id", "retweet_of_id", "ready")
COLUMNS = [*(feed.TWEET.c[name] for name in (*_IDS, *feed.COUNTS)), feed.AUTHOR.c.ready.label("author")]
_COUNTS = b',"like_count":%d,"retweet_count":%d,"reply_count":%d,"quote_count":%d,"bookmark_count":%d'
_TWEET = b'{"id":"%d","type":"%s","user":%s,%s' + _COUNTS + b',"impression_count":"0",%s'
_FLAGS = [
    b'"is_liked":%s,"is_retweeted":%s,"is_bookmarked":%s'
    % tuple(b"true" if flags & bit else b"false" for bit in (4, 2, 1))
    for flags in range(8)
]


def dumped(content: object) -> bytes:
    """Compact JSON."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def encoded(draft: Draft, id: int) -> bytes:
    """What a new original says, without the braces."""
    return said(
        original(
            id,
            draft.content,
            created_at=draft.created_at,
            language=draft.language,
            entities=json.loads(draft.entities),
        )
    )


def said(fields: Mapping[str, object]) -> bytes:
    return dumped(fields)[1:-1]


def page(stretch: Stretch, limit: int) -> bytes:
    cursor = cursors.encode(stretch.rows[-1].id) if stretch.has_more else ""
    tweets = b",".join([_outer(row, stretch.inner) for row in stretch.rows])
    more = b"true" if stretch.has_more else b"false"
    place = b'{"limit":%d,"next_cursor":"%s","has_more":%s}' % (limit, cursor.encode(), more)
    return b'{"tweets":[%s],"pagination":%s}' % (tweets, place)


def tweet(row: Found) -> bytes:
    return _open(row) + b"}"


def _outer(row: Found, inner: Mapping[int, Found]) -> bytes:
    if row.retweet_of_id in inner:
        return _quoting(row, inner) + b',"retweeted_tweet":%s}}' % _quoting(inner[row.retweet_of_id], inner)
    return _quoting(row, inner) + b"}"


def _quoting(row: Found, inner: Mapping[int, Found]) -> bytes:
    if row.quote_tweet_id in inner:
        return _open(row) + b',"quoted_tweet":%s}' % _open(inner[row.quote_tweet_id])
    return _open(row)


def _open(row: Found) -> bytes:
    """A tweet without its closing brace."""
    (id, kind, _, _, ready, likes, retweets, replies, quotes, bookmarks, author, liked, retweeted, bookmarked, *_) = row
    flags = _FLAGS[4 * liked + 2 * retweeted + bookmarked]
    return _TWEET % (id, kind.encode(), author, ready, likes, retweets, replies, quotes, bookmarks, flags)
