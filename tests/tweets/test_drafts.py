"""Drafts as their owners meet them, over a real gRPC server."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable

import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from tests.rpc.serving import Person, Serving, refusal
from tests.tweets.doings import fill_shelf, keyed

from aviary.api.tweets.v1 import drafts_pb2 as pb
from aviary.api.tweets.v1 import tweets_pb2
from aviary.clock import Clock

WHOLE = pb.TweetInput(
    content="not yet",
    media_ids=[1, 2],
    reply_to_id=3,
    quote_tweet_id=4,
    poll=tweets_pb2.PollInput(options=["a"], duration_minutes=1),
    is_sensitive=True,
    content_warning="w" * 200,
    reply_audience="nobody",
    geo=tweets_pb2.Geo(latitude=100, longitude=200),
    language="??",
)


async def create(person: Person, tweet: pb.TweetInput, *, key: str = "") -> pb.Draft:
    metadata = keyed(person, key) if key else person.signed
    return await person.clients.drafts.CreateDraft(pb.CreateDraftRequest(tweet=tweet), metadata=metadata)


async def get(person: Person, draft_id: int) -> pb.Draft:
    return await person.clients.drafts.GetDraft(pb.GetDraftRequest(id=draft_id), metadata=person.signed)


async def listed(person: Person, *, limit: int = 2) -> list[int]:
    """All drafts, page by page."""
    found: list[int] = []
    cursor = ""
    while True:
        request = pb.ListDraftsRequest(limit=limit, cursor=cursor)
        page = await person.clients.drafts.ListDrafts(request, metadata=person.signed)
        found += [draft.id for draft in page.drafts]
        if not page.pagination.has_more:
            return found
        assert len(page.drafts) == limit
        cursor = page.pagination.next_cursor


@pytest.mark.parametrize(
    "tweet",
    [pb.TweetInput(), pb.TweetInput(content="語" * 25_000), pb.TweetInput(content="a\x00b"), WHOLE],
    ids=["empty", "long", "with a control character", "impossible in every field"],
)
async def test_a_draft_is_kept_as_it_was_sent_whatever_is_wrong_with_it(served: Serving, tweet: pb.TweetInput) -> None:
    (ada,) = await served.register("ada")
    made = await create(ada, tweet)

    assert made.tweet == tweet
    assert made.created_at == made.updated_at
    assert await get(ada, made.id) == made


@pytest.mark.parametrize(
    ("tweet", "sentence"),
    [
        (
            pb.TweetInput(content="a" * 25_001),
            "content has 25001 characters; the limit of what is kept is 25000",
        ),
        (
            pb.TweetInput(content_warning="a" * 140_000),
            "the tweet takes 140004 bytes; the limit of what is kept is 131072",
        ),
        (pb.TweetInput(geo=tweets_pb2.Geo(latitude=math.nan)), "geo has no finite numbers"),
    ],
    ids=["content", "another field", "no number"],
)
async def test_a_draft_beyond_all_measure_is_refused(served: Serving, tweet: pb.TweetInput, sentence: str) -> None:
    (ada,) = await served.register("ada")
    draft = await create(ada, pb.TweetInput(content="short"))
    update = pb.UpdateDraftRequest(id=draft.id, tweet=tweet)

    for call in (create(ada, tweet), ada.clients.drafts.UpdateDraft(update, metadata=ada.signed)):
        error = await refusal(call)
        assert (error.code(), error.details()) == (StatusCode.INVALID_ARGUMENT, sentence)
    assert await get(ada, draft.id) == draft


async def test_drafts_are_listed_newest_first_each_persons_own(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    made = [(await create(ada, pb.TweetInput(content=str(number)))).id for number in range(5)]
    theirs = await create(bob, pb.TweetInput())

    assert await listed(ada) == made[::-1]
    assert await listed(bob) == [theirs.id]


async def test_an_update_replaces_the_tweet_when_it_is_sent(served: Serving, clock: Clock) -> None:
    (ada,) = await served.register("ada")
    draft = await create(ada, WHOLE)
    clock.advance(1_000)
    client = ada.clients.drafts.UpdateDraft

    assert await client(pb.UpdateDraftRequest(id=draft.id), metadata=ada.signed) == draft
    emptied = await client(pb.UpdateDraftRequest(id=draft.id, tweet=pb.TweetInput()), metadata=ada.signed)
    assert (emptied.tweet, emptied.created_at) == (pb.TweetInput(), draft.created_at)
    assert emptied.updated_at.ToMilliseconds() >= draft.updated_at.ToMilliseconds() + 1_000
    assert await get(ada, draft.id) == emptied


async def test_what_is_deleted_foreign_or_unknown_is_not_found(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    gone, theirs = await create(ada, WHOLE), await create(bob, WHOLE)
    await ada.clients.drafts.DeleteDraft(pb.DeleteDraftRequest(id=gone.id), metadata=ada.signed)

    for draft_id in (gone.id, theirs.id, 0, -1, 12345):
        calls: list[Awaitable[Message]] = [
            get(ada, draft_id),
            ada.clients.drafts.UpdateDraft(pb.UpdateDraftRequest(id=draft_id, tweet=WHOLE), metadata=ada.signed),
            ada.clients.drafts.UpdateDraft(pb.UpdateDraftRequest(id=draft_id), metadata=ada.signed),
            ada.clients.drafts.DeleteDraft(pb.DeleteDraftRequest(id=draft_id), metadata=ada.signed),
        ]
        for call in calls:
            error = await refusal(call)
            assert (error.code(), error.details()) == (StatusCode.NOT_FOUND, f"there is no draft {draft_id}")
    assert await get(bob, theirs.id) == theirs


async def test_a_thousand_drafts_are_the_limit(served: Serving) -> None:
    (ada,) = await served.register("ada")
    await fill_shelf(served, ada, 999)
    last = await create(ada, pb.TweetInput())

    error = await refusal(create(ada, pb.TweetInput()))
    assert (error.code(), error.details()) == (
        StatusCode.RESOURCE_EXHAUSTED,
        "1000 drafts are kept, which is the limit; delete one first",
    )
    await ada.clients.drafts.DeleteDraft(pb.DeleteDraftRequest(id=last.id), metadata=ada.signed)
    await create(ada, pb.TweetInput())


async def test_fifty_creations_at_once_under_one_key_give_one_draft_and_one_answer(served: Serving) -> None:
    (ada,) = await served.register("ada")
    answers = await asyncio.gather(*(create(ada, WHOLE, key="k") for _ in range(50)))
    assert answers == [answers[0]] * 50
    assert await listed(ada) == [answers[0].id]

    # The first answer stays the answer when the draft has changed, or is gone.
    update = pb.UpdateDraftRequest(id=answers[0].id, tweet=pb.TweetInput(content="changed"))
    await ada.clients.drafts.UpdateDraft(update, metadata=ada.signed)
    assert await create(ada, WHOLE, key="k") == answers[0]
    await ada.clients.drafts.DeleteDraft(pb.DeleteDraftRequest(id=answers[0].id), metadata=ada.signed)
    assert await create(ada, WHOLE, key="k") == answers[0]
    error = await refusal(create(ada, pb.TweetInput(), key="k"))
    assert error.code() is StatusCode.ALREADY_EXISTS
