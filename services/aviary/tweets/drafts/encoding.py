"""What is kept of an unpublished tweet, between bytes and records."""

from __future__ import annotations

from aviary.api.tweets.v1 import drafts_pb2 as pb
from aviary.tweets import encoding
from aviary.tweets.drafts.store import Kept
from aviary.tweets.submission import Submission


def submission(body: bytes) -> Submission:
    """Return what an encoded TweetInput asks to be published."""
    return encoding.submission(pb.TweetInput.FromString(body))


def draft(kept: Kept) -> pb.Draft:
    rendered = pb.Draft(id=kept.id, tweet=pb.TweetInput.FromString(kept.body))
    rendered.created_at.FromMilliseconds(kept.created_ms)
    rendered.updated_at.FromMilliseconds(kept.updated_ms)
    return rendered


def scheduled(kept: Kept) -> pb.ScheduledTweet:
    rendered = pb.ScheduledTweet(
        id=kept.id,
        tweet=pb.TweetInput.FromString(kept.body),
        state="failed" if kept.failure else "waiting",
        failure=kept.failure,
    )
    rendered.created_at.FromMilliseconds(kept.created_ms)
    rendered.updated_at.FromMilliseconds(kept.updated_ms)
    rendered.publish_at.FromMilliseconds(kept.publish_ms)
    return rendered
