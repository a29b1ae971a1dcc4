"""A person's data, and recounting, between Protobuf and records; each service serves them as its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aviary.api.personal.v1 import personal_pb2
from aviary.api.reconcile.v1 import reconcile_pb2
from aviary.upkeep.store import CounterStore, Drift, PersonalStore

_ENTITIES_A_STEP = 500


class UpkeepRpc:
    """Answers what a service is asked by the export and by operators."""

    def __init__(self, personal: PersonalStore, counters: CounterStore) -> None:
        self._personal = personal
        self._counters = counters

    async def personal_data(self, user_id: int) -> AsyncIterator[personal_pb2.PersonalData]:
        async for piece in self._personal.of(user_id):
            yield personal_pb2.PersonalData(file=piece.file, rows=piece.rows)

    async def reconcile(self, *, repair: bool) -> AsyncIterator[reconcile_pb2.Drift]:
        """Yield each counter that has drifted, and after every step how far the recount is."""
        examined = 0
        for group in self._counters.groups:
            after: int | None = 0
            while after is not None:
                step = await self._counters.recount(group, after=after, limit=_ENTITIES_A_STEP)
                examined, after = examined + step.examined, step.after
                for drift in step.drifts:
                    repaired = repair and await self._counters.repair(drift)
                    yield _drift(drift, repaired=repaired, examined=examined)
                yield reconcile_pb2.Drift(examined=examined)


def _drift(drift: Drift, *, repaired: bool, examined: int) -> reconcile_pb2.Drift:
    return reconcile_pb2.Drift(
        counter=drift.counter,
        entity_id=drift.entity_id,
        stored=drift.stored,
        counted=drift.counted,
        repaired=repaired,
        examined=examined,
    )
