"""What a viewer was answered, and what the reference says it should be: equal or wrong."""

from __future__ import annotations

from dataclasses import dataclass, fields

from tests.model.records import Account, Post, UserList
from tests.model.world import World

from aviary.api.graph.v1 import lists_pb2
from aviary.api.tweets.v1 import tweets_pb2
from aviary.api.users.v1 import users_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPoll:
    options: tuple[str, ...]
    votes: tuple[int, ...]
    total: int
    closed: bool
    # None for a viewer who has not voted.
    own: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTweet:
    """Everything of a tweet that depends on what people did; ids are 0 and messages None where there is none."""

    id: int
    type: str
    author: tuple[int, str, bool]
    content: str
    mentions: tuple[int, ...]
    tags: tuple[str, ...]
    edits: int
    sensitive: tuple[bool, str]
    audience: str
    # Likes, retweets, replies, quotes, bookmarks; and which of liked, retweeted, bookmarked by the viewer.
    counts: tuple[int, int, int, int, int]
    flags: tuple[bool, bool, bool]
    conversation: int
    reply_to: tuple[int, int]
    quote_of: int
    quoted: ShownTweet | None
    retweeted: ShownTweet | None
    poll: ShownPoll | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownUser:
    id: int
    name: str
    bio: str
    protected: bool
    suspended: bool
    # Followers, following, tweets, likes received.
    counts: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownList:
    id: int
    name: str
    private: bool
    owner: int
    # Members, followers.
    counts: tuple[int, int]
    is_following: bool


def answered(tweet: tweets_pb2.Tweet) -> ShownTweet:
    return ShownTweet(
        id=tweet.id,
        type=tweet.type,
        author=(tweet.user.id, tweet.user.username, tweet.user.protected),
        content=tweet.content,
        mentions=tuple(each.user_id for each in tweet.entities.mentions if each.user_id),
        tags=tuple(each.tag for each in tweet.entities.hashtags),
        edits=tweet.edit_count,
        sensitive=(tweet.is_sensitive, tweet.content_warning),
        audience=tweet.reply_audience,
        counts=(tweet.like_count, tweet.retweet_count, tweet.reply_count, tweet.quote_count, tweet.bookmark_count),
        flags=(tweet.is_liked, tweet.is_retweeted, tweet.is_bookmarked),
        conversation=tweet.conversation_id,
        reply_to=(tweet.reply_to_id, tweet.reply_to_user_id),
        quote_of=tweet.quote_tweet_id,
        quoted=answered(tweet.quoted_tweet) if tweet.HasField("quoted_tweet") else None,
        retweeted=answered(tweet.retweeted_tweet) if tweet.HasField("retweeted_tweet") else None,
        poll=_answered_poll(tweet.poll) if tweet.HasField("poll") else None,
    )


def _answered_poll(poll: tweets_pb2.Poll) -> ShownPoll:
    return ShownPoll(
        options=tuple(option.text for option in poll.options),
        votes=tuple(option.vote_count for option in poll.options),
        total=poll.vote_count,
        closed=poll.closed,
        own=poll.voted_option if poll.HasField("voted_option") else None,
    )


def expected(world: World, post: Post, viewer: Account, *, asked: bool, inside_quote: bool = False) -> ShownTweet:
    """What the viewer should be answered. A quote inside a quote is an id alone."""
    quoted = post.quoted if post.quoted and not inside_quote and world.sees(viewer, post.quoted, asked=asked) else None
    return ShownTweet(
        id=post.id,
        type=post.type,
        author=(post.author.id, post.author.name, post.author.protected),
        content=post.text.content,
        mentions=tuple(each.id for each in post.text.mentions),
        tags=post.text.tags,
        edits=len(post.texts) - 1,
        sensitive=(post.sensitive, post.warning),
        audience=post.audience,
        counts=world.counts(post),
        flags=(
            (viewer, post) in world.likes,
            world.retweet_by(post, viewer) is not None and post.type != "retweet",
            (viewer, post) in world.bookmarks,
        ),
        conversation=post.root.id,
        reply_to=(post.ref.id, post.ref.author.id) if post.type == "reply" and post.ref else (0, 0),
        quote_of=post.quoted.id if post.quoted else 0,
        quoted=expected(world, quoted, viewer, asked=asked, inside_quote=True) if quoted else None,
        retweeted=expected(world, post.original, viewer, asked=asked) if post.original is not post else None,
        poll=_expected_poll(world, post, viewer) if post.poll else None,
    )


def _expected_poll(world: World, post: Post, viewer: Account) -> ShownPoll:
    assert post.poll
    votes = list(post.poll.votes.values())
    return ShownPoll(
        options=post.poll.options,
        votes=tuple(votes.count(option) for option in range(len(post.poll.options))),
        total=len(votes),
        closed=post.poll.ends_ms <= world.now_ms,
        own=post.poll.votes.get(viewer),
    )


def answered_user(user: users_pb2.User) -> ShownUser:
    return ShownUser(
        id=user.id,
        name=user.username,
        bio=user.bio,
        protected=user.protected,
        suspended=user.suspended,
        counts=(user.follower_count, user.following_count, user.tweet_count, user.like_count),
    )


def expected_user(world: World, user: Account, viewer: Account) -> ShownUser:
    """A profile: without content of who is suspended, or apart from the viewer."""
    return ShownUser(
        id=user.id,
        name=user.name,
        bio=user.bio if world.meets(viewer, user) else "",
        protected=user.protected,
        suspended=user.suspended,
        counts=world.user_counts(user),
    )


def answered_list(found: lists_pb2.UserList) -> ShownList:
    return ShownList(
        id=found.id,
        name=found.name,
        private=found.private,
        owner=found.owner.id,
        counts=(found.member_count, found.follower_count),
        is_following=found.is_following,
    )


def expected_list(world: World, of: UserList, viewer: Account) -> ShownList:
    return ShownList(
        id=of.id,
        name=of.name,
        private=of.private,
        owner=of.owner.id,
        counts=(
            sum(each is of for _, each in world.list_members),
            sum(each is of for _, each in world.list_follows),
        ),
        is_following=(viewer, of) in world.list_follows,
    )


def differences(one: object, other: object) -> str:
    """The fields in which two of a kind differ."""
    wrong = [
        f"{spec.name} is {getattr(one, spec.name)!r}, not {getattr(other, spec.name)!r}"
        for spec in fields(one)  # type: ignore[arg-type]
        if getattr(one, spec.name) != getattr(other, spec.name)
    ]
    return "; ".join(wrong)
