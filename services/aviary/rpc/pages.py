"""Paging between Protobuf and records, for every list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from google.protobuf.message import Message

from aviary.api.paging.v1.paging_pb2 import Pagination
from aviary.paging import Cursors, Page, PageRequest

T = TypeVar("T")


async def read(
    cursors: Cursors, scope: str, request: Message, page: Callable[[PageRequest], Awaitable[Page[T]]]
) -> tuple[Sequence[T], Pagination]:
    """Return the items that `page` finds for what was asked of the list `scope`, and where that goes on.

    What was asked is checked before anything is looked up.
    """
    asked = _requested(cursors, scope, request)
    found = await page(asked)
    return found.items, _pagination(cursors, scope, asked.limit, found)


def _requested(cursors: Cursors, scope: str, request: Message) -> PageRequest:
    return cursors.request(
        scope,
        limit=_optional(request, "limit"),
        cursor=getattr(request, "cursor"),  # noqa: B009 - generated classes share no type with this field
        since_id=_optional(request, "since_id"),
    )


def _pagination(cursors: Cursors, scope: str, limit: int, page: Page[T]) -> Pagination:
    if page.next_below is None:
        return Pagination(limit=limit)
    return Pagination(limit=limit, next_cursor=cursors.encode(scope, page.next_below, page.hint), has_more=True)


def _optional(request: Message, field: str) -> int | None:
    is_sent = field in request.DESCRIPTOR.fields_by_name and request.HasField(field)
    return getattr(request, field) if is_sent else None
