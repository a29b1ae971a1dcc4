"""The port that keeps tweets, and its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from aviary.paging import PageRequest
from aviary.rpc.call import Claim


class Kind(IntEnum):
    """What a tweet is; the names in lower case are the public ones."""

    ORIGINAL = 0
    REPLY = 1
    QUOTE = 2
    RETWEET = 3


class Audience(IntEnum):
    """Who may reply; the names in lower case are the public ones."""

    EVERYONE = 0
    # Those whom the author follows, and those mentioned.
    FOLLOWED = 1
    MENTIONED = 2


UNKNOWN_LANGUAGE = "und"

# Flags of a stored tweet.
HAS_MEDIA = 1
# On a retweet: the original is itself a reply.
REF_IS_REPLY = 2
SENSITIVE = 4
HAS_POLL = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A hashtag, mention, cashtag or URL in a text; code points, end excluded. `user_id` is 0 for nobody."""

    text: str
    start: int
    end: int
    user_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entities:
    """What a text refers to."""

    hashtags: Sequence[Span] = ()
    mentions: Sequence[Span] = ()
    cashtags: Sequence[Span] = ()
    urls: Sequence[Span] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Geo:
    """A point on the Earth, in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PollDraft:
    """A poll before its tweet has an id."""

    options: Sequence[str]
    duration_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A text that takes the place of a tweet's."""

    text: str
    entities: Entities
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A tweet before it has an id."""

    author_id: int
    kind: Kind
    text: str = ""
    entities: Entities = field(default_factory=Entities)
    # The tweet replied to or retweeted, and its author.
    ref_id: int = 0
    ref_author_id: int = 0
    ref_is_reply: bool = False
    quote_id: int = 0
    # 0 starts a conversation.
    conversation_id: int = 0
    source: str = "web"
    language: str = UNKNOWN_LANGUAGE
    is_sensitive: bool = False
    content_warning: str = ""
    audience: Audience = Audience.EVERYONE
    geo: Geo | None = None
    poll: PollDraft | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tweet:
    """A stored tweet; `body` is what it says as of `version`, an encoded aviary.api.tweets.v1.Tweet."""

    id: int
    author_id: int
    kind: Kind
    ref_id: int
    ref_author_id: int
    quote_id: int
    conversation_id: int
    flags: int
    audience: Audience
    # 1 as written, one more with each edit.
    version: int
    body: bytes
    deleted: bool = False
    likes: int = 0
    retweets: int = 0
    replies: int = 0
    quotes: int = 0
    bookmarks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """A poll as it stands; `voted` is the viewer's option, None when they haven't voted."""

    ends_ms: int
    options: Sequence[str]
    votes: Sequence[int]
    voted: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Tweets by id with those they show inside, their polls, and the viewer's own flags."""

    tweets: Mapping[int, Tweet]
    polls: Mapping[int, Poll]
    liked: AbstractSet[int]
    retweeted: AbstractSet[int]
    bookmarked: AbstractSet[int]


@dataclass(frozen=True, slots=True)
class Written:
    """The id that a write made or found, and whether it was there before."""

    id: int
    repeated: bool
    # As it was written, where the writer knows all that `load` would tell of it: it shows no other tweet, and no poll.
    tweet: Tweet | None = None


@dataclass(frozen=True, slots=True)
class ThreadWritten:
    """The ids of a thread in order, and whether they were there before."""

    ids: Sequence[int]
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EditRules:
    """How long after its publication and how often a tweet may be edited."""

    window_ms: int
    limit: int


@dataclass(frozen=True, slots=True)
class AuthorCounts:
    """An author's existing tweets, and the likes that they received."""

    tweets: int
    likes: int


class TweetStore(Protocol):
    """Tweets, retweets and likes, with exact counters."""

    async def settled(self, claim: Claim) -> int | None:
        """Return the id that `claim` was settled with; None when it wasn't. Raises Conflict for another body."""

    async def insert(self, draft: Draft, *, claim: Claim | None) -> Written:
        """Store a tweet with its id, event and counters in one commit.

        Ids rise in the order of commits. A settled claim gives the first id
        again; a retweet of what the author retweets already gives that one.
        Raises NotFound when the tweet that it refers to is gone, Conflict when
        the claim's key came with another body.
        """

    async def insert_thread(self, drafts: Sequence[Draft], *, claim: Claim | None) -> ThreadWritten:
        """Store several tweets in one commit, each from the second on as a reply to the one before.

        Otherwise as `insert`: a settled claim gives the first ids again.
        """

    async def thread(self, first_id: int) -> Sequence[int]:
        """Return the ids that a claim settled with `first_id` stands for, in order."""

    async def edit(self, tweet_id: int, author_id: int, revision: Revision, rules: EditRules) -> bool:
        """Put a text in the place of the present one, which is kept, with event; tell whether it was another.

        Text, entities, language and version change in one step, and who is
        mentioned for the first time is told of it. Raises NotFound when missing
        or deleted, Forbidden for another author, FailedPrecondition for a
        retweet, a poll, and beyond what `rules` allow.
        """

    async def history(self, tweet_id: int) -> Sequence[tuple[int, bytes]]:
        """Return every version of an existing tweet with its body, newest first; nothing when it is gone."""

    async def delete(self, tweet_id: int, author_id: int) -> None:
        """Delete softly, with event and counters; its pin, mentions and hashtags go at once.

        Raises NotFound when missing or deleted already, Forbidden for another author.
        """

    async def undo_retweet(self, original_id: int, user_id: int) -> None:
        """Delete the user's retweet of `original_id`; nothing when there is none."""

    async def like(self, tweet_id: int, user_id: int, *, claim: Claim | None) -> bool:
        """Make a like active, with event and counters; tell whether it was not. Raises NotFound for a deleted tweet."""

    async def unlike(self, tweet_id: int, user_id: int) -> None:
        """Make a like inactive, with event and counters; nothing when it is."""

    async def load(self, ids: Sequence[int], *, viewer_id: int) -> Loaded:
        """Return the tweets with what they quote, retweet and the quotes inside retweets, deleted ones included.

        Missing ids are left out. A fixed number of queries whatever is asked.
        """

    async def reply_ids(self, tweet_id: int, page: PageRequest) -> Sequence[int]:
        """Return up to `page.limit` direct replies that exist, newest first, within the bounds of `page`."""

    async def entries(
        self, author_ids: Sequence[int], page: PageRequest, *, no_replies: bool, media_only: bool
    ) -> bytes:
        """Return the newest `page.limit` existing tweets of all authors together, as packed rows, newest first.

        At most 100 authors, none of them twice; one query, which reads little more than it returns.
        """

    async def earliest_retweets(
        self, original_ids: Sequence[int], author_ids: AbstractSet[int]
    ) -> Sequence[tuple[int, int]]:
        """Return for each original the smallest existing retweet by one of `author_ids`, and its author; else zeros."""

    async def author_counts(self, user_ids: Sequence[int]) -> Sequence[AuthorCounts]:
        """Return exact counts in the order asked for, zeros for the unknown."""
