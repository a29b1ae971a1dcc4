"""What a person takes along from the graph, as rows of JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from aviary import ids


def as_json(columns: Sequence[str], row: Sequence[int | str]) -> str:
    """Return a row as the API writes it: ids as strings, times in RFC 3339.

    A column that ends in `_at` holds an id, whose time is meant; `expires_at` holds ms, 0 for never.
    """
    return json.dumps({name: _value(name, value) for name, value in zip(columns, row, strict=True)}, ensure_ascii=False)


def _value(name: str, value: int | str) -> str | bool | None:
    if name == "expires_at":
        return _moment(int(value)) if value else None
    if name.endswith("_at"):
        return _moment(ids.time_ms(int(value)))
    return bool(value) if name == "private" else str(value)


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
