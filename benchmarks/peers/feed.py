"""Home pages and posts in SQLite, for both variants: fan-out on write, two queries a page, one transaction a post."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import (
    Alias,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)

from benchmarks.peers.moments import next_id
from benchmarks.peers.tables import (
    blocks,
    bookmarks,
    follows,
    hashtags,
    idempotency,
    likes,
    mentions,
    mutes,
    retweets,
    timelines,
    tweets,
    users,
)

_VIEWER = bindparam("viewer")
TWEET, AUTHOR = tweets.alias("t"), users.alias("u")
_O, _OU = tweets.alias("o"), users.alias("ou")
_ORIGINAL = tweets.alias("original")
FLAGS = {"is_liked": likes, "is_retweeted": retweets, "is_bookmarked": bookmarks}
COUNTS = ("like_count", "retweet_count", "reply_count", "quote_count", "bookmark_count")

# A row's columns are what the driver returns, whose types SQLAlchemy does not tell.
Found: TypeAlias = "Row[Any]"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A page's rows, newest first, with the tweets inside them by id, and whether more follow."""

    rows: Sequence[Found]
    inner: Mapping[int, Found]
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An original before it has an id; `entities` is JSON, `body` what a repeat of the key must equal."""

    author_id: int
    content: str
    created_at: str
    language: str
    entities: str
    tags: Sequence[str]
    mentioned: Sequence[int]
    key: str
    body: bytes


class KeyReused(Exception):
    """An idempotency key came with another body."""


class Feed:
    """Reads on one connection, where it is asked; writes on another, in a thread. For one process."""

    def __init__(
        self, engine: Engine, columns: Sequence[ColumnElement[Any]], encode: Callable[[Draft, int], bytes | None]
    ) -> None:
        self._encode = encode
        self._reading = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._writing = engine.connect()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._home, self._inner = _home(columns), _inner(columns)
        self._last_id: int = self._reading.execute(select(func.coalesce(func.max(tweets.c.id), 0))).scalar_one()

    def page(self, viewer: int, *, below: int, above: int, limit: int) -> Stretch:
        """The viewer's home between two positions."""
        bounds = {"viewer": viewer, "below": below, "above": above, "count": limit + 1}
        found = self._reading.execute(self._home, bounds).all()
        rows = found[:limit]
        ids = {id for row in rows for id in (row.retweet_of_id, row.quote_tweet_id, row.inner_quote_id) if id}
        inner = self._reading.execute(self._inner, {"viewer": viewer, "ids": json.dumps([*ids])}).all() if ids else ()
        return Stretch(rows, {row.id: row for row in inner}, len(found) > limit)

    def known(self, names: Collection[str]) -> Mapping[str, int]:
        """The ids of those names, in lower case, that somebody has."""
        rows = self._reading.execute(_NAMES, {"names": json.dumps([*names])}) if names else ()
        return {row.username_key: row.id for row in rows}

    async def post(self, draft: Draft) -> int:
        """Store a tweet with its fan-out and return its id; a repeat returns that of the first. Raises KeyReused."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._posted, draft)

    def _posted(self, draft: Draft) -> int:
        with self._writing.begin():
            if first := self._repeated(draft):
                return first
            id = self._last_id = next_id(self._last_id)
            self._store(self._writing, draft, id)
        return id

    def own(self, author: int, id: int) -> Found:
        """The row of a tweet for its author."""
        found: Found = self._reading.execute(self._inner, {"viewer": author, "ids": json.dumps([id])}).one()
        return found

    def _repeated(self, draft: Draft) -> int:
        if not draft.key:
            return 0
        found = self._writing.execute(_CLAIM, {"user": draft.author_id, "claimed": draft.key}).one_or_none()
        if found and found.body != draft.body:
            raise KeyReused
        return found.tweet_id if found else 0

    def _store(self, connection: Connection, draft: Draft, id: int) -> None:
        connection.execute(_INSERT, {**_row(draft, id), "ready": self._encode(draft, id)})
        connection.execute(_FAN_OUT, {"author": draft.author_id, "tweet": id})
        connection.execute(_COUNT, {"author": draft.author_id})
        if draft.tags:
            connection.execute(insert(hashtags), [{"tag": tag, "tweet_id": id} for tag in draft.tags])
        if draft.mentioned:
            connection.execute(insert(mentions), [{"user_id": user, "tweet_id": id} for user in draft.mentioned])
        if draft.key:
            claim = {"user_id": draft.author_id, "key": draft.key, "body": draft.body, "tweet_id": id}
            connection.execute(insert(idempotency), claim)


def _shown(tweet: Alias, author: Alias) -> list[ColumnElement[bool]]:
    """Who may see a tweet in a list; blocks hold both ways."""
    own = author.c.id == _VIEWER
    apart = or_(
        and_(blocks.c.blocker_id == _VIEWER, blocks.c.blocked_id == author.c.id),
        and_(blocks.c.blocker_id == author.c.id, blocks.c.blocked_id == _VIEWER),
    )
    return [
        not_(tweet.c.deleted),
        author.c.active,
        not_(exists(select(literal(1)).where(apart))),
        not_(_has(mutes.c.muter_id == _VIEWER, mutes.c.muted_id == author.c.id)),
        or_(
            not_(author.c.protected),
            own,
            _has(follows.c.follower_id == _VIEWER, follows.c.followee_id == author.c.id),
        ),
    ]


def _has(*where: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists(select(literal(1)).where(*where))


def _flags() -> list[ColumnElement[bool]]:
    """What the viewer did with the tweet."""
    return [
        _has(table.c.user_id == _VIEWER, table.c.tweet_id == TWEET.c.id).label(name) for name, table in FLAGS.items()
    ]


def _home(columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """A retweet is shown where its original is, too."""
    original = select(literal(1)).select_from(_O.join(_OU, _OU.c.id == _O.c.author_id))
    return (
        select(*columns, *_flags(), _ORIGINAL.c.quote_tweet_id.label("inner_quote_id"))
        .select_from(timelines)
        .join(TWEET, TWEET.c.id == timelines.c.tweet_id)
        .join(AUTHOR, AUTHOR.c.id == TWEET.c.author_id)
        .outerjoin(_ORIGINAL, _ORIGINAL.c.id == TWEET.c.retweet_of_id)
        .where(timelines.c.user_id == _VIEWER)
        .where(timelines.c.tweet_id < bindparam("below"), timelines.c.tweet_id > bindparam("above"))
        .where(*_shown(TWEET, AUTHOR))
        .where(
            or_(
                TWEET.c.retweet_of_id.is_(None),
                exists(original.where(_O.c.id == TWEET.c.retweet_of_id, *_shown(_O, _OU))),
            )
        )
        .order_by(timelines.c.tweet_id.desc())
        .limit(bindparam("count"))
    )


def _inner(columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """Tweets by their ids, a JSON array, so that the statement is the same for any number."""
    wanted = func.json_each(bindparam("ids")).table_valued("value", name="wanted")
    return (
        select(*columns, *_flags())
        .select_from(wanted)
        .join(TWEET, TWEET.c.id == wanted.c.value)
        .join(AUTHOR, AUTHOR.c.id == TWEET.c.author_id)
        .where(*_shown(TWEET, AUTHOR))
    )


def _row(draft: Draft, id: int) -> Mapping[str, object]:
    """All of an original's columns."""
    return {
        "id": id,
        "author_id": draft.author_id,
        "type": "original",
        "content": draft.content,
        "created_at": draft.created_at,
        "edit_count": 0,
        "language": draft.language,
        "source": "web",
        "conversation_id": id,
        "reply_audience": "everyone",
        "is_sensitive": False,
        "content_warning": "",
        "entities": draft.entities,
        "deleted": False,
        **dict.fromkeys(COUNTS, 0),
    }


_NAMES = select(users.c.username_key, users.c.id).where(
    users.c.username_key.in_(select(func.json_each(bindparam("names")).table_valued("value").c.value))
)
_CLAIM = select(idempotency).where(
    idempotency.c.user_id == bindparam("user"), idempotency.c.key == bindparam("claimed")
)
_INSERT = insert(tweets)
# One statement for all followers, and the author, whose home has their own tweets.
_FAN_OUT = insert(timelines).from_select(
    ["user_id", "tweet_id"],
    select(follows.c.follower_id, bindparam("tweet", type_=Integer))
    .where(follows.c.followee_id == bindparam("author"))
    .union_all(select(bindparam("author", type_=Integer), bindparam("tweet", type_=Integer))),
)
_COUNT = update(users).where(users.c.id == bindparam("author")).values(tweets=users.c.tweets + 1)
