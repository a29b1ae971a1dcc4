"""Pages over what has a position of its own: follows, bonds and memberships, as far as a viewer may see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet

from aviary.graph.store import Placed
from aviary.paging import Candidates, Page, PageRequest, fill

# Reads so many from below a position, newest first.
Read = Callable[[int, int], Awaitable[Sequence[Placed]]]
# Picks those that the viewer may see.
Pick = Callable[[Sequence[int]], Awaitable[AbstractSet[int]]]


async def walk(page: PageRequest, read: Read, pick: Pick) -> Page[int]:
    """Return a full page of ids while there is more to show, within the bounds of `fill`."""

    async def candidates(below: int, count: int) -> Candidates:
        found = await read(below, count)
        on = found[-1].position if len(found) == count else None
        return Candidates([each.id for each in found], on, [each.position for each in found])

    async def show(ids: Sequence[int]) -> Sequence[tuple[int, int]]:
        picked = await pick(ids)
        return [(each, each) for each in ids if each in picked]

    return await fill(page, candidates, show)
