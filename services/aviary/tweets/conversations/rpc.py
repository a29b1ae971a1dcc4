"""Conversations and quotes between Protobuf and records; TweetRpc serves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from aviary import texts
from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.errors import InvalidInput
from aviary.paging import Cursors, Page, PageRequest, fill
from aviary.rpc import pages
from aviary.surfaces import Surface
from aviary.tweets.conversations.service import ConversationService
from aviary.tweets.hydrate import Hydrator
from aviary.tweets.service import TweetService
from aviary.tweets.store import Tweet

_ORDERS = ("latest", "ranked")


class ConversationRpc:
    """Answers what TweetService is asked of conversations."""

    def __init__(
        self, conversations: ConversationService, tweets: TweetService, hydrator: Hydrator, cursors: Cursors
    ) -> None:
        self._conversations = conversations
        self._tweets = tweets
        self._hydrator = hydrator
        self._cursors = cursors

    async def conversation(self, request: pb.GetConversationRequest, viewer_id: int) -> pb.TweetList:
        order = request.order if request.HasField("order") else "latest"
        if order not in _ORDERS:
            raise InvalidInput(
                f"order is {texts.shown(order)}; it must be latest or ranked", fields={"order": "latest or ranked"}
            )
        ordered = self._ranked if order == "ranked" else self._latest

        async def read(asked: PageRequest) -> Page[pb.Tweet]:
            return await ordered(viewer_id, await self._tweets.original(viewer_id, request.id), asked)

        scope = f"conversation:{order}:{request.id}:{viewer_id}"
        found, ending = await pages.read(self._cursors, scope, request, read)
        return pb.TweetList(tweets=found, pagination=ending)

    async def quotes(self, request: pb.ListQuotesRequest, viewer_id: int) -> pb.TweetList:
        async def read(asked: PageRequest) -> Page[pb.Tweet]:
            tweet = await self._tweets.original(viewer_id, request.id)
            quotes = partial(self._conversations.quotes, tweet.id, asked)
            return await fill(asked, quotes, partial(self._hydrator.shown, viewer_id))

        found, ending = await pages.read(self._cursors, f"quotes:{request.id}:{viewer_id}", request, read)
        return pb.TweetList(tweets=found, pagination=ending)

    async def _latest(self, viewer_id: int, tweet: Tweet, asked: PageRequest) -> Page[pb.Tweet]:
        candidates = partial(self._conversations.latest, tweet, asked)
        return await fill(asked, candidates, partial(self._shown, viewer_id, tweet))

    async def _ranked(self, viewer_id: int, tweet: Tweet, asked: PageRequest) -> Page[pb.Tweet]:
        ranking = await self._conversations.ranked(tweet, asked)
        page = await fill(asked, ranking.candidates, partial(self._shown, viewer_id, tweet))
        return replace(page, hint=ranking.upper)

    async def _shown(self, viewer_id: int, tweet: Tweet, ids: Sequence[int]) -> Sequence[tuple[int, pb.Tweet]]:
        # Whoever asks for a tweet asks for what it answers too; the replies are the platform's choice.
        replies, heads = [each for each in ids if each > tweet.id], [each for each in ids if each <= tweet.id]
        found = list(await self._hydrator.hydrate(viewer_id, replies)) if replies else []
        if heads:
            found += await self._hydrator.hydrate(viewer_id, heads, Surface.ASKED)
        by_id = {each.id: each for each in found}
        return [(each, by_id[each]) for each in ids if each in by_id]
