"""A tweet's own part as bytes: encoded once when it is written, completed at read."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from aviary.api.tweets.v1 import drafts_pb2
from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.tweets.store import Draft, Entities, Geo, Kind, Poll, Revision, Span, Tweet
from aviary.tweets.submission import PollChoice, Submission


def submission(request: pb.CreateTweetRequest | drafts_pb2.TweetInput) -> Submission:
    """Read what somebody sent."""
    poll, geo = request.poll, request.geo
    return Submission(
        content=request.content,
        media_ids=request.media_ids,
        reply_to_id=request.reply_to_id if request.HasField("reply_to_id") else None,
        quote_id=request.quote_tweet_id if request.HasField("quote_tweet_id") else None,
        poll=PollChoice(options=poll.options, duration_minutes=poll.duration_minutes)
        if request.HasField("poll")
        else None,
        is_sensitive=request.is_sensitive,
        content_warning=request.content_warning,
        reply_audience=request.reply_audience,
        geo=Geo(latitude=geo.latitude, longitude=geo.longitude) if request.HasField("geo") else None,
        language=request.language,
    )


def fixed_part(draft: Draft) -> bytes:
    """Encode what is known before the write; the rest follows as a second part.

    A Protobuf message is the merge of its concatenated parts, so the writer
    only appends.
    """
    tweet = pb.Tweet(
        type=draft.kind.name.lower(),
        content=draft.text,
        language=draft.language,
        source=draft.source,
        reply_audience=draft.audience.name.lower(),
        is_sensitive=draft.is_sensitive,
        content_warning=draft.content_warning,
        entities=_entities(draft.entities),
    )
    if draft.quote_id:
        tweet.quote_tweet_id = draft.quote_id
    if draft.geo:
        tweet.geo.latitude, tweet.geo.longitude = draft.geo.latitude, draft.geo.longitude
        tweet.geo.SetInParent()
    return tweet.SerializeToString()


def minted_part(draft: Draft, tweet_id: int, created_ms: int) -> bytes:
    """Encode what the writer alone knows: also what a tweet replies to, which may be the one before it."""
    tweet = pb.Tweet(id=tweet_id, conversation_id=draft.conversation_id or tweet_id)
    tweet.created_at.FromMilliseconds(created_ms)
    if draft.kind is Kind.REPLY:
        tweet.reply_to_id, tweet.reply_to_user_id = draft.ref_id, draft.ref_author_id
    return tweet.SerializeToString()


def edited(body: bytes, revision: Revision, edited_ms: int) -> bytes:
    """Return the tweet with another text."""
    tweet = pb.Tweet.FromString(body)
    tweet.content = revision.text
    tweet.language = revision.language
    tweet.entities.CopyFrom(_entities(revision.entities))
    tweet.edited_at.FromMilliseconds(edited_ms)
    return tweet.SerializeToString()


def counted(stored: Tweet) -> pb.Tweet:
    """Return a stored tweet with its counters."""
    tweet = pb.Tweet.FromString(stored.body)
    tweet.like_count = stored.likes
    tweet.retweet_count = stored.retweets
    tweet.reply_count = stored.replies
    tweet.quote_count = stored.quotes
    tweet.bookmark_count = stored.bookmarks
    tweet.edit_count = stored.version - 1
    return tweet


def poll(stored: Poll, *, now_ms: int) -> pb.Poll:
    """Return a poll as it stands at that moment."""
    options = zip(stored.options, stored.votes, strict=True)
    rendered = pb.Poll(
        options=[pb.PollOption(text=text, vote_count=votes) for text, votes in options],
        vote_count=sum(stored.votes),
        closed=stored.ends_ms <= now_ms,
        voted_option=stored.voted,
    )
    rendered.ends_at.FromMilliseconds(stored.ends_ms)
    return rendered


def version(number: int, body: bytes) -> pb.TweetVersion:
    """Return one text of a tweet's history."""
    tweet = pb.Tweet.FromString(body)
    return pb.TweetVersion(
        version=number,
        content=tweet.content,
        entities=tweet.entities,
        language=tweet.language,
        created_at=tweet.edited_at if tweet.HasField("edited_at") else tweet.created_at,
    )


def text(body: bytes) -> str:
    """Return all that a person wrote in an encoded tweet."""
    tweet = pb.Tweet.FromString(body)
    return f"{tweet.content_warning}\n{tweet.content}"


def content(body: bytes) -> str:
    return pb.Tweet.FromString(body).content


def created_ms(body: bytes) -> int:
    return pb.Tweet.FromString(body).created_at.ToMilliseconds()


def hashtags(body: bytes) -> AbstractSet[str]:
    """Return the tags without their signs."""
    return {each.tag for each in pb.Tweet.FromString(body).entities.hashtags}


def mentioned(body: bytes) -> AbstractSet[int]:
    """Return the people whom the text names."""
    return {each.user_id for each in pb.Tweet.FromString(body).entities.mentions} - {0}


def _entities(found: Entities) -> pb.Entities:
    return pb.Entities(
        hashtags=[pb.Hashtag(tag=each.text, **_place(each)) for each in found.hashtags],
        mentions=[pb.Mention(username=each.text, user_id=each.user_id, **_place(each)) for each in found.mentions],
        cashtags=[pb.Cashtag(symbol=each.text, **_place(each)) for each in found.cashtags],
        urls=[pb.Url(url=each.text, **_place(each)) for each in found.urls],
    )


def _place(span: Span) -> dict[str, int]:
    return {"start": span.start, "end": span.end}
