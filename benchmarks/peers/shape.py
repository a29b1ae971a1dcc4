"""What the API answers and takes, as models."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class UserSummary(BaseModel):
    # Ids are text in JSON, where numbers lose their last digits.
    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str
    username: str
    display_name: str
    avatar_url: str = ""
    verified: bool
    protected: bool


class Hashtag(BaseModel):
    tag: str
    start: int
    end: int


class Mention(BaseModel):
    username: str
    user_id: str
    start: int
    end: int


class Cashtag(BaseModel):
    symbol: str
    start: int
    end: int


class Url(BaseModel):
    url: str
    start: int
    end: int


class Entities(BaseModel):
    hashtags: list[Hashtag] = []
    mentions: list[Mention] = []
    cashtags: list[Cashtag] = []
    urls: list[Url] = []


class Tweet(BaseModel):
    """A tweet as a viewer sees it; what is None is left out."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str
    type: str
    user: UserSummary
    content: str
    created_at: str
    edited_at: str | None = None
    edit_count: int = 0
    language: str
    source: str
    conversation_id: str
    reply_to_id: str | None = None
    reply_to_user_id: str | None = None
    quote_tweet_id: str | None = None
    reply_audience: str
    media: list[str] = []
    is_sensitive: bool
    content_warning: str
    entities: Entities
    like_count: int = 0
    retweet_count: int = 0
    reply_count: int = 0
    quote_count: int = 0
    bookmark_count: int = 0
    impression_count: str = "0"
    is_liked: bool = False
    is_retweeted: bool = False
    is_bookmarked: bool = False
    quoted_tweet: Tweet | None = None
    retweeted_tweet: Tweet | None = None


class Pagination(BaseModel):
    limit: int
    next_cursor: str
    has_more: bool


class Page(BaseModel):
    tweets: list[Tweet]
    pagination: Pagination


class NewTweet(BaseModel):
    """An original of plain text: nothing else can be posted here."""

    model_config = ConfigDict(extra="forbid")

    content: str
