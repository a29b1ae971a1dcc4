"""Stored tweets become what a viewer sees: authors, counters, own flags, quotes and originals inside."""

from __future__ import annotations

from collections.abc import Sequence

from aviary._native import Front
from aviary.api.tweets.v1 import fragments_pb2
from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.clock import Clock
from aviary.errors import no_tweet
from aviary.ids import pack
from aviary.surfaces import Surface
from aviary.tweets import encoding
from aviary.tweets.fragments.encoding import fragments
from aviary.tweets.service import TweetService
from aviary.tweets.store import Kind, Loaded, Written
from aviary.tweets.visibility import Regard, Sight


class Hydrator:
    """Turns ids into tweets: one read of tweets, one of people, one of the graph, whatever the page holds."""

    def __init__(self, service: TweetService, clock: Clock, *, held: Front | None = None) -> None:
        """`held` has what was just written, where it is told of it."""
        self._service = service
        self._clock = clock
        self._held = held

    async def hydrate(self, viewer_id: int, ids: Sequence[int], surface: Surface = Surface.SHOWN) -> Sequence[pb.Tweet]:
        """Return what the viewer may see on such a surface, in the order asked for."""
        rendering = await self._rendering(viewer_id, ids, surface)
        return [rendering.tweet(each) for each in ids if rendering.shows(each)]

    async def one(self, viewer_id: int, tweet_id: int) -> pb.Tweet:
        """Return a tweet that the viewer asks for. Raises NotFound when they may not see it."""
        found = await self.hydrate(viewer_id, [tweet_id], Surface.ASKED)
        if not found:
            raise no_tweet(tweet_id)
        return found[0]

    async def shown(self, viewer_id: int, ids: Sequence[int]) -> Sequence[tuple[int, pb.Tweet]]:
        """The same with each tweet's id beside it, as paging wants it."""
        return [(tweet.id, tweet) for tweet in await self.hydrate(viewer_id, ids)]

    async def first_answer(self, viewer_id: int, written: Written) -> pb.Tweet:
        """Return a tweet to its author as the answer to its creation, also when it was deleted since."""
        if written.tweet is not None:
            # Nobody has done anything with it, so nothing needs to be read back.
            tweets, nobody = {written.id: written.tweet}, frozenset[int]()
            loaded = Loaded(tweets=tweets, polls={}, liked=nobody, retweeted=nobody, bookmarked=nobody)
            return (await self._rendered(viewer_id, loaded, Surface.ASKED)).tweet(written.id)
        return await self._just_written(viewer_id, written.id) or (await self.first_answers(viewer_id, [written.id]))[0]

    async def _just_written(self, viewer_id: int, tweet_id: int) -> pb.Tweet | None:
        if self._held is None:
            return None
        found = self._held.tweet(viewer_id, tweet_id, now_ms=self._clock.now_ms())
        if not isinstance(found, bytes) and not found.is_declined:
            # Whoever writes and never reads would miss with every tweet: put once, their card stays.
            then = self._held.now()
            parts = await self.fragments(viewer_id, [tweet_id])
            self._held.put(viewer_id, pack([tweet_id]), parts.SerializeToString(), then)
            found = self._held.tweet(viewer_id, tweet_id, now_ms=self._clock.now_ms())
        return pb.Tweet.FromString(found) if isinstance(found, bytes) else None

    async def first_answers(self, viewer_id: int, ids: Sequence[int]) -> Sequence[pb.Tweet]:
        """The same for a thread."""
        rendering = await self._rendering(viewer_id, ids, Surface.ASKED)
        if gone := [each for each in ids if not rendering.has(each)]:
            raise no_tweet(gone[0])
        return [rendering.tweet(each) for each in ids]

    async def fragments(self, viewer_id: int, ids: Sequence[int]) -> fragments_pb2.Fragments:
        """Return tweets in parts with those inside them, and how the viewer stands to all of it."""
        loaded = await self._service.load(ids, viewer_id=viewer_id)
        authors = {tweet.author_id for tweet in loaded.tweets.values()}
        regard = await self._service.stands(viewer_id, sorted({viewer_id, *authors}))
        return fragments(loaded, regard, authors)

    async def _rendering(self, viewer_id: int, ids: Sequence[int], surface: Surface) -> _Rendering:
        return await self._rendered(viewer_id, await self._service.load(ids, viewer_id=viewer_id), surface)

    async def _rendered(self, viewer_id: int, loaded: Loaded, surface: Surface) -> _Rendering:
        regard = await self._service.regard(viewer_id, loaded.tweets)
        return _Rendering(loaded, regard, surface, now_ms=self._clock.now_ms())


class _Rendering:
    def __init__(self, loaded: Loaded, regard: Regard, surface: Surface, *, now_ms: int) -> None:
        self._loaded = loaded
        self._people = regard.people
        self._now_ms = now_ms
        self.shows = Sight(regard, loaded.tweets, surface).shows

    def has(self, tweet_id: int) -> bool:
        return tweet_id in self._loaded.tweets

    def tweet(self, tweet_id: int, *, inside_quote: bool = False) -> pb.Tweet:
        stored = self._loaded.tweets[tweet_id]
        tweet = encoding.counted(stored)
        if author := self._people.get(stored.author_id):
            tweet.user.ParseFromString(author.card)
        if tweet_id in self._loaded.liked:
            tweet.is_liked = True
        if tweet_id in self._loaded.retweeted:
            tweet.is_retweeted = True
        if tweet_id in self._loaded.bookmarked:
            tweet.is_bookmarked = True
        if poll := self._loaded.polls.get(tweet_id):
            tweet.poll.CopyFrom(encoding.poll(poll, now_ms=self._now_ms))
        if stored.kind is Kind.RETWEET and self.shows(stored.ref_id):
            tweet.retweeted_tweet.CopyFrom(self.tweet(stored.ref_id))
        # A quote inside a quote is named by its id alone.
        if stored.quote_id and not inside_quote and self.shows(stored.quote_id):
            tweet.quoted_tweet.CopyFrom(self.tweet(stored.quote_id, inside_quote=True))
        return tweet
