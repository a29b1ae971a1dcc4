"""A tweet as a viewer saw it, and as the reference says it should look: equal or wrong."""

from __future__ import annotations

from dataclasses import dataclass

from tests.timelines.reference import Post, Reference

from aviary.api.tweets.v1 import tweets_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Everything of a tweet that depends on what people did; ids are 0 and messages None where there is none."""

    id: int
    type: str
    author: int
    counts: tuple[int, int, int, int]
    flags: tuple[bool, bool]
    reply_to: int
    quote_of: int
    quoted: Shown | None
    retweeted: Shown | None


def answered(tweet: tweets_pb2.Tweet) -> Shown:
    """What a service answered."""
    return Shown(
        id=tweet.id,
        type=tweet.type,
        author=tweet.user.id,
        counts=(tweet.like_count, tweet.retweet_count, tweet.reply_count, tweet.quote_count),
        flags=(tweet.is_liked, tweet.is_retweeted),
        reply_to=tweet.reply_to_id,
        quote_of=tweet.quote_tweet_id,
        quoted=answered(tweet.quoted_tweet) if tweet.HasField("quoted_tweet") else None,
        retweeted=answered(tweet.retweeted_tweet) if tweet.HasField("retweeted_tweet") else None,
    )


def expected(world: Reference, post: Post, viewer: int, *, inside_quote: bool = False) -> Shown:
    """What the viewer should be answered. A quote inside a quote is an id alone."""
    quoted = post.quoted if post.quoted and not post.quoted.gone and not inside_quote else None
    return Shown(
        id=post.id,
        type=post.type,
        author=post.author,
        counts=(len(post.likes), len(world.retweets(post)), len(world.replies(post)), len(world.quotes(post))),
        flags=(viewer in post.likes, world.retweet_by(post, viewer) is not None),
        reply_to=post.ref.id if post.type == "reply" and post.ref else 0,
        quote_of=post.quoted.id if post.quoted else 0,
        quoted=expected(world, quoted, viewer, inside_quote=True) if quoted else None,
        retweeted=expected(world, post.original, viewer) if post.original is not post else None,
    )
