"""The timeline store against its model, and what a model does not show: memory, threads, malformed bytes."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.native.rows import Row, pack, pack_ids, unpack
from tests.native.timeline_model import ModelList, ModelStore, merged, taken

from aviary._native import MAX_ID, Sources, TimelineStore, merge_rows

CAPACITY, IDLE_TTL_MS = 4, 100_000
PEOPLE = range(1, 6)

IDS = st.integers(1, 60)
FLOORS = IDS | st.just(0)
OWNERS = st.sampled_from([1, 2])
UPPERS = st.sampled_from([MAX_ID, MAX_ID, MAX_ID, 40])
VERSIONS = st.sampled_from([7, 8])
BOUNDS = st.tuples(st.integers(0, 40), st.integers(0, 61) | st.just(MAX_ID), st.integers(0, 12))
FRIENDS = st.sets(st.sampled_from(PEOPLE))
ROWS = st.lists(
    st.builds(
        Row,
        tweet=IDS,
        author=st.sampled_from(PEOPLE),
        ref_tweet=st.sampled_from([0, 3]),
        ref_author=st.sampled_from(PEOPLE),
        has_media=st.booleans(),
        is_retweet=st.booleans(),
        of_reply=st.booleans(),
    )
    | st.builds(Row, tweet=IDS, author=st.sampled_from(PEOPLE)),
    max_size=10,
)


class StoreAgainstModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.store = TimelineStore(capacity=CAPACITY, idle_ttl_ms=IDLE_TTL_MS)
        self.model = ModelStore(CAPACITY, IDLE_TTL_MS)
        self.now_ms = 1_000

    @rule(step_ms=st.sampled_from([1, 5_000, 10_000, IDLE_TTL_MS]))
    def time_passes(self, step_ms: int) -> None:
        self.now_ms += step_ms

    @rule(owner=OWNERS, upper=UPPERS, version=VERSIONS)
    def begin(self, owner: int, upper: int, version: int) -> None:
        token = self.store.begin(owner, version=version, now_ms=self.now_ms, upper=upper)
        self.model.lists[owner, upper] = ModelList(version, token, self.now_ms, self.now_ms)

    @rule(owner=OWNERS, upper=UPPERS, rows=ROWS, floor=FLOORS, stale=st.booleans())
    def finish(self, owner: int, upper: int, rows: list[Row], floor: int, stale: bool) -> None:
        held = self.model.lists.get((owner, upper))
        token = (held.token if held else 1) + stale
        finished = self.store.finish(owner, token, pack(rows), floor=floor, now_ms=self.now_ms, upper=upper)
        assert finished == self.model.finish((owner, upper), token, rows, floor, self.now_ms)

    @rule(key=st.tuples(OWNERS, UPPERS), meanwhile=ROWS, hole=st.none() | IDS, rows=ROWS, floor=FLOORS)
    def rebuild(
        self, key: tuple[int, int], meanwhile: list[Row], hole: int | None, rows: list[Row], floor: int
    ) -> None:
        owner, upper = key
        self.begin(owner, upper, version=7)
        self.append([owner], meanwhile, None)
        if hole:
            self.drop_range(owner, hole, 0)
        self.finish(owner, upper, rows, floor, stale=False)

    @rule(owner=OWNERS, upper=UPPERS, stale=st.booleans())
    def abort(self, owner: int, upper: int, stale: bool) -> None:
        held = self.model.lists.get((owner, upper))
        token = (held.token if held else 1) + stale
        self.store.abort(owner, token, upper)
        if held and held.token == token and not held.ready:
            del self.model.lists[owner, upper]

    @rule(owners=st.lists(OWNERS, max_size=3), rows=ROWS, within_ms=st.sampled_from([None, 0, 5_000]))
    def append(self, owners: list[int], rows: list[Row], within_ms: int | None) -> None:
        added = self.store.append(pack_ids(owners), pack(rows), now_ms=self.now_ms, read_within_ms=within_ms)
        within = IDLE_TTL_MS if within_ms is None else within_ms
        assert added == self.model.append(owners, rows, self.now_ms, within)

    @rule(groups=st.lists(st.tuples(st.lists(OWNERS, max_size=3), ROWS), max_size=3))
    def append_each(self, groups: list[tuple[list[int], list[Row]]]) -> None:
        added = self.store.append_each([(pack_ids(owners), pack(rows)) for owners, rows in groups], now_ms=self.now_ms)
        assert added == sum(self.model.append(owners, rows, self.now_ms, IDLE_TTL_MS) for owners, rows in groups)

    @rule(key=st.tuples(OWNERS, UPPERS), version=VERSIONS, bounds=BOUNDS, friends=FRIENDS, extra=ROWS)
    def page(
        self, key: tuple[int, int], version: int, bounds: tuple[int, int, int], friends: set[int], extra: list[Row]
    ) -> None:
        owner, upper = key
        above, below, limit = bounds
        answer = self.store.page(
            owner,
            version=version,
            sources=Sources(pack_ids(friends)),
            below=below,
            above=above,
            limit=limit,
            extra=pack(extra),
            now_ms=self.now_ms,
            upper=upper,
        )
        if self.model.state(owner, self.now_ms, version=version, upper=upper) != "ready":
            assert answer is None
            return
        held = self.model.lists[owner, upper]
        held.read_ms = self.now_ms
        rows = held.rows | {row.tweet: row for row in reversed(extra)}
        floor, below = max(held.floor, above + 1), min(below, upper)
        assert answer is not None
        assert (unpack(answer[0]), answer[1]) == merged(
            rows.values(), floor, below, limit, lambda row: taken(row, friends)
        )

    @rule(owners=st.sets(OWNERS), bounds=BOUNDS)
    def merge(self, owners: set[int], bounds: tuple[int, int, int]) -> None:
        above, below, limit = bounds
        data, reach = self.store.merge(pack_ids(owners), below=below, above=above, limit=limit, now_ms=self.now_ms)
        lists = [self.model.lists[owner, MAX_ID] for owner in owners if self.model.state(owner, self.now_ms) == "ready"]
        ids = {id: row for held in lists for id, row in held.rows.items()}
        for held in lists:
            held.read_ms = self.now_ms
        floor = max([above + 1] + [held.floor for held in lists])
        rows, model_reach = merged(ids.values(), floor, below, limit, lambda _: True)
        # Lists may hold different rows of one id here, which no tweet has.
        assert ([row.tweet for row in unpack(data)], reach) == ([row.tweet for row in rows], model_reach)

    @rule(owner=OWNERS, low=IDS | st.just(40), length=st.integers(0, 20))
    def drop_range(self, owner: int, low: int, length: int) -> None:
        self.store.drop_range(owner, low, low + length)
        self.model.drop_range(owner, low, low + length)

    @rule(owners=st.sets(OWNERS, max_size=1))
    def forget(self, owners: set[int]) -> None:
        assert self.store.forget(pack_ids(owners)) == self.model.forget(lambda key: key[0] in owners)

    @rule()
    def forget_idle(self) -> None:
        idle = self.model.forget(lambda key: self.model.state(key[0], self.now_ms, upper=key[1]) == "absent")
        assert self.store.forget_idle(self.now_ms) == idle

    @invariant()
    def states_and_counts_agree(self) -> None:
        for owner, upper in self.model.lists:
            for version in (7, 8):
                state = self.store.state(owner, version=version, now_ms=self.now_ms, upper=upper)
                assert state == self.model.state(owner, self.now_ms, version=version, upper=upper)
        stats = self.store.stats()
        entries = sum(len(held.rows) for held in self.model.lists.values())
        assert (stats["lists"], stats["entries"]) == (len(self.model.lists), entries)


TestStoreAgainstModel = StoreAgainstModel.TestCase
TestStoreAgainstModel.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def ready_list(store: TimelineStore, owner: int, rows: list[Row], *, now_ms: int = 0) -> None:
    token = store.begin(owner, version=0, now_ms=now_ms)
    assert store.finish(owner, token, pack(rows), floor=0, now_ms=now_ms)


def whole(store: TimelineStore, owner: int, *, now_ms: int = 0) -> tuple[list[int], int] | None:
    everyone = Sources(pack_ids(PEOPLE))
    answer = store.page(
        owner, version=0, sources=everyone, below=MAX_ID, above=0, limit=10_000, extra=b"", now_ms=now_ms
    )
    return answer and ([row.tweet for row in unpack(answer[0])], answer[1])


@given(st.lists(ROWS, max_size=5), BOUNDS)
def test_merging_parts_is_sorting_them(parts: list[list[Row]], bounds: tuple[int, int, int]) -> None:
    above, below, limit = bounds
    rows = unpack(merge_rows([pack(part) for part in parts], below=below, above=above, limit=limit))
    ids = sorted({row.tweet for part in parts for row in part if above < row.tweet < below}, reverse=True)
    assert [row.tweet for row in rows] == ids[:limit]
    assert all(row in [row for part in parts for row in part] for row in rows)


@given(st.sets(st.integers(0, 1 << 63)), st.integers(0, 1 << 63))
def test_sources_are_a_set(ids: set[int], probe: int) -> None:
    sources = Sources(pack_ids(ids) * 2)
    assert len(sources) == len(ids)
    assert sources.ids() == pack_ids(sorted(ids))
    assert (probe in sources) == (probe in ids)


@given(ROWS, FRIENDS, FRIENDS)
def test_what_is_screened_out_belongs_to_no_home_of_these_sources_or_fewer(
    rows: list[Row], friends: set[int], stayed: set[int]
) -> None:
    kept = unpack(Sources(pack_ids(friends)).screen(pack(rows)))
    left = friends & stayed
    assert [row for row in kept if taken(row, left)] == [row for row in rows if taken(row, left)]
    assert all(row.is_retweet or row.ref_author in friends for row in kept if row.ref_tweet)


def test_a_plain_entry_takes_16_bytes_and_one_with_a_reference_32() -> None:
    plain, replies = TimelineStore(), TimelineStore()
    empty = TimelineStore()
    ready_list(plain, 1, [Row(id) for id in range(1, 801)])
    ready_list(replies, 1, [Row(id, ref_tweet=1, ref_author=2) for id in range(1, 801)])
    ready_list(empty, 1, [])
    header = empty.stats()["bytes"]
    assert plain.stats()["bytes"] == header + 800 * 16
    assert replies.stats()["bytes"] == header + 800 * 32
    assert header <= 128


def test_beyond_the_bytes_allowed_the_lists_read_longest_ago_go() -> None:
    store = TimelineStore(max_bytes=20_000)
    rows = [Row(id) for id in range(1, 101)]
    for owner in range(1, 101):
        ready_list(store, owner, rows, now_ms=owner)
    kept = [owner for owner in range(1, 101) if store.state(owner, version=0, now_ms=100) == "ready"]
    assert kept == list(range(kept[0], 101))
    assert len(kept) > 5
    assert store.stats()["bytes"] <= 20_000


def test_a_list_that_an_append_found_idle_cannot_be_read_again() -> None:
    store = TimelineStore(idle_ttl_ms=1000)
    ready_list(store, 1, [Row(1)])
    assert store.append(pack_ids([1]), pack([Row(2)]), now_ms=1001) == 0
    # A reader whose clock was read a moment earlier would else see a list without the tweet.
    assert whole(store, 1, now_ms=1000) is None


def test_clearing_forgets_all() -> None:
    store = TimelineStore()
    ready_list(store, 1, [Row(1)])
    store.clear()
    assert store.stats() == {"lists": 0, "entries": 0, "bytes": 0}
    assert whole(store, 1) is None


def test_malformed_bytes_are_refused_with_their_length_or_id() -> None:
    store = TimelineStore()
    with pytest.raises(ValueError, match="7 bytes of ids"):
        store.forget(b"1234567")
    with pytest.raises(ValueError, match="33 bytes of rows"):
        store.append(b"", pack([Row(1)]) + b"x", now_ms=0)
    with pytest.raises(ValueError, match="tweet id 0 in a row"):
        store.append(b"", pack([Row(0)]), now_ms=0)
    with pytest.raises(ValueError, match="capacity 0"):
        TimelineStore(capacity=0)


def test_fan_out_rebuilds_and_reads_at_once_lose_nothing() -> None:
    store = TimelineStore(capacity=100_000)
    owners, per_writer, writers = list(range(1, 21)), 500, 4
    posted = [range(1 + writer, per_writer * writers + 1, writers) for writer in range(writers)]
    durable: set[int] = set()
    lock = threading.Lock()

    def rebuild(owner: int) -> None:
        # As a rebuild must: installed first, then the store of truth is read.
        token = store.begin(owner, version=0, now_ms=0)
        with lock:
            rows = [Row(id) for id in durable]
        store.finish(owner, token, pack(rows), floor=0, now_ms=0)

    def write(ids: range) -> None:
        for id in ids:
            with lock:
                durable.add(id)
            store.append(pack_ids(owners), pack([Row(id)]), now_ms=0)

    def read(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(300):
            owner = rng.choice(owners)
            with lock:
                before = len(durable) and max(durable)
            answer = whole(store, owner)
            if answer is None:
                rebuild(owner)
            else:
                assert answer[0] == sorted(set(answer[0]), reverse=True)
            if rng.random() < 0.1 and before:
                store.forget(pack_ids([rng.choice(owners)]))

    with ThreadPoolExecutor(writers + 4) as pool:
        done = [*pool.map(write, posted), *pool.map(read, range(4))]
    assert len(done) == writers + 4
    for owner in owners:
        if store.state(owner, version=0, now_ms=0) != "ready":
            rebuild(owner)
        assert whole(store, owner) == (sorted(durable, reverse=True), 0 + 1)
