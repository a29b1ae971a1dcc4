"""What one write changed, as those hear of it who hold what they read."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Told:
    """The events of a write in order; nothing in it is acknowledged before they were told."""

    # Each encoded, and beside it what it made: an encoded aviary.api.tweets.v1.TweetFragment, or nothing.
    events: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    # It changed more than the events tell.
    all: bool = False
