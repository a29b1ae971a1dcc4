"""The decisions about what is not published yet."""

from __future__ import annotations

import calendar
import math
from dataclasses import dataclass
from datetime import UTC, datetime

from aviary import ids
from aviary.clock import Clock
from aviary.errors import InvalidInput
from aviary.paging import Page, PageRequest
from aviary.rpc.call import Claim
from aviary.tweets import rules
from aviary.tweets.drafts import encoding
from aviary.tweets.drafts.store import DraftStore, Kept, Shelf
from aviary.tweets.service import TweetService
from aviary.tweets.store import Written
from aviary.tweets.text import MAX_CHARACTERS

_MOST = 1_000
_MONTHS_AHEAD = 18
# What that many characters and all other fields may take; a draft's other fields are not checked one by one.
_MAX_BYTES = 131_072


@dataclass(frozen=True, slots=True)
class Saved:
    """What was kept as it was when it was made, and whether that was before."""

    kept: Kept
    repeated: bool


class DraftService:
    """Keeps drafts, and tweets for their time."""

    def __init__(self, store: DraftStore, tweets: TweetService, clock: Clock) -> None:
        self._store = store
        self._tweets = tweets
        self._clock = clock

    async def create(self, user_id: int, body: bytes, *, claim: Claim | None) -> Saved:
        """Keep a draft."""
        _check_draft(body)
        source = rules.DEFAULT_CLIENT
        made = await self._store.create(user_id, body, publish_ms=0, source=source, most=_MOST, claim=claim)
        return _first(made, user_id, body, publish_ms=0, source=source)

    async def schedule(
        self, user_id: int, body: bytes, publish_ms: int, *, client: str | None, claim: Claim | None
    ) -> Saved:
        """Keep a tweet and have it published at `publish_ms`; it must be one that could be published now."""
        source = rules.source(client)
        # A repeat gets the first answer also when the time has come, and when what it refers to is gone by now.
        if claim is not None and (first := await self._store.settled(claim)) is not None:
            made = Written(first, repeated=True)
        else:
            self._check_time(publish_ms)
            await self._check(user_id, body)
            made = await self._store.create(
                user_id, body, publish_ms=publish_ms, source=source, most=_MOST, claim=claim
            )
        return _first(made, user_id, body, publish_ms=publish_ms, source=source)

    async def get(self, shelf: Shelf, user_id: int, kept_id: int) -> Kept:
        return await self._store.get(shelf, user_id, kept_id)

    async def drafts(self, user_id: int, page: PageRequest) -> Page[Kept]:
        return await self._store.drafts(user_id, page)

    async def scheduled(self, user_id: int, page: PageRequest) -> Page[Kept]:
        return await self._store.scheduled(user_id, page)

    async def update_draft(self, user_id: int, kept_id: int, body: bytes | None) -> Kept:
        if body is None:
            return await self._store.get(Shelf.DRAFTS, user_id, kept_id)
        _check_draft(body)
        return await self._store.update(Shelf.DRAFTS, user_id, kept_id, body=body, publish_ms=None)

    async def update_scheduled(self, user_id: int, kept_id: int, body: bytes | None, publish_ms: int | None) -> Kept:
        kept = await self._store.get(Shelf.SCHEDULED, user_id, kept_id)
        if body is None and publish_ms is None:
            return kept
        if publish_ms is not None:
            self._check_time(publish_ms)
        if body is not None:
            await self._check(user_id, body)
        return await self._store.update(Shelf.SCHEDULED, user_id, kept_id, body=body, publish_ms=publish_ms)

    async def delete(self, shelf: Shelf, user_id: int, kept_id: int) -> None:
        await self._store.delete(shelf, user_id, kept_id)

    async def _check(self, user_id: int, body: bytes) -> None:
        _check_size(body)
        try:
            await self._tweets.prepare(user_id, encoding.submission(body), client=None)
        except InvalidInput as error:
            inside = {f"tweet.{name}": sentence for name, sentence in error.fields.items()}
            raise InvalidInput(error.message, fields=inside) from None

    def _check_time(self, publish_ms: int) -> None:
        now_ms = self._clock.now_ms()
        if publish_ms <= now_ms:
            raise _bad_time(publish_ms, "it must lie in the future")
        if publish_ms > _months_later(now_ms, _MONTHS_AHEAD):
            raise _bad_time(publish_ms, f"it may lie at most {_MONTHS_AHEAD} months ahead")


def _first(made: Written, user_id: int, body: bytes, *, publish_ms: int, source: str) -> Saved:
    # Not read back: a repeat may come when it was changed, published or cancelled since.
    created_ms = ids.time_ms(made.id)
    kept = Kept(
        id=made.id,
        user_id=user_id,
        body=body,
        publish_ms=publish_ms,
        failure="",
        source=source,
        created_ms=created_ms,
        updated_ms=created_ms,
    )
    return Saved(kept, made.repeated)


def _check_draft(body: bytes) -> None:
    _check_size(body)
    geo = encoding.submission(body).geo
    # The one thing that could not be given back: JSON has no such number.
    if geo is not None and not (math.isfinite(geo.latitude) and math.isfinite(geo.longitude)):
        raise InvalidInput("geo has no finite numbers", fields={"tweet.geo": "finite numbers"})


def _check_size(body: bytes) -> None:
    characters = len(encoding.submission(body).content)
    if characters > MAX_CHARACTERS:
        sentence = f"content has {characters} characters; the limit of what is kept is {MAX_CHARACTERS}"
        raise InvalidInput(sentence, fields={"tweet.content": sentence})
    if len(body) > _MAX_BYTES:
        sentence = f"the tweet takes {len(body)} bytes; the limit of what is kept is {_MAX_BYTES}"
        raise InvalidInput(sentence, fields={"tweet": sentence})


def _bad_time(publish_ms: int, rule: str) -> InvalidInput:
    return InvalidInput(f"publish_at is {_written(publish_ms)}; {rule}", fields={"publish_at": rule})


def _written(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _months_later(moment_ms: int, months: int) -> int:
    """The same day and time so many months on, or the last day of a month that is shorter."""
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    years, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + years, month + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return int(moment.replace(year=year, month=month, day=day).timestamp() * 1000)
