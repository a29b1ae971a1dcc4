"""Pages are filled from candidates of which some are hidden: what `fill` promises, whatever is hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import example, given
from hypothesis import strategies as st

from aviary.ids import MAX_ID
from aviary.paging import Candidates, Page, PageRequest, fill

ROUNDS, CANDIDATES = 5, 1_000


@dataclass(kw_only=True)
class Shelf:
    """A list of which some is passed over before it is proposed and some is hidden after; ids are no positions."""

    shown: Sequence[bool]
    passed_over: frozenset[int] = frozenset()
    asked: list[int] = field(default_factory=list)
    proposed: int = 0

    def __post_init__(self) -> None:
        # Positions fall by three, and ids rise while they do.
        self.rows = [(3 * (len(self.shown) - place), 1_000 + place) for place in range(len(self.shown))]

    @property
    def visible(self) -> list[int]:
        kept = [place for place, each in enumerate(self.shown) if each and place not in self.passed_over]
        return [self.rows[place][1] for place in kept]

    async def candidates(self, below: int, count: int) -> Candidates:
        self.asked.append(below)
        rows = [row for row in self.rows if row[0] < below][:count]
        kept = [row for row in rows if row[1] - 1_000 not in self.passed_over]
        self.proposed += len(kept)
        further = rows[-1][0] if len(rows) == count else None
        return Candidates([each for _, each in kept], further, [position for position, _ in kept])

    async def show(self, ids: Sequence[int]) -> Sequence[tuple[int, int]]:
        return [(each, each) for each in ids if self.shown[each - 1_000]]

    async def page(self, limit: int, below: int) -> Page[int]:
        self.asked, self.proposed = [], 0
        return await fill(PageRequest(limit=limit, below=below), self.candidates, self.show)

    @property
    def is_exhausted(self) -> bool:
        """Whether the last page took all the work that one may."""
        return len(self.asked) == ROUNDS or self.proposed >= CANDIDATES


# Long stretches of hidden rows between visible ones, as a muted word in a busy tag makes them.
stretches = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 12)), max_size=8)
hidden = st.sets(st.integers(0, 300)).map(frozenset)


@given(stretches=stretches, passed_over=hidden, limit=st.sampled_from([1, 2, 7, 20, 100]))
@example(stretches=[(0, 100)], passed_over=frozenset(), limit=100)
@example(stretches=[(3_000, 1)], passed_over=frozenset(), limit=20)
@example(stretches=[(0, 3_000)], passed_over=frozenset(range(2_999)), limit=20)
async def test_a_walk_shows_everything_once_in_full_pages_within_bounds(
    stretches: Sequence[tuple[int, int]], passed_over: frozenset[int], limit: int
) -> None:
    shelf = Shelf(
        shown=[each for off, on in stretches for each in [False] * off + [True] * on], passed_over=passed_over
    )
    walked: list[int] = []
    below: int | None = MAX_ID
    while below is not None:
        page = await shelf.page(limit, below)
        walked += page.items
        rest = len(shelf.visible) - len(walked)

        assert len(shelf.asked) <= ROUNDS
        assert shelf.proposed <= CANDIDATES
        assert shelf.asked == sorted(set(shelf.asked), reverse=True)
        if page.next_below is not None:
            assert page.next_below < below
        if not shelf.is_exhausted:
            assert len(page.items) == min(limit, rest + len(page.items))
            assert (page.next_below is not None) == (rest > 0)
        elif page.next_below is None:
            assert rest == 0
        below = page.next_below

    assert walked == shelf.visible


async def test_a_page_of_which_everything_is_hidden_says_that_there_is_more_and_moves_on() -> None:
    shelf = Shelf(shown=[False] * 1_500 + [True])
    page = await shelf.page(20, MAX_ID)

    assert (page.items, shelf.proposed) == ([], CANDIDATES)
    assert page.next_below == shelf.rows[CANDIDATES - 1][0]
