"""Who may reply in a conversation, over a real gRPC server."""

from __future__ import annotations

from typing import Any

import pytest
from grpc import StatusCode
from tests.rpc.serving import Serving
from tests.tweets.asking import create, edit, faults, refused

FORBIDDEN = StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("audience", "may"),
    [
        ("everyone", {"ada", "followed", "follower", "mentioned", "stranger"}),
        ("followed", {"ada", "followed", "mentioned"}),
        ("mentioned", {"ada", "mentioned"}),
    ],
)
async def test_the_first_tweet_of_a_conversation_decides_who_may_reply(
    served: Serving, audience: str, may: set[str]
) -> None:
    people = await served.register("ada", "followed", "follower", "mentioned", "stranger")
    ada, followed, follower, mentioned, _ = people
    await ada.follow(followed)
    await follower.follow(ada)
    root = await create(ada, content=f"hello @{mentioned.name}", reply_audience=audience)
    deeper = await ada.tweet("and so on", reply_to=root.id)

    for parent in (root, deeper):
        answered = set()
        for person in people:
            outcome = create(person, content="indeed", reply_to_id=parent.id)
            if person.name in may:
                made = await outcome
                assert (made.reply_audience, made.conversation_id) == (audience, root.id)
                answered.add(person.name)
            else:
                whom = "follows or mentions" if audience == "followed" else "mentions"
                sentence = f"tweet {root.id} takes replies only from people whom its author {whom}"
                assert await refused(outcome) == (FORBIDDEN, sentence)
        assert answered == may


async def test_quotes_and_retweets_are_free_whoever_may_reply(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    root = await create(ada, content="hello", reply_audience="mentioned")

    assert (await create(bob, content="look", quote_tweet_id=root.id)).reply_audience == "everyone"
    await bob.retweet(root.id)


async def test_a_reply_has_its_conversations_audience_and_no_other(served: Serving) -> None:
    (ada,) = await served.register("ada")
    root = await create(ada, content="hello", reply_audience="followed")

    wrong = create(ada, content="so", reply_to_id=root.id, reply_audience="everyone")
    assert await faults(wrong) == {
        "reply_audience": "reply_audience is everyone; a reply has its conversation's, followed"
    }
    same = await create(ada, content="so", reply_to_id=root.id, reply_audience="followed")
    assert same.reply_audience == "followed"


async def test_without_its_first_tweet_a_conversation_is_open(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    root = await create(ada, content="hello", reply_audience="mentioned")
    deeper = await ada.tweet("and so on", reply_to=root.id)
    code, _ = await refused(create(bob, content="indeed", reply_to_id=deeper.id))
    assert code is FORBIDDEN

    await ada.delete(root.id)
    assert (await create(bob, content="indeed", reply_to_id=deeper.id)).reply_audience == "everyone"


async def test_who_follows_whom_counts_when_the_reply_is_written(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    root = await create(ada, content="hello", reply_audience="followed")
    reply: dict[str, Any] = {"content": "indeed", "reply_to_id": root.id}

    assert (await refused(create(bob, **reply)))[0] is FORBIDDEN
    await ada.follow(bob)
    await create(bob, **reply)
    await ada.unfollow(bob)
    assert (await refused(create(bob, **reply)))[0] is FORBIDDEN


async def test_an_edit_changes_who_is_mentioned_and_so_who_may_reply(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    root = await create(ada, content="hello @bob", reply_audience="mentioned")
    await edit(ada, root.id, "hello @cyd")

    assert (await refused(create(bob, content="indeed", reply_to_id=root.id)))[0] is FORBIDDEN
    await create(cyd, content="indeed", reply_to_id=root.id)
