"""Whose tweets belong to a viewer's home, known by version so that an unchanged answer costs one look."""

from __future__ import annotations

from dataclasses import dataclass

from aviary import ids
from aviary._native import Sources
from aviary.clock import Clock
from aviary.recent import Recent
from aviary.timelines.ports import Graph, Tiers

_KEPT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeSources:
    """The viewer and whom they follow and don't mute.

    `pulled` are those whom the read itself has to ask, the viewer among them.
    """

    sources: Sources
    packed: bytes
    sources_version: int
    follow_version: int
    pulled: bytes
    tier_version: int
    # 0 for as long as the versions stand.
    valid_until_ms: int


class SourcesByViewer:
    """Keeps the sources of the latest viewers; each read asks whether they still hold."""

    def __init__(self, graph: Graph, tiers: Tiers, clock: Clock) -> None:
        self._graph = graph
        self._tiers = tiers
        self._clock = clock
        self._kept: Recent[int, HomeSources] = Recent(_KEPT)

    async def of(self, viewer_id: int) -> HomeSources:
        held = self._valid(viewer_id)
        following = await self._graph.following(viewer_id, if_version_not=held.sources_version if held else None)
        if following.ids is not None or held is None:
            packed = following.ids or b""
            sources, tier_version, valid_until_ms = Sources(packed), None, following.valid_until_ms
        else:
            packed, sources, tier_version = held.packed, held.sources, held.tier_version
            valid_until_ms = held.valid_until_ms
        pulled = await self._tiers.pulled(packed, if_version_not=tier_version)
        # An author's next read holds their own write, so the fan-out is not waited for.
        own_and_pulled = held.pulled if pulled.ids is None and held else _with(viewer_id, pulled.ids or b"")
        current = HomeSources(
            sources=sources,
            packed=packed,
            sources_version=following.sources_version,
            follow_version=following.follow_version,
            pulled=own_and_pulled,
            tier_version=pulled.version,
            valid_until_ms=valid_until_ms,
        )
        self._kept.keep(viewer_id, current)
        return current

    def _valid(self, viewer_id: int) -> HomeSources | None:
        held = self._kept.get(viewer_id)
        if held and 0 < held.valid_until_ms <= self._clock.now_ms():
            return None
        return held


def _with(viewer_id: int, pulled: bytes) -> bytes:
    return ids.pack(dict.fromkeys([viewer_id, *ids.unpack(pulled)]))
