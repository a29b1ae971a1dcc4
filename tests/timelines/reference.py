"""What everybody should see, in plain Python: the home rule and all that is counted, with nothing cached."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(eq=False, kw_only=True)
class Post:
    """A tweet of any type; `ref` is what it replies to or retweets."""

    id: int
    author: int
    type: str
    ref: Post | None = None
    quoted: Post | None = None
    deleted: bool = False
    likes: set[int] = field(default_factory=set)

    @property
    def gone(self) -> bool:
        return self.deleted or (self.type == "retweet" and self.original.deleted)

    @property
    def original(self) -> Post:
        """What a retweet stands for; any other tweet itself."""
        return self.ref if self.type == "retweet" and self.ref else self


class Reference:
    """Tweets and follows, each in the order of their making; a follow is (follower, followee)."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.follows: list[tuple[int, int]] = []

    def home(self, viewer: int) -> list[Post]:
        """The rule of timelines/home.py, word for word."""
        sources = {viewer, *self.following(viewer)}

        def belongs(post: Post) -> bool:
            counterpart = post.ref.author if post.type == "reply" and post.ref else post.author
            return not post.gone and post.author in sources and counterpart in sources

        def is_first(post: Post) -> bool:
            return not any(other.id < post.id for other in self.retweets(post.original) if other.author in sources)

        return [
            post
            for post in reversed(self.posts)
            if belongs(post) and (post.type != "retweet" or (not belongs(post.original) and is_first(post)))
        ]

    def user(self, author: int, *, no_replies: bool = False) -> list[Post]:
        return [
            post
            for post in reversed(self.posts)
            if post.author == author and not post.gone and not (no_replies and post.type == "reply")
        ]

    def replies(self, post: Post) -> list[Post]:
        return [each for each in reversed(self.posts) if each.type == "reply" and each.ref is post and not each.deleted]

    def retweets(self, post: Post) -> list[Post]:
        return [each for each in self.posts if each.type == "retweet" and each.ref is post and not each.deleted]

    def quotes(self, post: Post) -> list[Post]:
        return [each for each in self.posts if each.quoted is post and not each.deleted]

    def retweet_by(self, post: Post, person: int) -> Post | None:
        return next((each for each in self.retweets(post) if each.author == person), None)

    def followers(self, person: int) -> list[int]:
        return [follower for follower, followee in reversed(self.follows) if followee == person]

    def following(self, person: int) -> list[int]:
        return [followee for follower, followee in reversed(self.follows) if follower == person]

    def likes_received(self, person: int) -> int:
        return sum(len(post.likes) for post in self.posts if post.author == person and not post.deleted)

    def tweet_count(self, person: int) -> int:
        return sum(post.author == person and not post.deleted for post in self.posts)

    def standing(self) -> list[Post]:
        return [post for post in reversed(self.posts) if not post.gone]
