"""Positions in a partition, and records with many events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aviary.storage.kafka import packs, places
from aviary.storage.kafka.packs import Item, Raw

_items = st.lists(
    st.builds(Item, key=st.integers(-(2**63), 2**63 - 1), body=st.binary(max_size=40)), min_size=1, max_size=packs.MOST
)


@given(st.lists(st.integers(1, places.PER_RECORD), min_size=1, max_size=20))
def test_positions_rise_and_none_is_used_twice(counts: list[int]) -> None:
    positions = [places.position(offset, i, count) for offset, count in enumerate(counts) for i in range(count)]

    assert positions == sorted(set(positions))
    assert positions[0] > 0
    assert positions[-1] == places.before(len(counts))


@given(st.integers(0, 2**40), st.integers(1, places.PER_RECORD), st.data())
def test_a_committed_position_leads_back_to_the_event_above_it(offset: int, count: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, count - 1))
    position = places.position(offset, index, count)
    following = (offset, index + 1) if index + 1 < count else (offset + 1, 0)

    assert places.offset_of(position) == following[0]
    assert places.before(places.offset_of(position)) + places.within(position) == position
    # Just below an event is where a consumer stands that has that one under way.
    assert places.offset_of(position - 1) == offset


@given(_items)
def test_what_is_packed_comes_out_in_order(items: list[Item]) -> None:
    key, value, headers = packs.pack(items)
    raw = Raw(7, packs.count(headers), key, value)

    assert raw.items == len(items)
    assert packs.unpack(raw) == [(item.key, item.body) for item in items]


def test_a_pack_is_bounded_in_events_and_in_bytes() -> None:
    small, large = Item(1, b"x"), Item(1, bytes(200_000))

    assert packs.share([small] * 10_000) == packs.MOST
    assert packs.share([large] * 10) == 2
    assert packs.share([Item(1, bytes(900_000)), small]) == 1


def test_an_item_with_headers_travels_alone() -> None:
    letter = Item(1, b"x", headers=(("reason", b"why"),))

    assert packs.share([letter, Item(2, b"y")]) == 1
    assert packs.share([Item(2, b"y"), letter]) == 1
    assert packs.pack([letter])[2] == [("reason", b"why")]
