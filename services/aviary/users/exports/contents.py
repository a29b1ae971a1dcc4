"""What the users service itself keeps of a person, as the files of an export."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from aviary.paging import MAX_LIMIT, PageRequest
from aviary.users.accounts.store import AccountSettings, AccountStore, OpenSession
from aviary.users.store import User


def profile(user: User) -> Mapping[str, object]:
    columns = asdict(user)
    del columns["version"], columns["deactivated"]
    return columns | {"id": str(user.id), "created_at": _moment(columns.pop("created_ms") / 1000)}


def settings(chosen: AccountSettings) -> Mapping[str, object]:
    return asdict(chosen) | {"muted_words": list(chosen.muted_words)}


async def sessions(store: AccountStore, user_id: int, *, now_s: int) -> AsyncIterator[Sequence[str]]:
    """Yield the rows of the open sessions, newest first, page by page."""
    request = PageRequest(limit=MAX_LIMIT)
    while True:
        page = await store.sessions(user_id, request, now_s=now_s)
        yield [json.dumps(_session(each), ensure_ascii=False) for each in page.items]
        if page.next_below is None:
            return
        request = PageRequest(limit=MAX_LIMIT, below=page.next_below)


def _session(session: OpenSession) -> Mapping[str, object]:
    return {
        "id": str(session.id),
        "client": session.client,
        "created_at": _moment(session.created_s),
        "refreshed_at": _moment(session.refreshed_s),
        "expires_at": _moment(session.expires_s),
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
