"""The feed that design documents draw: a sorted set a user in Redis, its members the tweets as JSON, trimmed at 800.

What changes lives beside them: counters in hashes, what a viewer did in sets, people's summaries in one hash.
A page is two round trips, a post is two.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query, Request, Response
from redis.asyncio import Redis

from benchmarks.peers import cursors, text
from benchmarks.peers.access import Access, signed_in
from benchmarks.peers.cards import original
from benchmarks.peers.moments import next_id, now
from benchmarks.peers.shape import NewTweet

COUNTS = ("like_count", "retweet_count", "reply_count", "quote_count", "bookmark_count")
FLAGS = {"is_liked": "likes", "is_retweeted": "retweets", "is_bookmarked": "bookmarks"}
HELD = 800
KEPT_KEYS_S = 86_400
# Some of a page may be hidden; then one more look is taken.
_SPARE = 5
_POOL = 64

Json = dict[str, Any]
_calls = APIRouter(prefix="/api/v1")


def app(url: str, access: Access) -> FastAPI:
    """The app on a Redis that has its keys."""

    @asynccontextmanager
    async def connected(made: FastAPI) -> AsyncIterator[None]:
        async with Redis.from_url(url, max_connections=_POOL) as redis:
            made.state.feed = Feed(redis)
            yield

    made = FastAPI(title="A feed of sorted sets", lifespan=connected)
    made.state.access = access
    made.include_router(_calls)
    made.add_api_route("/healthz", _health)
    return made


async def _health() -> dict[str, str]:
    return {"status": "ok"}


def member(tweet: Mapping[str, object]) -> bytes:
    """A tweet as a member; beginning with its id, so that members of one score, which is rounded, keep their order."""
    packed: bytes = orjson.dumps(tweet)
    return packed


@dataclass(frozen=True, slots=True)
class _Look:
    """What a viewer sees of some tweets, with all that changes, by id."""

    hidden: Collection[str]
    cards: Mapping[str, Json]
    counts: Mapping[str, Sequence[bytes | None]]
    flags: Mapping[str, Sequence[int]]
    deleted: Collection[str]
    followed: Collection[str]
    viewer: str

    def shows(self, tweet: Json) -> bool:
        author = tweet["user_id"]
        card = self.cards.get(author)
        if card is None or author in self.hidden or tweet["id"] in self.deleted:
            return False
        if card["protected"] and author != self.viewer and author not in self.followed:
            return False
        return "retweeted" not in tweet or self.shows(tweet["retweeted"])

    def rendered(self, tweet: Json, *, inside_quote: bool = False) -> Json:
        id = tweet["id"]
        counts = zip(COUNTS, self.counts[id], strict=True)
        shown = {
            "id": id,
            "type": tweet["type"],
            "user": self.cards[tweet["user_id"]],
            **tweet["said"],
            **{name: int(count) if count else 0 for name, count in counts},
            "impression_count": "0",
            **{name: bool(flag) for name, flag in zip(FLAGS, self.flags[id], strict=True)},
        }
        if not inside_quote and "quoted" in tweet and self.shows(tweet["quoted"]):
            shown["quoted_tweet"] = self.rendered(tweet["quoted"], inside_quote=True)
        if "retweeted" in tweet:
            shown["retweeted_tweet"] = self.rendered(tweet["retweeted"])
        return shown


class Feed:
    """Pages and posts on one Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._last_id = 0

    def _pipeline(self, *, transaction: bool = False) -> Any:  # noqa: ANN401 - it queues, and its types tell of answers
        return self._redis.pipeline(transaction=transaction)

    async def page(self, viewer: int, *, below: int, above: int, limit: int) -> tuple[list[Json], bool]:
        """What the viewer sees between two positions, and whether there is more."""
        shown: list[Json] = []
        count = limit + 1 + _SPARE
        while True:
            found, hidden = await self._members(viewer, below, above, count)
            look = await self._look(viewer, found, hidden)
            shown += [look.rendered(tweet) for tweet in found if look.shows(tweet)]
            if len(shown) > limit or len(found) < count:
                return shown[:limit], len(shown) > limit
            below, count = int(found[-1]["id"]), 4 * count

    async def _members(self, viewer: int, below: int, above: int, count: int) -> tuple[list[Json], set[str]]:
        """The newest members, and whose tweets the viewer is not to see."""
        pipe = self._pipeline()
        home = f"home:{viewer}"
        if below == cursors.NEWEST and not above:
            pipe.zrange(home, 0, count - 1, desc=True)
        else:
            pipe.zrange(home, below, above, desc=True, byscore=True, offset=0, num=count + 2 * _SPARE)
        pipe.sunion(f"apart:{viewer}", f"mutes:{viewer}")
        members, hidden = await pipe.execute()
        tweets = [orjson.loads(each) for each in members]
        # Scores are rounded to some sixty ids.
        within = [each for each in tweets if above < int(each["id"]) < below]
        return within[:count], {each.decode() for each in hidden}

    async def _look(self, viewer: int, tweets: Sequence[Json], hidden: set[str]) -> _Look:
        every = {each["id"]: each for tweet in tweets for each in _with_inner(tweet)}
        ids, authors = list(every), list({each["user_id"] for each in every.values()})
        if not ids:
            return _Look(hidden, {}, {}, {}, (), (), str(viewer))
        pipe = self._pipeline()
        pipe.hmget("users", authors)
        pipe.smismember(f"following:{viewer}", authors)
        pipe.smismember("deleted", ids)
        for name in COUNTS:
            pipe.hmget(name, ids)
        for table in FLAGS.values():
            pipe.smismember(f"{table}:{viewer}", ids)
        cards, following, deleted, *rest = await pipe.execute()
        return _Look(
            hidden=hidden,
            cards={id: orjson.loads(card) for id, card in zip(authors, cards, strict=True) if card},
            counts=dict(zip(ids, zip(*rest[: len(COUNTS)], strict=True), strict=True)),
            flags=dict(zip(ids, zip(*rest[len(COUNTS) :], strict=True), strict=True)),
            deleted={id for id, is_deleted in zip(ids, deleted, strict=True) if is_deleted},
            followed={id for id, is_followed in zip(authors, following, strict=True) if is_followed},
            viewer=str(viewer),
        )

    async def post(self, author: int, content: str, *, key: str, body: bytes) -> Json:
        """Store an original with its fan-out; a repeat gives the first. Raises HTTPException 409 for another body."""
        self._last_id = id = next_id(self._last_id)
        names = sorted(text.names(content))
        pipe = self._pipeline()
        pipe.set(f"key:{author}:{key or id}", body + id.to_bytes(8, "big"), nx=True, get=True, ex=KEPT_KEYS_S)
        pipe.hget("users", author)
        pipe.smembers(f"followers:{author}")
        if names:
            pipe.hmget("names", names)
        first, card, followers, *ids = await pipe.execute()
        if first is not None and first[:-8] != body:
            raise HTTPException(409, "the idempotency key was used with another body")
        if first is not None and (stored := await self._redis.hget("tweets", int.from_bytes(first[-8:], "big"))):
            return _own(orjson.loads(stored), orjson.loads(card))
        known = {name: int(user) for name, user in zip(names, ids[0] if ids else (), strict=True) if user}
        # A key that was taken without its tweet is of a post that broke off: it goes on under the same id.
        tweet = _original(id if first is None else int.from_bytes(first[-8:], "big"), author, content, known)
        await self._store(tweet, followers, known)
        return _own(tweet, orjson.loads(card))

    async def _store(self, tweet: Json, followers: Collection[bytes], mentioned: Mapping[str, int]) -> None:
        id, packed = tweet["id"], member(tweet)
        scored = {packed: int(id)}
        pipe = self._pipeline(transaction=True)
        pipe.hset("tweets", id, packed)
        pipe.zadd(f"user:{tweet['user_id']}", scored)
        for owner in (tweet["user_id"], *(each.decode() for each in followers)):
            pipe.zadd(f"home:{owner}", scored)
            pipe.zremrangebyrank(f"home:{owner}", 0, -HELD - 1)
        for tag in {each["tag"].lower() for each in tweet["said"]["entities"]["hashtags"]}:
            pipe.zadd(f"tag:{tag}", {id: int(id)})
        for user in set(mentioned.values()):
            pipe.zadd(f"mentions:{user}", {id: int(id)})
        pipe.hincrby("tweet_count", tweet["user_id"])
        await pipe.execute()


