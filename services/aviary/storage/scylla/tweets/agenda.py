"""What is due, on ScyllaDB."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.rpc.telemetry import traceparent
from aviary.storage.scylla.tweets import drafts, due, records, writes
from aviary.storage.scylla.tweets.drafts import turns_of
from aviary.storage.scylla.writes import Write, Writer
from aviary.tweets import encoding
from aviary.tweets.agenda.store import Due
from aviary.tweets.drafts.store import Kept
from aviary.tweets.store import Draft


class ScyllaAgendaStore:
    """Keeps AgendaStore's promises, also when two processes believe that the agenda is theirs."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._tables = writer.tables
        self._polls = due.Reader(writer, due.POLLS)
        self._scheduled = due.Reader(writer, due.SCHEDULED)

    async def due(self, now_ms: int, *, limit: int) -> Due:
        polls, scheduled = await asyncio.gather(
            self._polls.first(now_ms, limit=limit), self._scheduled.first(now_ms, limit=limit)
        )
        return Due(polls=[each.id for each in polls], scheduled=[each.id for each in scheduled])

    async def close_poll(self, tweet_id: int) -> None:
        trace = traceparent()

        async def write(new: Write) -> None:
            poll, found = await asyncio.gather(
                self._tables.one("SELECT ends_ms, closed FROM polls WHERE tweet_id = ?", tweet_id),
                records.stored(self._tables, [tweet_id]),
            )
            if poll is None or poll[0] is None:
                return
            ends_ms, closed = poll
            due.POLLS.remove(new, ends_ms, tweet_id)
            tweet = found.get(tweet_id)
            if closed or tweet is None or tweet.deleted_ms:
                return
            new.put("polls", tweet_id=tweet_id, closed=True)
            kind = events_pb2.EVENT_TYPE_POLL_CLOSED
            new.emit(Event(type=kind, key=tweet.author_id, entity_id=tweet_id, traceparent=trace))

        await self._writer.in_turn(f"poll:{tweet_id}", write)

    async def scheduled(self, kept_id: int) -> Kept | None:
        kept = await drafts.one(self._tables, kept_id)
        return kept if kept is not None and kept.publish_ms and not kept.failure else None

    async def publish(self, kept: Kept, draft: Draft) -> int | None:
        fixed, trace = encoding.fixed_part(draft), traceparent()

        async def write(new: Write) -> int | None:
            if not await self._is_as_read(kept):
                return None
            await drafts.remove(self._tables, new, kept)
            new.emit(drafts.changed(kept.user_id, kept.id, trace, actor_id=0))
            return (await writes.insert(self._tables, new, draft, fixed, trace)).id

        return await self._writer.in_turn(turns_of(kept.user_id), write)

    async def fail(self, kept: Kept, sentence: str) -> None:
        trace = traceparent()

        async def write(new: Write) -> None:
            if not await self._is_as_read(kept):
                return
            await drafts.move(self._tables, new, kept, replace(kept, failure=sentence, updated_ms=new.now_ms()))
            new.emit(drafts.changed(kept.user_id, kept.id, trace, actor_id=0))

        await self._writer.in_turn(turns_of(kept.user_id), write)

    async def _is_as_read(self, kept: Kept) -> bool:
        """Tell whether nobody changed it meanwhile: whoever did wants something else published."""
        now = await self.scheduled(kept.id)
        return now is not None and (now.body, now.publish_ms) == (kept.body, kept.publish_ms)
