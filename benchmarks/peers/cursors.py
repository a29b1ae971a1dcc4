"""Positions in a list, as opaque text."""

from __future__ import annotations

import base64

from fastapi import HTTPException

NEWEST = 2**63 - 1


def encode(position: int) -> str:
    return base64.urlsafe_b64encode(position.to_bytes(8, "big")).decode().rstrip("=")


def decode(cursor: str) -> int:
    """The position, `NEWEST` for no cursor. Raises HTTPException 400."""
    if not cursor:
        return NEWEST
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 8:
        raise HTTPException(400, "the cursor is damaged; start again without one")
    return int.from_bytes(raw, "big")
