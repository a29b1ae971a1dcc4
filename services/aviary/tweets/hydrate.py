"""Stored tweets become what a viewer sees: authors, counters, own flags, quotes and originals inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.api.users.v1 import users_pb2
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.tweets.service import TweetService
from aviary.tweets.store import Kind, Loaded, Tweet
from aviary.tweets.visibility import is_visible

Summaries = Mapping[int, users_pb2.UserSummary]


class UserDirectory:
    """The users service as tweets ask it."""

    def __init__(self, users: UserServiceStub) -> None:
        self._users = users

    async def resolve(self, usernames: Sequence[str]) -> Mapping[str, int]:
        return (await self._users.ResolveUsernames(users_pb2.ResolveUsernamesRequest(usernames=usernames))).ids

    async def standing(self, user_ids: Sequence[int]) -> frozenset[int]:
        return frozenset(await self.summaries(user_ids))

    async def summaries(self, user_ids: Sequence[int]) -> Summaries:
        """Return those of `user_ids` who exist and may be seen, by id."""
        if not user_ids:
            return {}
        found = await self._users.BatchGetSummaries(users_pb2.BatchGetSummariesRequest(ids=user_ids))
        hidden = frozenset(found.hidden_ids)
        return {user.id: user for user in found.users if user.id not in hidden}


class Hydrator:
    """Turns ids into tweets: one read of tweets, one of authors, whatever the page holds."""

    def __init__(self, service: TweetService, directory: UserDirectory) -> None:
        self._service = service
        self._directory = directory

    async def hydrate(self, viewer_id: int, ids: Sequence[int]) -> Sequence[pb.Tweet]:
        """Return what the viewer may see, in the order asked for."""
        loaded, authors = await self._load(viewer_id, ids)
        rendering = _Rendering(loaded, authors)
        return [rendering.tweet(loaded.tweets[each]) for each in ids if rendering.shows(each)]

    async def shown(self, viewer_id: int, ids: Sequence[int]) -> Sequence[tuple[int, pb.Tweet]]:
        """The same with each tweet's id beside it, as paging wants it."""
        return [(tweet.id, tweet) for tweet in await self.hydrate(viewer_id, ids)]

    async def first_answer(self, viewer_id: int, tweet_id: int) -> pb.Tweet:
        """Return a tweet to its author as the answer to its creation, also when it was deleted since."""
        loaded, authors = await self._load(viewer_id, [tweet_id])
        return _Rendering(loaded, authors).tweet(loaded.tweets[tweet_id])

    async def _load(self, viewer_id: int, ids: Sequence[int]) -> tuple[Loaded, Summaries]:
        loaded = await self._service.load(ids, viewer_id=viewer_id)
        return loaded, await self._directory.summaries(sorted({each.author_id for each in loaded.tweets.values()}))


class _Rendering:
    def __init__(self, loaded: Loaded, authors: Summaries) -> None:
        self._loaded = loaded
        self._authors = authors

    def shows(self, tweet_id: int) -> bool:
        tweet = self._loaded.tweets.get(tweet_id)
        standing = self._authors.keys()
        return tweet is not None and is_visible(tweet, tweets=self._loaded.tweets, standing_authors=standing)

    def tweet(self, stored: Tweet, *, inside_quote: bool = False) -> pb.Tweet:
        tweet = pb.Tweet.FromString(stored.body)
        if author := self._authors.get(stored.author_id):
            tweet.user.CopyFrom(author)
        tweet.like_count = stored.likes
        tweet.retweet_count = stored.retweets
        tweet.reply_count = stored.replies
        tweet.quote_count = stored.quotes
        tweet.is_liked = stored.id in self._loaded.liked
        tweet.is_retweeted = stored.id in self._loaded.retweeted
        if stored.kind is Kind.RETWEET and self.shows(stored.ref_id):
            tweet.retweeted_tweet.CopyFrom(self.tweet(self._loaded.tweets[stored.ref_id]))
        # A quote inside a quote is named by its id alone.
        if stored.quote_id and not inside_quote and self.shows(stored.quote_id):
            tweet.quoted_tweet.CopyFrom(self.tweet(self._loaded.tweets[stored.quote_id], inside_quote=True))
        return tweet
