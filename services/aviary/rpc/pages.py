"""Paging between Protobuf and records, for every list."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import Message

from aviary.api.paging.v1.paging_pb2 import Pagination
from aviary.paging import Cursors, Page, PageRequest

T = TypeVar("T")


def requested(cursors: Cursors, scope: str, request: Message) -> PageRequest:
    """Read and check what was asked of the list `scope`."""
    return cursors.request(
        scope,
        limit=_optional(request, "limit"),
        cursor=getattr(request, "cursor"),  # noqa: B009 - generated classes share no type with this field
        since_id=_optional(request, "since_id"),
    )


def pagination(cursors: Cursors, scope: str, limit: int, page: Page[T]) -> Pagination:
    """The end of a list: where it goes on, if it does."""
    if page.next_below is None:
        return Pagination(limit=limit)
    return Pagination(limit=limit, next_cursor=cursors.encode(scope, page.next_below, page.hint), has_more=True)


def _optional(request: Message, field: str) -> int | None:
    is_sent = field in request.DESCRIPTOR.fields_by_name and request.HasField(field)
    return getattr(request, field) if is_sent else None
