"""What a person may take away of their tweets, as the export reads it."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode
from grpc.aio import AioRpcError
from tests.rpc.serving import Person, Serving, serving

from aviary.api.personal.v1 import personal_pb2
from aviary.api.tweets.v1 import drafts_pb2, engagement_pb2
from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.settings import Settings

Files = dict[str, list[dict[str, Any]]]  # a row is JSON
NAMES = ["tweets", "retweets", "likes", "bookmarks", "votes", "drafts", "scheduled", "pins"]


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Serving]:
    async with serving(settings, workers=False) as running:
        yield running


async def taken(served: Serving, person: Person) -> Files:
    """Everything, by file; each file's parts come together."""
    request = personal_pb2.PersonalDataRequest(user_id=person.id)
    files: Files = {}
    async for part in served.clients.tweets.StreamPersonalData(request, metadata=served.as_operator()):
        assert part.file == next(reversed(files), part.file) or part.file not in files
        files.setdefault(part.file, []).extend(json.loads(row) for row in part.rows)
    return files


async def test_every_file_is_there_also_when_there_is_nothing(served: Serving) -> None:
    (ada,) = await served.register("ada")
    files = await taken(served, ada)
    assert (list(files), [row for rows in files.values() for row in rows]) == (NAMES, [])


async def test_a_tweet_comes_with_its_counters_poll_and_earlier_texts_in_the_words_of_the_api(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweets, engagement = ada.clients.tweets, ada.clients.engagement
    edited = await ada.tweet("first #one @bob")
    await tweets.EditTweet(pb.EditTweetRequest(id=edited.id, content="second"), metadata=ada.signed)
    await tweets.LikeTweet(pb.LikeTweetRequest(id=edited.id), metadata=bob.signed)
    asked = await tweets.CreateTweet(
        pb.CreateTweetRequest(content="tea?", poll=pb.PollInput(options=["yes", "no"], duration_minutes=5)),
        metadata=ada.signed,
    )
    await engagement.Vote(engagement_pb2.VoteRequest(id=asked.id, option=1), metadata=bob.signed)

    first, second = (await taken(served, ada))["tweets"]
    assert (first["id"], first["content"], first["type"]) == (str(edited.id), "second", "original")
    assert (first["edit_count"], first["like_count"], first["created_at"][-1]) == (1, 1, "Z")
    assert "edited_at" in first
    assert [(each["version"], each["content"]) for each in first["earlier_versions"]] == [(1, "first #one @bob")]
    assert first["earlier_versions"][0]["entities"]["mentions"][0]["user_id"] == str(bob.id)
    assert [each["vote_count"] for each in second["poll"]["options"]] == [0, 1]
    assert not {"is_liked", "is_retweeted", "is_bookmarked", "user", "deleted_at"} & first.keys()


async def test_what_was_deleted_is_there_until_it_is_purged_and_says_so(served: Serving) -> None:
    (ada,) = await served.register("ada")
    tweet = await ada.tweet("never mind")
    await ada.delete(tweet.id)

    (row,) = (await taken(served, ada))["tweets"]
    assert (row["content"], row["deleted_at"] >= row["created_at"]) == ("never mind", True)


async def test_what_a_person_did_to_others_tweets_is_named_by_id(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweets, engagement = ada.clients.tweets, ada.clients.engagement
    theirs = await tweets.CreateTweet(
        pb.CreateTweetRequest(content="tea?", poll=pb.PollInput(options=["yes", "no"], duration_minutes=5)),
        metadata=bob.signed,
    )
    retweet = await ada.retweet(theirs.id)
    await tweets.LikeTweet(pb.LikeTweetRequest(id=theirs.id), metadata=ada.signed)
    await engagement.Bookmark(engagement_pb2.BookmarkRequest(id=theirs.id), metadata=ada.signed)
    await engagement.Vote(engagement_pb2.VoteRequest(id=theirs.id, option=1), metadata=ada.signed)
    own = await ada.tweet("mine")
    await engagement.Pin(engagement_pb2.PinRequest(id=own.id), metadata=ada.signed)

    files, named = await taken(served, ada), {"tweet_id": str(theirs.id)}
    (retweeted,) = files["retweets"]
    assert (retweeted["id"], retweeted["tweet_id"]) == (str(retweet.id), str(theirs.id))
    for name in ("likes", "bookmarks"):
        (row,) = files[name]
        assert (row["tweet_id"], row["created_at"] >= retweeted["created_at"]) == (str(theirs.id), True)
    assert files["votes"] == [named | {"option": 1}]
    assert files["pins"] == [{"tweet_id": str(own.id)}]
    assert [row["id"] for row in files["tweets"]] == [str(own.id)]
    # Bob's own, though others put something on it.
    assert [row["id"] for row in (await taken(served, bob))["tweets"]] == [str(theirs.id)]


async def test_drafts_and_scheduled_tweets_are_taken_too(served: Serving) -> None:
    (ada,) = await served.register("ada")
    drafts, soon = ada.clients.drafts, Timestamp(seconds=int(time.time()) + 3_600)
    kept = drafts_pb2.TweetInput(content="not yet")
    draft = await drafts.CreateDraft(drafts_pb2.CreateDraftRequest(tweet=kept), metadata=ada.signed)
    request = drafts_pb2.ScheduleTweetRequest(tweet=kept, publish_at=soon)
    scheduled = await drafts.ScheduleTweet(request, metadata=ada.signed)

    files = await taken(served, ada)
    assert [(row["id"], row["tweet"]["content"]) for row in files["drafts"]] == [(str(draft.id), "not yet")]
    (row,) = files["scheduled"]
    assert (row["id"], row["state"], row["publish_at"]) == (str(scheduled.id), "waiting", soon.ToJsonString())


async def test_many_rows_come_in_parts_each_row_once(served: Serving) -> None:
    (ada,) = await served.register("ada")
    made: list[pb.Tweet] = []
    for start in range(0, 425, 25):
        request = pb.CreateThreadRequest(tweets=[pb.CreateTweetRequest(content=str(start + n)) for n in range(25)])
        made += (await ada.clients.tweets.CreateThread(request, metadata=ada.signed)).tweets

    parts = served.clients.tweets.StreamPersonalData(
        personal_pb2.PersonalDataRequest(user_id=ada.id), metadata=served.as_operator()
    )
    sizes = [len(part.rows) async for part in parts if part.file == "tweets"]
    assert (max(sizes), sum(sizes)) == (200, 425)
    assert [row["id"] for row in (await taken(served, ada))["tweets"]] == [str(each.id) for each in made]


async def test_nobody_takes_anybodys_data_through_this_call(served: Serving) -> None:
    (ada,) = await served.register("ada")
    request = personal_pb2.PersonalDataRequest(user_id=ada.id)
    with pytest.raises(AioRpcError) as refused:
        async for _ in ada.clients.tweets.StreamPersonalData(request, metadata=ada.signed):
            pass
    assert refused.value.code() is StatusCode.PERMISSION_DENIED
