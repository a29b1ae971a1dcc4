"""The rules of `aviary.check`, as code: what a home, a user timeline and a profile must hold."""

from __future__ import annotations

from typing import NamedTuple

from aviary.check.world import Tweet, World


def home(world: World, viewer: int) -> list[int]:
    """The ids of the entries of a home, in order."""
    sources = world.following[viewer] | {viewer}
    candidates = [tweet for source in sources for tweet in world.by[source] if tweet.stands]
    own = {tweet.id for tweet in candidates if tweet.type != "retweet" and _belongs(tweet, sources)}
    earliest: dict[int, int] = {}
    for tweet in candidates:
        if tweet.type == "retweet" and tweet.of is not None and tweet.of.id not in own:
            earliest[tweet.of.id] = min(tweet.id, earliest.get(tweet.of.id, tweet.id))
    return sorted([*own, *earliest.values()], reverse=True)


def _belongs(tweet: Tweet, sources: set[int]) -> bool:
    return tweet.type != "reply" or (tweet.of is not None and tweet.of.author in sources)


def timeline(world: World, author: int) -> list[int]:
    """The ids of the entries of a user timeline, in order."""
    return sorted((tweet.id for tweet in world.by[author] if tweet.stands), reverse=True)


class Facts(NamedTuple):
    """What a tweet says to everybody, under the names of the API."""

    type: str
    author: str
    content: str
    created_at: str
    like_count: int
    retweet_count: int
    reply_count: int
    quote_count: int


def facts(tweet: Tweet) -> Facts:
    """What must be said of a tweet."""
    counts = [sum(1 for _ in tweet.standing(type_)) for type_ in ("retweet", "reply", "quote")]
    return Facts(tweet.type, str(tweet.author), tweet.content, tweet.created_at, len(tweet.likers), *counts)


class Profile(NamedTuple):
    """What is counted of a user. The number of tweets has a range: see the rule."""

    follower_count: int
    following_count: int
    tweet_count: range
    like_count: int


def profile(world: World, user: int) -> Profile:
    tweets = world.by[user]
    fewest = sum(tweet.stands for tweet in tweets)
    most = sum(not tweet.deleted for tweet in tweets)
    likes = sum(len(tweet.likers) for tweet in tweets if not tweet.deleted)
    return Profile(len(world.followers[user]), len(world.following[user]), range(fewest, most + 1), likes)
