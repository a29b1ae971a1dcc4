"""Compares what was shown with what must be, and names each difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from aviary.check.client import ShownTweet
from aviary.check.doubts import reference
from aviary.check.rules import Facts, facts
from aviary.check.world import Tweet, World


class Difference(NamedTuple):
    """One thing that is not as it must be. `kind` is missing, extra, twice, disordered, wrong or unreadable."""

    kind: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind:<10} {self.where}: {self.what}"


class Catalogue:
    """A world made ready for comparing: what each tweet must say is worked out once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._facts = {tweet.id: facts(tweet) for tweet in world.tweets.values()}
        self._retweeters = {
            tweet.id: {retweet.author for retweet in tweet.standing("retweet")} for tweet in world.tweets.values()
        }

    def name(self, tweet_id: int) -> str:
        """A tweet for a reader's eye."""
        tweet = self.world.tweets.get(tweet_id)
        if tweet is None:
            return f"tweet {tweet_id}, which nobody in the journal made"
        state = "" if tweet.stands else ", deleted"
        return f"{tweet.type} {tweet_id} by {self.world.people[tweet.author].username}{state}"

    def order(self, where: str, shown: Sequence[int], expected: Sequence[int]) -> Iterator[Difference]:
        """Compare the ids of a whole list."""
        for id_ in sorted(set(expected) - set(shown), reverse=True):
            yield Difference("missing", where, self.name(id_))
        for id_ in sorted(set(shown) - set(expected), reverse=True):
            yield Difference("extra", where, self.name(id_))
        for id_, times in Counter(shown).items():
            if times > 1:
                yield Difference("twice", where, f"{self.name(id_)}, {times} times")
        for newer, older in pairwise(shown):
            if newer < older:
                yield Difference("disordered", where, f"{self.name(older)} below {newer}")

    def tweet(self, where: str, shown: ShownTweet, viewer: int) -> Iterator[Difference]:
        """Compare what an entry says, and what the tweet inside it says."""
        tweet = self.world.tweets.get(int(shown["id"]))
        if tweet is None:
            return  # reported as extra
        yield from self._saying(where, shown, tweet, viewer)
        yield from self._referring(where, shown, tweet)
        for inner in (shown.get("retweeted_tweet"), shown.get("quoted_tweet")):
            if inner and tweet.of is not None and int(inner["id"]) == tweet.of.id:
                yield from self._saying(f"{where}, inside {tweet.id}", inner, tweet.of, viewer)

    def _saying(self, where: str, shown: ShownTweet, tweet: Tweet, viewer: int) -> Iterator[Difference]:
        # The counters of a retweet are its original's business.
        compared = 4 if tweet.type == "retweet" else len(Facts._fields)
        must, said = self._facts[tweet.id][:compared], _said(shown)[:compared]
        if said != must:
            pairs = zip(Facts._fields, said, must, strict=False)
            odd = ", ".join(f"{name} {is_!r}, not {was!r}" for name, is_, was in pairs if is_ != was)
            yield Difference("wrong", where, f"{self.name(tweet.id)}: {odd}")
        if tweet.type != "retweet":
            flags = (viewer in tweet.likers, viewer in self._retweeters[tweet.id])
            if (shown["is_liked"], shown["is_retweeted"]) != flags:
                yield Difference("wrong", where, f"{self.name(tweet.id)}: is_liked, is_retweeted are not {flags}")

    def _referring(self, where: str, shown: ShownTweet, tweet: Tweet) -> Iterator[Difference]:
        """A reply may go on naming a deleted parent; a quote must not go on showing what it quotes."""
        named, of = reference(shown), tweet.of
        gone = of is not None and of.deleted
        allowed: set[int | None] = {of.id if of else None}
        if gone:
            allowed = {None} if tweet.type == "quote" else {None, *allowed}
        if named not in allowed:
            yield Difference("wrong", where, f"{self.name(tweet.id)} refers to {named}, not {of.id if of else None}")


def _said(shown: ShownTweet) -> Facts:
    return Facts(
        shown["type"],
        shown["user"]["id"],
        shown["content"],
        shown["created_at"],
        shown["like_count"],
        shown["retweet_count"],
        shown["reply_count"],
        shown["quote_count"],
    )
