"""Cursors and limits: one way to page, for every list."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from aviary.errors import InvalidInput
from aviary.ids import MAX_ID

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
_TAG_BYTES = 8
_CURSOR_BYTES = 16 + _TAG_BYTES
# Candidates looked at for one page, in at most this many rounds, however much of them is hidden.
_MAX_CANDIDATES = 1_000
_ROUNDS = 5

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """What a caller asked for: ids in (`above`, `below`), newest first, `limit` of them.

    `hint` is whatever the list gave along with the position, such as the upper
    end of the piece that it was reading.
    """

    limit: int
    below: int = MAX_ID
    above: int = 0
    hint: int = 0


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page; `next_below` is where the next one starts, None when there is none."""

    items: Sequence[T]
    next_below: int | None
    hint: int = 0


@dataclass(frozen=True, slots=True)
class Candidates:
    """Ids that may be shown, newest first, and where to look on; None when there is nothing further.

    `positions`, where the ids are not positions themselves, stand beside them.
    """

    ids: Sequence[int]
    below: int | None
    positions: Sequence[int] | None = None

    @classmethod
    def stretch(cls, ids: Sequence[int], *, of: int, positions: Sequence[int] | None = None) -> Candidates:
        """Return what a look for `of` candidates found; fewer than that are the last ones."""
        order = ids if positions is None else positions
        return cls(ids, order[-1] if len(ids) == of else None, positions)

    def place(self, shown: Sequence[tuple[int, T]]) -> list[tuple[int, T]]:
        """Return what of the ids is shown, with its position in the place of its id."""
        if self.positions is None:
            return list(shown)
        place = dict(zip(self.ids, self.positions, strict=True))
        return [(place[each], item) for each, item in shown]


async def fill(
    request: PageRequest,
    candidates: Callable[[int, int], Awaitable[Candidates]],
    show: Callable[[Sequence[int]], Awaitable[Sequence[tuple[int, T]]]],
) -> Page[T]:
    """Return a full page while there is more to show, within bounds.

    `candidates(below, count)` proposes, `show(ids)` gives what the viewer may
    see with its id, in order. One item too many is sought, so that the end is
    exact; the next page starts below the last item's position. When a thousand
    candidates or five rounds were not enough, the page is short and says where
    to go on.
    """
    shown: list[tuple[int, T]] = []
    found = Candidates([], request.below)
    count, seen = request.limit + 1, 0
    for _ in range(_ROUNDS):
        if found.below is None or len(shown) > request.limit or seen >= _MAX_CANDIDATES:
            break
        found = await candidates(found.below, count)
        shown.extend(found.place(await show(found.ids)) if found.ids else ())
        seen += len(found.ids)
        count = max(1, min(max(2 * count, 100), _MAX_CANDIDATES - seen))
    if len(shown) <= request.limit:
        return Page([item for _, item in shown], found.below)
    shown = shown[: request.limit]
    return Page([item for _, item in shown], shown[-1][0])


class Cursors:
    """Opaque positions, each bound to one list of one caller by a keyed tag.

    A cursor of another list, another caller or another deployment, and one that
    was changed on the way, is refused rather than read as a position.
    """

    def __init__(self, secret: bytes) -> None:
        # What cursors are sealed with, wherever they are.
        self.key = hashlib.blake2b(secret, person=b"aviary-cursor", digest_size=32).digest()

    def encode(self, scope: str, position: int, hint: int = 0) -> str:
        payload = position.to_bytes(8, "little") + hint.to_bytes(8, "little")
        return base64.urlsafe_b64encode(payload + self._tag(scope, payload)).decode().rstrip("=")

    def decode(self, scope: str, cursor: str) -> tuple[int, int]:
        raw = _decode_base64(cursor)
        payload, tag = raw[:16], raw[16:]
        if len(raw) != _CURSOR_BYTES or not hmac.compare_digest(tag, self._tag(scope, payload)):
            raise _bad_cursor()
        return int.from_bytes(payload[:8], "little"), int.from_bytes(payload[8:], "little")

    def request(self, scope: str, *, limit: int | None, cursor: str, since_id: int | None = None) -> PageRequest:
        """Check what a caller sent for the list `scope`; None and "" stand for absent."""
        size = DEFAULT_LIMIT if limit is None else limit
        if not 1 <= size <= MAX_LIMIT:
            raise InvalidInput(
                f"limit is {size}; it must be from 1 to {MAX_LIMIT}", fields={"limit": f"1 to {MAX_LIMIT}"}
            )
        if since_id is not None and since_id < 0:
            raise InvalidInput(f"since_id is {since_id}; ids are positive", fields={"since_id": "a positive id"})
        below, hint = self.decode(scope, cursor) if cursor else (MAX_ID, 0)
        return PageRequest(limit=size, below=below, above=since_id or 0, hint=hint)

    def _tag(self, scope: str, payload: bytes) -> bytes:
        return hashlib.blake2b(scope.encode() + b"\0" + payload, key=self.key, digest_size=_TAG_BYTES).digest()


def _decode_base64(cursor: str) -> bytes:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise _bad_cursor() from None


def _bad_cursor() -> InvalidInput:
    return InvalidInput(
        "the cursor is damaged or belongs to another list; start again without one",
        fields={"cursor": "a next_cursor of this very list"},
    )
