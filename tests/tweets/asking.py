"""What people ask of tweets, as calls."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

from google.protobuf.message import Message
from grpc import StatusCode
from tests.rpc.serving import Metadata, Person, refusal

from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.errors import InvalidInput
from aviary.rpc.status import from_rpc_error


async def get(person: Person, tweet_id: int) -> pb.Tweet:
    return await person.clients.tweets.GetTweet(pb.GetTweetRequest(id=tweet_id), metadata=person.signed)


async def create(person: Person, *, headers: Metadata = (), **fields: Any) -> pb.Tweet:
    request = pb.CreateTweetRequest(**fields)
    return await person.clients.tweets.CreateTweet(request, metadata=(*person.signed, *headers))


async def thread(person: Person, *tweets: pb.CreateTweetRequest | str, key: str = "") -> pb.Thread:
    sent = [pb.CreateTweetRequest(content=each) if isinstance(each, str) else each for each in tweets]
    request = pb.CreateThreadRequest(tweets=sent, request_id=key)
    return await person.clients.tweets.CreateThread(request, metadata=person.signed)


async def edit(person: Person, tweet_id: int, content: str) -> pb.Tweet:
    request = pb.EditTweetRequest(id=tweet_id, content=content)
    return await person.clients.tweets.EditTweet(request, metadata=person.signed)


async def history(person: Person, tweet_id: int) -> list[pb.TweetVersion]:
    request = pb.GetHistoryRequest(id=tweet_id)
    return list((await person.clients.tweets.GetHistory(request, metadata=person.signed)).versions)


async def refused(call: Awaitable[Message]) -> tuple[StatusCode, str | None]:
    """The code and sentence that the call ends with."""
    error = await refusal(call)
    return error.code(), error.details()


async def faults(call: Awaitable[Message]) -> Mapping[str, str]:
    """What was wrong with the call, field by field."""
    error = from_rpc_error(await refusal(call))
    assert isinstance(error, InvalidInput)
    return error.fields
