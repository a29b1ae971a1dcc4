"""What every adapter of PollStore promises."""

from __future__ import annotations

import asyncio

import pytest
from tests.contract.stores import HOUR_MS, Stores
from tests.contract.tweets import ADA, BOB, CYD, claim

from aviary.errors import AviaryError, FailedPrecondition, InvalidInput, NotFound
from aviary.events.v1 import events_pb2


async def test_a_vote_counts_with_its_event(stores: Stores) -> None:
    poll = await stores.poll("tea", "coffee", "milk")

    assert await stores.polls.vote(poll, BOB, 2, claim=None)
    assert await stores.polls.vote(poll, ADA, 0, claim=None)
    assert await stores.votes(poll) == [1, 0, 1]
    *_, voted = [each.event for each in await stores.tweets.log.read(0, limit=10)]
    assert (voted.type, voted.entity_id, voted.key, voted.actor_id, voted.target_id) == (
        events_pb2.EVENT_TYPE_VOTED,
        poll,
        ADA,
        ADA,
        ADA,
    )


async def test_only_the_voter_is_told_their_vote(stores: Stores) -> None:
    poll = await stores.poll()
    await stores.polls.vote(poll, BOB, 1, claim=None)

    assert (await stores.tweets.store.load([poll], viewer_id=BOB)).polls[poll].voted == 1
    assert (await stores.tweets.store.load([poll], viewer_id=CYD)).polls[poll].voted is None


async def test_the_same_vote_again_changes_nothing_also_after_the_end(stores: Stores) -> None:
    poll = await stores.poll()
    await stores.polls.vote(poll, BOB, 1, claim=None)
    before = await stores.tweets.happened()

    assert not await stores.polls.vote(poll, BOB, 1, claim=None)
    stores.clock.advance(HOUR_MS)
    assert not await stores.polls.vote(poll, BOB, 1, claim=None)
    assert await stores.votes(poll) == [0, 1]
    assert await stores.tweets.happened() == before


async def test_a_vote_cannot_be_changed(stores: Stores) -> None:
    poll = await stores.poll()
    await stores.polls.vote(poll, BOB, 1, claim=None)

    with pytest.raises(FailedPrecondition, match=f"the vote for option 1 of tweet {poll} stands; it cannot be changed"):
        await stores.polls.vote(poll, BOB, 0, claim=None)
    assert await stores.votes(poll) == [0, 1]


@pytest.mark.parametrize("option", [-1, 2, 2**31 - 1])
async def test_a_poll_counts_only_its_own_options(stores: Stores, option: int) -> None:
    poll = await stores.poll()

    with pytest.raises(InvalidInput, match=f"option is {option}; the poll has the options 0 to 1") as refused:
        await stores.polls.vote(poll, BOB, option, claim=None)
    assert refused.value.fields == {"option": "0 to 1"}
    assert await stores.votes(poll) == [0, 0]


async def test_a_poll_ends_at_its_end_on_business_time(stores: Stores) -> None:
    poll = await stores.poll(lasts_ms=HOUR_MS)
    stores.clock.advance(HOUR_MS - 60_000)
    assert await stores.polls.vote(poll, BOB, 0, claim=None)
    stores.clock.advance(60_000)

    with pytest.raises(FailedPrecondition, match=f"the poll of tweet {poll} closed at 20"):
        await stores.polls.vote(poll, CYD, 0, claim=None)
    assert await stores.votes(poll) == [1, 0]


async def test_there_is_no_vote_without_a_poll(stores: Stores) -> None:
    tweet, gone = await stores.tweets.tweet(ADA), await stores.poll()
    await stores.tweets.store.delete(gone, ADA)

    with pytest.raises(FailedPrecondition, match=f"tweet {tweet} has no poll"):
        await stores.polls.vote(tweet, BOB, 0, claim=None)
    for missing in (gone, 12345):
        with pytest.raises(NotFound):
            await stores.polls.vote(missing, BOB, 0, claim=None)


async def test_of_many_votes_at_once_one_stands(stores: Stores) -> None:
    poll = await stores.poll("a", "b", "c", "d")
    outcomes = await asyncio.gather(
        *(stores.polls.vote(poll, BOB, number % 4, claim=None) for number in range(40)), return_exceptions=True
    )

    assert sum(outcome is True for outcome in outcomes) == 1
    assert sum(isinstance(outcome, AviaryError) for outcome in outcomes) == 30
    assert sorted(await stores.votes(poll)) == [0, 0, 0, 1]


async def test_a_claim_votes_once(stores: Stores) -> None:
    poll = await stores.poll()

    assert await stores.polls.vote(poll, BOB, 1, claim=claim("a"))
    assert not await stores.polls.vote(poll, BOB, 1, claim=claim("a"))
    assert await stores.votes(poll) == [0, 1]
