"""A planned call: who does what to whom or to which tweet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Op(StrEnum):
    """What a call does. READ looks at the first page of home; SEE does so until it shows a certain tweet."""

    REGISTER = "register"
    FOLLOW = "follow"
    UNFOLLOW = "unfollow"
    READ = "read"
    SEE = "see"
    POST = "post"
    REPLY = "reply"
    QUOTE = "quote"
    RETWEET = "retweet"
    UNRETWEET = "unretweet"
    LIKE = "like"
    UNLIKE = "unlike"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of person `who`. `of` is the index of the call that made the tweet it is about."""

    index: int
    who: int
    op: Op
    whom: int | None = None
    of: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """Calls that may run side by side, as long as each person's stay in order."""

    name: str
    calls: tuple[Call, ...]
