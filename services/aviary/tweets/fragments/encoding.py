"""Tweets in parts, as a reader's front holds them."""

from __future__ import annotations

from collections.abc import Collection

from aviary.api.tweets.v1 import fragments_pb2 as pb
from aviary.tweets import encoding
from aviary.tweets.store import Draft, Kind, Loaded, Poll, Tweet
from aviary.tweets.visibility import Regard

_LIKED, _RETWEETED, _BOOKMARKED, _VOTED = 1, 2, 4, 8
_OPTION_SHIFT = 4


def fragments(loaded: Loaded, regard: Regard, author_ids: Collection[int]) -> pb.Fragments:
    """Return all that is loaded in parts, and how the viewer stands to it."""
    return pb.Fragments(
        tweets=[_fragment(tweet, loaded) for tweet in loaded.tweets.values()],
        people=[_person(author_id, regard) for author_id in author_ids],
        hides_sensitive=regard.viewer.hide_sensitive,
        mutes_words=regard.viewer.muted_words.any,
    )


def new_fragment(draft: Draft, tweet_id: int, body: bytes, *, flags: int, now_ms: int) -> bytes:
    """Return the encoded part of a tweet that is made at that moment."""
    part = pb.TweetFragment(
        id=tweet_id,
        author_id=draft.author_id,
        kind=int(draft.kind),
        ref_id=draft.ref_id,
        quote_id=draft.quote_id,
        flags=flags,
        reply_to_user_id=draft.ref_author_id if draft.kind is Kind.REPLY else 0,
        body=body,
        counts=[0, 0, 0, 0, 0],
    )
    if (poll := draft.poll) is not None:
        votes = [0] * len(poll.options)
        _add_poll(part, Poll(ends_ms=now_ms + poll.duration_ms, options=poll.options, votes=votes, voted=None))
    return part.SerializeToString()


def _fragment(tweet: Tweet, loaded: Loaded) -> pb.TweetFragment:
    part = pb.TweetFragment(
        id=tweet.id,
        author_id=tweet.author_id,
        kind=int(tweet.kind),
        ref_id=tweet.ref_id,
        quote_id=tweet.quote_id,
        flags=tweet.flags,
        deleted=tweet.deleted,
        edits=tweet.version - 1,
        reply_to_user_id=tweet.ref_author_id if tweet.kind is Kind.REPLY else 0,
        body=tweet.body,
        counts=[tweet.likes, tweet.retweets, tweet.replies, tweet.quotes, tweet.bookmarks],
        stance=_stance(tweet.id, loaded),
    )
    if poll := loaded.polls.get(tweet.id):
        _add_poll(part, poll)
    return part


def _stance(tweet_id: int, loaded: Loaded) -> int:
    poll = loaded.polls.get(tweet_id)
    return (
        (_LIKED if tweet_id in loaded.liked else 0)
        | (_RETWEETED if tweet_id in loaded.retweeted else 0)
        | (_BOOKMARKED if tweet_id in loaded.bookmarked else 0)
        | (_VOTED | poll.voted << _OPTION_SHIFT if poll and poll.voted is not None else 0)
    )


def _add_poll(part: pb.TweetFragment, stored: Poll) -> None:
    rendered = encoding.poll(stored, now_ms=0)
    rendered.ClearField("voted_option")
    part.poll = rendered.SerializeToString()
    part.poll_ends_ms = stored.ends_ms


def _person(user_id: int, regard: Regard) -> pb.PersonFragment:
    standing = regard.standings.get(user_id, 0)
    if (person := regard.people.get(user_id)) is None:
        return pb.PersonFragment(id=user_id, standing=standing)
    return pb.PersonFragment(id=user_id, stands=True, protected=person.protected, card=person.card, standing=standing)
