"""What every adapter of WarmTimelines and HeldTimelines promises, to the worker and to the reader."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.redis.reaching import new_prefix

from aviary import entries, ids
from aviary._native import Sources
from aviary.clock import Clock
from aviary.entries import Entry
from aviary.metrics import Metrics
from aviary.settings import Settings
from aviary.storage.native.timelines import NativeTimelines
from aviary.storage.redis.connection import RedisServers
from aviary.storage.redis.timelines import RedisTimelines
from aviary.timelines.store import LIVE, ListKey, Piece

ADA, BOB, CYD, DAN = 1, 2, 3, 4
CAPACITY = 8
EVERYBODY = Sources(ids.pack([ADA, BOB, CYD, DAN]))
IDLE_S, ACTIVE_S = 86_400, 3_600
Timelines = NativeTimelines | RedisTimelines


@pytest.fixture(
    params=["native", *(pytest.param(each, marks=pytest.mark.cluster) for each in ("redis", "redis_cluster"))]
)
async def timelines(
    request: pytest.FixtureRequest, settings: Settings, clock: Clock, metrics: Metrics
) -> AsyncIterator[Timelines]:
    small = Settings(
        data_dir=settings.data_dir, timeline_entries=CAPACITY, timeline_idle_s=IDLE_S, timeline_active_s=ACTIVE_S
    )
    if request.param == "native":
        yield NativeTimelines(small, clock, metrics)
        return
    servers = RedisServers(request.getfixturevalue(request.param))
    yield RedisTimelines(servers, small, clock, metrics, prefix=new_prefix())
    await servers.close()


def live(viewer: int = ADA, *, version: int = 1) -> ListKey:
    return ListKey(viewer_id=viewer, upper=LIVE, version=version)


def rows(*tweets: int, author: int = BOB) -> bytes:
    return b"".join(entries.pack(Entry(id=tweet, author_id=author)) for tweet in tweets)


async def build(timelines: Timelines, key: ListKey, *tweets: int, floor: int = 0) -> None:
    token = await timelines.begin(key)
    assert await timelines.finish(key, token, rows(*tweets), floor=floor)


async def append(timelines: Timelines, row: bytes, *owners: int, active_only: bool = False) -> int:
    return await timelines.append(ids.pack(owners), row, active_only=active_only)


async def read(
    timelines: Timelines,
    key: ListKey,
    *,
    sources: Sources = EVERYBODY,
    below: int = LIVE,
    above: int = 0,
    limit: int = 100,
    extra: bytes = b"",
) -> Piece | None:
    return await timelines.read(key, sources=sources, below=below, above=above, limit=limit, extra=extra)


async def shown(timelines: Timelines, key: ListKey, **asked: int | bytes | Sources) -> list[int] | None:
    piece = await read(timelines, key, **asked)  # type: ignore[arg-type]
    return None if piece is None else [entry.id for entry in entries.unpack(piece.rows)]


async def test_absent_is_not_empty(timelines: Timelines) -> None:
    assert await read(timelines, live()) is None
    await build(timelines, live())
    assert await read(timelines, live()) == Piece(b"", 1)


async def test_a_built_list_is_read_newest_first(timelines: Timelines) -> None:
    await build(timelines, live(), 3, 9, 5)
    assert await shown(timelines, live()) == [9, 5, 3]


async def test_a_list_that_is_being_built_is_absent_to_readers_and_takes_appends(timelines: Timelines) -> None:
    token = await timelines.begin(live())
    assert await read(timelines, live()) is None
    assert await append(timelines, rows(7), ADA) == 1

    assert await timelines.finish(live(), token, rows(3, 7), floor=0)
    assert await shown(timelines, live()) == [7, 3]


async def test_a_build_that_another_took_over_changes_nothing(timelines: Timelines) -> None:
    stale = await timelines.begin(live())
    token = await timelines.begin(live())

    assert not await timelines.finish(live(), stale, rows(1), floor=0)
    assert await read(timelines, live()) is None
    assert await timelines.finish(live(), token, rows(2), floor=0)
    assert await shown(timelines, live()) == [2]


async def test_an_aborted_build_leaves_the_list_absent(timelines: Timelines) -> None:
    token = await timelines.begin(live())
    await timelines.abort(live(), token)

    assert await read(timelines, live()) is None
    assert await append(timelines, rows(7), ADA) == 0
    assert not await timelines.finish(live(), token, rows(1), floor=0)


async def test_appending_passes_absent_lists_over_and_counts_those_that_took_it(timelines: Timelines) -> None:
    await build(timelines, live(ADA))
    await build(timelines, live(BOB))

    assert await append(timelines, rows(7), ADA, BOB, CYD) == 2
    assert await shown(timelines, live(ADA)) == [7]
    assert await read(timelines, live(CYD)) is None


async def test_appending_again_is_harmless_and_counts_nothing(timelines: Timelines) -> None:
    await build(timelines, live(), 5)
    await append(timelines, rows(7), ADA)

    assert await append(timelines, rows(7), ADA) == 0
    assert await append(timelines, rows(5), ADA) == 0
    assert await shown(timelines, live()) == [7, 5]


async def test_several_groups_of_owners_each_get_their_own_row(timelines: Timelines) -> None:
    for owner in (ADA, BOB):
        await build(timelines, live(owner))

    assert await timelines.append_each([]) == 0
    groups = [(ids.pack([ADA, BOB, CYD]), rows(7)), (ids.pack([BOB]), rows(5)), (ids.pack([]), rows(9))]
    assert await timelines.append_each(groups) == 3
    assert await timelines.append_each(groups) == 0
    assert [await shown(timelines, live(owner)) for owner in (ADA, BOB)] == [[7], [7, 5]]


async def test_appends_may_come_in_any_order(timelines: Timelines) -> None:
    await build(timelines, live(), 5)
    for tweet in (9, 7, 3, 8):
        await append(timelines, rows(tweet), ADA)

    assert await shown(timelines, live()) == [9, 8, 7, 5, 3]


async def test_what_lies_below_the_floor_is_neither_kept_nor_shown(timelines: Timelines) -> None:
    await build(timelines, live(), 10, 11, floor=10)

    assert await append(timelines, rows(9), ADA) == 0
    assert await read(timelines, live(), extra=rows(4, 12)) == Piece(rows(12, 11, 10), 10)


async def test_a_long_list_keeps_its_newest_and_says_how_far_it_reaches(timelines: Timelines) -> None:
    await build(timelines, live())
    # The oldest arrives last: a list is never trimmed by arrival.
    for tweet in [*range(2, 40), 1]:
        await append(timelines, rows(tweet), ADA)
    piece = await read(timelines, live())

    assert piece is not None
    found = [entry.id for entry in entries.unpack(piece.rows)]
    assert CAPACITY <= len(found) <= CAPACITY + CAPACITY // 4
    assert found == list(range(39, 39 - len(found), -1))
    assert piece.reach == found[-1]


async def test_what_was_dropped_from_a_list_while_it_was_built_is_not_claimed_to_be_there(timelines: Timelines) -> None:
    token = await timelines.begin(live())
    for tweet in range(2, 40):
        await append(timelines, rows(tweet), ADA)
    # The store was read before they were posted.
    assert await timelines.finish(live(), token, rows(1), floor=0)
    piece = await read(timelines, live())

    assert piece is not None
    found = [entry.id for entry in entries.unpack(piece.rows)]
    assert found == list(range(39, 39 - len(found), -1))
    assert piece.reach == found[-1]


async def test_bounds_are_excluded_and_the_reach_says_how_far_the_answer_is_complete(
    timelines: Timelines,
) -> None:
    await build(timelines, live(), 1, 3, 5, 7, 9)

    assert await read(timelines, live(), below=9, above=3) == Piece(rows(7, 5), 4)
    assert await read(timelines, live(), below=9, limit=2) == Piece(rows(7, 5), 5)


async def test_extra_rows_are_merged_and_repeats_shown_once(timelines: Timelines) -> None:
    await build(timelines, live(), 3, 7)
    assert await shown(timelines, live(), extra=rows(7, 5, 5, 8)) == [8, 7, 5, 3]


async def test_only_sources_are_shown_and_the_list_keeps_the_others(timelines: Timelines) -> None:
    await build(timelines, live(), 3)
    await append(timelines, rows(5, author=CYD), ADA)

    assert await shown(timelines, live(), sources=Sources(ids.pack([ADA, BOB]))) == [3]
    assert await shown(timelines, live(), sources=Sources(ids.pack([CYD]))) == [5]


async def test_a_reply_is_shown_when_its_counterpart_is_a_source_too(timelines: Timelines) -> None:
    await build(timelines, live())
    row = entries.pack(Entry(id=9, author_id=BOB, ref_id=5, ref_author_id=CYD))
    await append(timelines, row, ADA)

    assert await shown(timelines, live(), sources=Sources(ids.pack([BOB]))) == []
    assert await shown(timelines, live(), sources=Sources(ids.pack([BOB, CYD]))) == [9]


async def test_a_retweet_of_a_sources_own_tweet_is_left_out(timelines: Timelines) -> None:
    await build(timelines, live())
    row = entries.pack(Entry(id=9, author_id=BOB, ref_id=5, ref_author_id=CYD, is_retweet=True))
    await append(timelines, row, ADA)

    assert await shown(timelines, live(), sources=Sources(ids.pack([BOB]))) == [9]
    assert await shown(timelines, live(), sources=Sources(ids.pack([BOB, CYD]))) == []


async def test_a_retweet_of_a_reply_is_left_to_whoever_knows_the_counterpart(timelines: Timelines) -> None:
    await build(timelines, live())
    retweet = Entry(id=9, author_id=BOB, ref_id=5, ref_author_id=CYD, is_retweet=True, ref_is_reply=True)
    await append(timelines, entries.pack(retweet), ADA)

    assert await shown(timelines, live(), sources=Sources(ids.pack([BOB, CYD]))) == [9]


async def test_a_list_of_another_follow_version_is_absent(timelines: Timelines) -> None:
    await build(timelines, live(version=1), 3)

    assert await read(timelines, live(version=2)) is None
    await build(timelines, live(version=2), 3, 5)
    assert await shown(timelines, live(version=2)) == [5, 3]
    assert await read(timelines, live(version=1)) is None


async def test_a_segment_takes_no_appends(timelines: Timelines) -> None:
    segment = ListKey(viewer_id=ADA, upper=10, version=1)
    token = await timelines.begin(segment)
    await timelines.finish(segment, token, rows(5, 7), floor=0)

    assert await append(timelines, rows(8), ADA) == 0
    assert await shown(timelines, segment, below=10) == [7, 5]


async def test_a_list_is_held_from_the_beginning_of_its_build_until_it_is_forgotten(timelines: Timelines) -> None:
    assert not await timelines.holds(live())
    token = await timelines.begin(live())
    assert await timelines.holds(live())
    await timelines.finish(live(), token, b"", floor=0)
    assert [await timelines.holds(live(version=version)) for version in (1, 2)] == [True, False]
    await timelines.forget(ids.pack([ADA]))
    assert not await timelines.holds(live())


async def test_asking_whether_a_list_is_held_is_no_reading(timelines: Timelines, clock: Clock) -> None:
    await build(timelines, live(), 1)
    clock.advance(IDLE_S * 1_000 - 60_000)
    assert await timelines.holds(live())
    clock.advance(120_000)
    assert not await timelines.holds(live())


async def test_forgetting_makes_the_lists_of_these_owners_absent(timelines: Timelines) -> None:
    await build(timelines, live(ADA), 3)
    await build(timelines, live(BOB), 3)
    await timelines.forget(ids.pack([ADA]))

    assert await read(timelines, live(ADA)) is None
    assert await shown(timelines, live(BOB)) == [3]


async def test_clearing_makes_every_list_absent_and_says_how_many(timelines: Timelines) -> None:
    for owner in (ADA, BOB, CYD):
        await build(timelines, live(owner), 3)

    assert await timelines.clear() == 3
    assert [await read(timelines, live(owner)) for owner in (ADA, BOB, CYD)] == [None] * 3


async def test_a_build_that_was_under_way_when_lists_were_cleared_does_not_bring_its_list_back(
    timelines: Timelines,
) -> None:
    # What was appended to it and dropped would be missing from it.
    token = await timelines.begin(live())
    await append(timelines, rows(7), ADA)
    await timelines.clear()

    assert not await timelines.finish(live(), token, rows(3), floor=0)
    assert await read(timelines, live()) is None


async def test_a_build_that_takes_too_long_is_absent_and_cannot_be_finished(timelines: Timelines, clock: Clock) -> None:
    token = await timelines.begin(live())
    clock.advance(60_000)

    assert not await timelines.holds(live())
    assert await append(timelines, rows(7), ADA) == 0
    assert not await timelines.finish(live(), token, rows(3), floor=0)
    assert await read(timelines, live()) is None


async def test_a_list_that_nobody_read_for_a_day_is_absent(timelines: Timelines, clock: Clock) -> None:
    await build(timelines, live(), 3)
    clock.advance(IDLE_S * 1_000 - 60_000)
    assert await shown(timelines, live()) == [3]
    clock.advance(IDLE_S * 1_000 - 60_000)
    assert await shown(timelines, live()) == [3]
    clock.advance(IDLE_S * 1_000 + 60_000)
    assert await read(timelines, live()) is None


async def test_pushing_to_the_active_passes_over_who_has_not_read_within_the_hour(
    timelines: Timelines, clock: Clock
) -> None:
    await build(timelines, live(ADA))
    await build(timelines, live(BOB))
    clock.advance(ACTIVE_S * 1_000 - 60_000)
    await read(timelines, live(BOB))
    clock.advance(120_000)

    assert await append(timelines, rows(7), ADA, BOB, active_only=True) == 1
    assert await shown(timelines, live(ADA)) == []
    assert await shown(timelines, live(BOB)) == [7]


async def test_being_appended_to_is_no_reading(timelines: Timelines, clock: Clock) -> None:
    await build(timelines, live())
    clock.advance(IDLE_S * 1_000 - 60_000)
    await append(timelines, rows(7), ADA)
    clock.advance(120_000)

    assert await read(timelines, live()) is None
