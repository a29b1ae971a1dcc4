"""The pull oracle: a home and a list read straight from everything that was ever posted, with nothing held."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A tweet; `ref` is what it replies to or retweets."""

    id: int
    author: int
    kind: str
    ref: Post | None = None

    @property
    def counterpart(self) -> int:
        """Whose being a source the post needs beside its author's."""
        return self.ref.author if self.kind == "reply" and self.ref else self.author


@dataclass(slots=True)
class Oracle:
    """All posts, in the order of their making."""

    posts: list[Post] = field(default_factory=list)

    def belonging(self, sources: Collection[int]) -> list[int]:
        """The ids of what belongs to those sources by the rule of timelines/rule.py, the newest first."""
        taken: set[int] = set()
        found: list[int] = []
        for post in sorted(self.posts, key=lambda each: each.id):
            if post.author not in sources or post.counterpart not in sources:
                continue
            if post.kind == "retweet" and post.ref is not None:
                original = post.ref
                if original.id in taken or (original.author in sources and original.counterpart in sources):
                    continue
                taken.add(original.id)
            found.append(post.id)
        return found[::-1]
