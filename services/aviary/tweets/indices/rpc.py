"""Indices between Protobuf and records; TweetRpc serves them."""

from __future__ import annotations

from aviary import hashtags, ids
from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.errors import InvalidInput
from aviary.faults import at_most
from aviary.ids import MAX_ID
from aviary.paging import PageRequest
from aviary.surfaces import Index
from aviary.tweets.indices.store import IndexStore

_MAX_ROWS = 1_000
_KNOWN = frozenset(int(each) for each in Index)


class IndexRpc:
    """Answers what TweetService is asked of indices."""

    def __init__(self, store: IndexStore) -> None:
        self._store = store

    async def list_indexed(self, request: pb.ListIndexedRequest) -> pb.Indexed:
        if request.index not in _KNOWN:
            raise InvalidInput(f"index is {request.index}; it must be from 1 to 4", fields={"index": "1 to 4"})
        if not 1 <= request.limit <= _MAX_ROWS:
            raise InvalidInput(
                f"limit is {request.limit}; it must be from 1 to {_MAX_ROWS}", fields={"limit": f"1 to {_MAX_ROWS}"}
            )
        index = Index(request.index)
        owner = hashtags.key(request.tag) if index is Index.HASHTAG else request.owner_id
        # Positions start at 1, so 0 is a bound that wasn't sent.
        page = PageRequest(limit=request.limit, below=request.below or MAX_ID, above=request.above)
        found = await self._store.places(index, owner, page, since_id=request.since_id)
        return pb.Indexed(
            ids=ids.pack(each.tweet_id for each in found), positions=ids.pack(each.position for each in found)
        )

    async def pins(self, request: pb.BatchGetPinsRequest) -> pb.BatchGetPinsResponse:
        at_most("user_ids", len(request.user_ids), _MAX_ROWS)
        return pb.BatchGetPinsResponse(tweet_ids=await self._store.pins(request.user_ids))
