"""What there is in the world of the reference: accounts, tweets, lists and what waits to be published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

MINUTE_MS = 60_000


class Refused(Exception):
    """The product says no, with the name of a gRPC status."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def code_of(act: Callable[[], object]) -> str:
    """Do something and tell how it ends, by a gRPC status's name."""
    try:
        act()
    except Refused as refusal:
        return refusal.code
    return "OK"


@dataclass(eq=False, kw_only=True)
class Account:
    """Somebody; deleted ones stay here because others still point at them."""

    id: int
    name: str
    bio: str = ""
    protected: bool = False
    hide_sensitive: bool = False
    muted_words: tuple[str, ...] = ()
    suspended: bool = False
    deactivated: bool = False
    deleted: bool = False
    pinned: Post | None = None

    def __repr__(self) -> str:
        return self.name

    @property
    def stands(self) -> bool:
        return not (self.suspended or self.deactivated or self.deleted)


@dataclass(frozen=True, kw_only=True)
class Text:
    """What somebody writes, and the people and tags that it names."""

    content: str
    mentions: tuple[Account, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(eq=False, kw_only=True)
class Poll:
    options: tuple[str, ...]
    ends_ms: int
    votes: dict[Account, int] = field(default_factory=dict)


@dataclass(kw_only=True)
class Wish:
    """What is to be published, now or later."""

    content: str
    reply_to: Post | None = None
    quoting: Post | None = None
    sensitive: bool = False
    warning: str = ""
    audience: str = ""
    options: tuple[str, ...] = ()
    minutes: int = 0


@dataclass(eq=False, kw_only=True)
class Post:
    """A tweet of any type; `ref` is what it replies to or retweets."""

    id: int
    author: Account
    type: str
    made_ms: int
    texts: list[Text]
    ref: Post | None = None
    quoted: Post | None = None
    sensitive: bool = False
    warning: str = ""
    audience: str = "everyone"
    poll: Poll | None = None
    deleted: bool = False
    # Nothing is left of it: not even what it replied to is known any more.
    erased: bool = False

    def __repr__(self) -> str:
        return f"{self.type}{self.id}"

    @property
    def original(self) -> Post:
        """What a retweet stands for; any other tweet itself."""
        return self.ref if self.type == "retweet" and self.ref else self

    @property
    def text(self) -> Text:
        return self.texts[-1]

    @property
    def counterpart(self) -> Account:
        """Whom a reply answers; of any other tweet its author."""
        return self.ref.author if self.type == "reply" and self.ref else self.author

    @property
    def root(self) -> Post:
        """The first tweet of the conversation."""
        return self.ref.root if self.ref else self

    def ancestors(self) -> Iterator[Post]:
        """What it replies to, and so on, as far as that is known."""
        above = self.ref if self.type == "reply" else None
        while above is not None and not above.erased:
            yield above
            above = above.ref if above.type == "reply" else None


@dataclass(eq=False, kw_only=True)
class UserList:
    """A list of people."""

    id: int
    owner: Account
    name: str
    private: bool
    deleted: bool = False


@dataclass(eq=False, kw_only=True)
class Kept:
    """A draft, or with `publish_ms` a scheduled tweet."""

    id: int
    owner: Account
    wish: Wish
    publish_ms: int = 0
    failed: bool = False
