"""Aviary in plain Python, nothing cached and nothing fast: who stands how to whom, and what everybody sees."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from tests.model.records import Account, Kept, Post, Refused, UserList


@dataclass
class Mute:
    owner: Account
    member: Account
    # None for good.
    until_ms: int | None


@dataclass
class World:
    """Everything that people did; each list in the order of its making, pairs from who did it."""

    now_ms: int = 0
    accounts: list[Account] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    lists: list[UserList] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    follows: list[tuple[Account, Account]] = field(default_factory=list)
    requests: list[tuple[Account, Account]] = field(default_factory=list)
    blocks: list[tuple[Account, Account]] = field(default_factory=list)
    mutes: list[Mute] = field(default_factory=list)
    likes: list[tuple[Account, Post]] = field(default_factory=list)
    bookmarks: list[tuple[Account, Post]] = field(default_factory=list)
    list_members: list[tuple[Account, UserList]] = field(default_factory=list)
    list_follows: list[tuple[Account, UserList]] = field(default_factory=list)

    # Who stands how to whom.

    def apart(self, one: Account, other: Account) -> bool:
        return (one, other) in self.blocks or (other, one) in self.blocks

    def meets(self, viewer: Account, other: Account) -> bool:
        return other.stands and not self.apart(viewer, other)

    def reads(self, viewer: Account, author: Account) -> bool:
        """Whether the author's tweets are open to the viewer."""
        is_open = not author.protected or viewer is author or (viewer, author) in self.follows
        return self.meets(viewer, author) and is_open

    def mutes_now(self, viewer: Account, other: Account) -> bool:
        return other in self.muted(viewer)

    def muted(self, viewer: Account) -> list[Account]:
        return [
            mute.member
            for mute in reversed(self.mutes)
            if mute.owner is viewer and (mute.until_ms is None or mute.until_ms > self.now_ms)
        ]

    # The one rule of what is visible.

    def sees(self, viewer: Account, post: Post, *, asked: bool = False) -> bool:
        """`asked`: the viewer came for this very tweet, its author or their own collection."""
        if post.deleted or not self.reads(viewer, post.author):
            return False
        if not asked and viewer is not post.author and self.is_unwanted(viewer, post):
            return False
        return post.type != "retweet" or self.sees(viewer, post.original, asked=asked)

    def is_unwanted(self, viewer: Account, post: Post) -> bool:
        words = re.findall(r"\w+", post.text.content.casefold())
        return (
            self.mutes_now(viewer, post.author)
            or (viewer.hide_sensitive and post.sensitive)
            or any(muted.casefold() in words for muted in viewer.muted_words)
        )

    # The one rule of the home, which lists share.

    def home(self, viewer: Account) -> list[Post]:
        followed = {followee for follower, followee in self.follows if follower is viewer}
        return self.merged(viewer, {viewer} | (followed - set(self.muted(viewer))))

    def list_timeline(self, viewer: Account, of: UserList) -> list[Post]:
        self.must_see_list(viewer, of)
        members = {who for who, each in self.list_members if each is of}
        unwanted = {who for who in members if self.apart(viewer, who) or self.mutes_now(viewer, who)}
        return self.merged(viewer, members - unwanted)

    def merged(self, viewer: Account, sources: Collection[Account]) -> list[Post]:
        """The sources' tweets, replies only between sources; an original and its retweets once."""

        def belongs(post: Post) -> bool:
            return post.author in sources and post.counterpart in sources

        def stands_for_its_original(post: Post) -> bool:
            retweets = (each for each in self.retweets(post.original) if each.author in sources)
            first = next((each for each in retweets if self.sees(viewer, each)), None)
            return first is post and not belongs(post.original)

        return [
            post
            for post in self.newest(self.posts)
            if self.sees(viewer, post) and belongs(post) and (post.type != "retweet" or stands_for_its_original(post))
        ]

    # Other lists of tweets.

    def user_timeline(self, viewer: Account, author: Account, only: str) -> list[Post]:
        if not self.reads(viewer, author):
            raise Refused("NOT_FOUND")
        left_out = {"all": (), "no_replies": ("reply",), "media": ("original", "reply", "quote", "retweet")}[only]
        return [
            post
            for post in self.newest(self.posts)
            if post.author is author and post.type not in left_out and self.sees(viewer, post, asked=True)
        ]

    def mentions(self, viewer: Account) -> list[Post]:
        return self.shown(viewer, (post for post in self.posts if viewer in post.text.mentions))

    def hashtag(self, viewer: Account, tag: str) -> list[Post]:
        wanted = tag.removeprefix("#").casefold()
        return self.shown(viewer, (post for post in self.posts if wanted in map(str.casefold, post.text.tags)))

    def liked(self, viewer: Account) -> list[Post]:
        return self.collection(viewer, self.likes)

    def bookmarked(self, viewer: Account) -> list[Post]:
        return self.collection(viewer, self.bookmarks)

    def collection(self, viewer: Account, pairs: list[tuple[Account, Post]]) -> list[Post]:
        return [post for who, post in reversed(pairs) if who is viewer and self.sees(viewer, post, asked=True)]

    def replies(self, viewer: Account, post: Post) -> list[Post]:
        original = self.asked_for(viewer, post)
        return self.shown(viewer, self.replies_to(original))

    def quotes(self, viewer: Account, post: Post) -> list[Post]:
        original = self.asked_for(viewer, post)
        return self.shown(viewer, self.quotes_of(original))

    def conversation(self, viewer: Account, post: Post) -> list[Post]:
        original = self.asked_for(viewer, post)
        above = [each for each in (original, *original.ancestors()) if self.sees(viewer, each, asked=True)]
        below = self.shown(viewer, (each for each in self.posts if original in each.ancestors()))
        return self.newest(above + below)

    # Lists of people.

    def likers(self, viewer: Account, post: Post) -> list[Account]:
        original = self.asked_for(viewer, post)
        return self.met(viewer, (who for who, liked in reversed(self.likes) if liked is original))

    def retweeters(self, viewer: Account, post: Post) -> list[Account]:
        original = self.asked_for(viewer, post)
        return self.met(viewer, (each.author for each in self.newest(self.retweets(original))))

    def followers(self, viewer: Account, user: Account) -> list[Account]:
        self.must_read(viewer, user)
        return self.met(viewer, (who for who, followee in reversed(self.follows) if followee is user))

    def following(self, viewer: Account, user: Account) -> list[Account]:
        self.must_read(viewer, user)
        return self.met(viewer, (whom for follower, whom in reversed(self.follows) if follower is user))

    def mutuals(self, viewer: Account, user: Account) -> list[Account]:
        self.must_read(viewer, user)
        mine = (whom for follower, whom in reversed(self.follows) if follower is viewer)
        return self.met(viewer, (whom for whom in mine if (whom, user) in self.follows))

    def blocked(self, viewer: Account) -> list[Account]:
        return [whom for who, whom in reversed(self.blocks) if who is viewer and whom.stands]

    def muted_list(self, viewer: Account) -> list[Account]:
        return [whom for whom in self.muted(viewer) if whom.stands]

    def asking(self, viewer: Account) -> list[Account]:
        return self.met(viewer, (who for who, whom in reversed(self.requests) if whom is viewer))

    # Lists that people make.

    def sees_list(self, viewer: Account, of: UserList) -> bool:
        is_open = not of.private or viewer is of.owner
        return not of.deleted and is_open and self.meets(viewer, of.owner)

    def owned_lists(self, viewer: Account, owner: Account) -> list[UserList]:
        self.must_meet(viewer, owner)
        return [each for each in reversed(self.lists) if each.owner is owner and self.sees_list(viewer, each)]

    def followed_lists(self, viewer: Account) -> list[UserList]:
        return [of for who, of in reversed(self.list_follows) if who is viewer and self.sees_list(viewer, of)]

    def memberships(self, viewer: Account, user: Account) -> list[UserList]:
        self.must_meet(viewer, user)
        return [of for who, of in reversed(self.list_members) if who is user and self.sees_list(viewer, of)]

    def members(self, viewer: Account, of: UserList) -> list[Account]:
        self.must_see_list(viewer, of)
        return self.met(viewer, (who for who, each in reversed(self.list_members) if each is of))

    def list_followers(self, viewer: Account, of: UserList) -> list[Account]:
        self.must_see_list(viewer, of)
        return self.met(viewer, (who for who, each in reversed(self.list_follows) if each is of))

    # What belongs to a tweet or a person, whoever looks.

    def retweets(self, post: Post) -> list[Post]:
        return [each for each in self.posts if each.type == "retweet" and each.ref is post and not each.deleted]

    def replies_to(self, post: Post) -> list[Post]:
        return [each for each in self.posts if each.type == "reply" and each.ref is post and not each.deleted]

    def quotes_of(self, post: Post) -> list[Post]:
        return [each for each in self.posts if each.quoted is post and not each.deleted]

    def retweet_by(self, post: Post, person: Account) -> Post | None:
        return next((each for each in self.retweets(post.original) if each.author is person), None)

    def counts(self, post: Post) -> tuple[int, int, int, int, int]:
        return (
            sum(liked is post for _, liked in self.likes),
            len(self.retweets(post)),
            len(self.replies_to(post)),
            len(self.quotes_of(post)),
            sum(kept is post for _, kept in self.bookmarks),
        )

    def user_counts(self, user: Account) -> tuple[int, int, int, int]:
        """Followers, following, tweets, and likes received on those that exist."""
        return (
            sum(followee is user for _, followee in self.follows),
            sum(follower is user for follower, _ in self.follows),
            sum(post.author is user and not post.deleted for post in self.posts),
            sum(post.author is user and not post.deleted for _, post in self.likes),
        )

    # What is asked of others, or is not there.

    def asked_for(self, viewer: Account, post: Post) -> Post:
        """The tweet or a retweet's original, when the viewer may see what they asked for."""
        if not self.sees(viewer, post, asked=True):
            raise Refused("NOT_FOUND")
        return post.original

    def must_meet(self, viewer: Account, user: Account) -> None:
        if not self.meets(viewer, user):
            raise Refused("NOT_FOUND")

    def must_read(self, viewer: Account, user: Account) -> None:
        if not self.reads(viewer, user):
            raise Refused("NOT_FOUND")

    def must_see_list(self, viewer: Account, of: UserList) -> None:
        if not self.sees_list(viewer, of):
            raise Refused("NOT_FOUND")

    def shown(self, viewer: Account, posts: Iterable[Post]) -> list[Post]:
        return self.newest([post for post in posts if self.sees(viewer, post)])

    def met(self, viewer: Account, people: Iterable[Account]) -> list[Account]:
        return [each for each in people if self.meets(viewer, each)]

    @staticmethod
    def newest(posts: list[Post]) -> list[Post]:
        return sorted(posts, key=lambda post: -post.id)

    def named(self, name: str) -> Account | None:
        return next((each for each in self.accounts if each.name.lower() == name.lower() and not each.deleted), None)
