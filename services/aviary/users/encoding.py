"""What users look like as messages."""

from __future__ import annotations

from aviary.api.users.v1 import users_pb2 as pb
from aviary.users.peers import Counts
from aviary.users.store import Summary, User


def user(user: User, counts: Counts, *, own: bool, open_: bool, pinned_tweet_id: int = 0) -> pb.User:
    """One user for a reader: `own` is oneself, `open_` whether what they wrote of themselves is shown."""
    rendered = pb.User(
        id=user.id,
        username=user.username,
        display_name=user.display_name,
        language=user.language,
        timezone=user.timezone,
        verified=user.verified,
        protected=user.protected,
        suspended=user.suspended,
        follower_count=counts.followers,
        following_count=counts.following,
        tweet_count=counts.tweets,
        like_count=counts.likes,
    )
    rendered.created_at.FromMilliseconds(user.created_ms)
    # A suspended account says that it is, without what it wrote.
    if own or (open_ and not user.suspended):
        rendered.bio, rendered.location, rendered.website = user.bio, user.location, user.website
        if pinned_tweet_id:
            rendered.pinned_tweet_id = pinned_tweet_id
    if own:
        rendered.email = user.email
        if user.birth_date:
            rendered.birth_date = user.birth_date
    return rendered


def summary(summary: Summary) -> pb.UserSummary:
    return pb.UserSummary(
        id=summary.id,
        username=summary.username,
        display_name=summary.display_name,
        verified=summary.verified,
        protected=summary.protected,
    )
