"""The limits under which peers are compared: counted for every call and never reached."""

from __future__ import annotations

LIMIT = 100_000_000
REQUESTS_WINDOW_S = 60
TWEETS_WINDOW_S = 10_800
# The same for Aviary and for the gateway of a peer.
SETTINGS = {
    "AVIARY_LIMITS": "on",
    **{f"AVIARY_LIMIT_{name}": str(LIMIT) for name in ("REQUESTS", "TWEETS", "ADDRESS_REQUESTS", "FOLLOWS", "LIKES")},
}
