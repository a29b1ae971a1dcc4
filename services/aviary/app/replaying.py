"""Events once more into their topics, for the effects that failed or are to be had again."""

from __future__ import annotations

from aviary.errors import FailedPrecondition, InvalidInput
from aviary.settings import Settings
from aviary.storage.kafka import replay, topics
from aviary.storage.kafka.connection import Broker
from aviary.storage.kafka.producer import Producer


async def replay_events(settings: Settings, *, log: str, since_ms: int | None) -> int:
    """Replay every dead letter, or with a time all that a log has since then; returns how many events that were."""
    if settings.profile != "cluster":
        raise FailedPrecondition(
            "the embedded profile replays nothing: what the fan-out gave up is in no timeline,"
            " and their next read builds them from the tweets"
        )
    if log not in topics.LOGS:
        raise InvalidInput(f"{log!r} is no log; there are {', '.join(topics.LOGS)}")
    broker, producer = Broker(settings), Producer(settings)
    try:
        # Before anything is sent: a producer would wait for as long as Kafka is away.
        await topics.must_be_there(settings, broker)
        if since_ms is None:
            return await replay.replay_dead(settings, producer, broker)
        return await replay.replay_since(settings, producer, broker, log=log, since_ms=since_ms)
    finally:
        await producer.close()
        broker.close()
