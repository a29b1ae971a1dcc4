"""A tweet's immutable part as bytes: encoded once when it is written, completed at read."""

from __future__ import annotations

from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.tweets.store import Draft, Kind, Span

_LANGUAGE_UNKNOWN = "und"


def fixed_part(draft: Draft) -> bytes:
    """Encode what is known before the write; the rest follows as a second part.

    A Protobuf message is the merge of its concatenated parts, so the writer
    only appends.
    """
    tweet = pb.Tweet(
        type=draft.kind.name.lower(),
        content=draft.text,
        language=_LANGUAGE_UNKNOWN,
        source=draft.source,
        reply_audience="everyone",
        entities=_entities(draft),
    )
    if draft.kind is Kind.REPLY:
        tweet.reply_to_id, tweet.reply_to_user_id = draft.ref_id, draft.ref_author_id
    if draft.quote_id:
        tweet.quote_tweet_id = draft.quote_id
    return tweet.SerializeToString()


def minted_part(tweet_id: int, created_ms: int, conversation_id: int) -> bytes:
    """Encode what the writer alone knows."""
    tweet = pb.Tweet(id=tweet_id, conversation_id=conversation_id or tweet_id)
    tweet.created_at.FromMilliseconds(created_ms)
    return tweet.SerializeToString()


def text(body: bytes) -> str:
    """Return all that a person wrote in an encoded tweet."""
    tweet = pb.Tweet.FromString(body)
    return f"{tweet.content_warning}\n{tweet.content}"


def _entities(draft: Draft) -> pb.Entities:
    found = draft.entities
    return pb.Entities(
        hashtags=[pb.Hashtag(tag=each.text, **_place(each)) for each in found.hashtags],
        mentions=[pb.Mention(username=each.text, user_id=each.user_id, **_place(each)) for each in found.mentions],
        cashtags=[pb.Cashtag(symbol=each.text, **_place(each)) for each in found.cashtags],
        urls=[pb.Url(url=each.text, **_place(each)) for each in found.urls],
    )


def _place(span: Span) -> dict[str, int]:
    return {"start": span.start, "end": span.end}