def _with_inner(tweet: Json) -> Iterator[Json]:
    yield tweet
    for name in ("retweeted", "quoted"):
        if name in tweet:
            yield from _with_inner(tweet[name])


def _original(id: int, author: int, content: str, known: Mapping[str, int]) -> Json:
    entities = text.entities(content, known).model_dump()
    said = original(id, content, created_at=now(), language=text.language(content), entities=entities)
    return {"id": str(id), "type": "original", "user_id": str(author), "said": said}


def _own(tweet: Json, card: Json) -> Json:
    """A tweet as the answer to its post."""
    id = tweet["id"]
    nothing = {id: [None] * len(COUNTS)}, {id: [0] * len(FLAGS)}
    return _Look((), {tweet["user_id"]: card}, *nothing, (), (), tweet["user_id"]).rendered(tweet)


async def _page(
    user: Annotated[int, Depends(signed_in)],
    request: Request,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: str = "",
    since_id: Annotated[int, Query(ge=0)] = 0,
) -> Json:
    feed: Feed = request.app.state.feed
    tweets, more = await feed.page(user, below=cursors.decode(cursor), above=since_id, limit=limit)
    place = {"limit": limit, "next_cursor": cursors.encode(int(tweets[-1]["id"])) if more else "", "has_more": more}
    return {"tweets": tweets, "pagination": place}


@_calls.get("/timeline/home")
async def _home(page: Annotated[Json, Depends(_page)], response: Response) -> Response:
    return _json(page, response)


@_calls.post("/tweets")
async def _post(
    new: NewTweet,
    user: Annotated[int, Depends(signed_in)],
    request: Request,
    response: Response,
    key: Annotated[str, Header(alias="idempotency-key", max_length=128)] = "",
) -> Response:
    access: Access = request.app.state.access
    access.tweets.spend(user, response)
    feed: Feed = request.app.state.feed
    body = hashlib.blake2b(new.content.encode(), digest_size=32).digest()
    return _json(await feed.post(user, text.read(new.content), key=key, body=body), response)


def _json(content: Json, response: Response) -> Response:
    return Response(orjson.dumps(content), media_type="application/json", headers=response.headers)
