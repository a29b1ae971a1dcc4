"""What somebody wants published, as they sent it: nothing of it is checked yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aviary.tweets.store import Geo


@dataclass(frozen=True, slots=True, kw_only=True)
class PollChoice:
    """The poll that comes with a tweet."""

    options: Sequence[str]
    duration_minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A tweet before anybody has looked at it; "" and None stand for what wasn't sent."""

    content: str
    media_ids: Sequence[int] = ()
    # Either may name a retweet, which stands for its original.
    reply_to_id: int | None = None
    quote_id: int | None = None
    poll: PollChoice | None = None
    is_sensitive: bool = False
    content_warning: str = ""
    reply_audience: str = ""
    geo: Geo | None = None
    language: str = ""
