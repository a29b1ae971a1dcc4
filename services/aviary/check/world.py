"""What the journal says must be there: people, follows, and tweets with what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from aviary.check.journal import Call, Journal, Outcome


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who registered; `number` is theirs in the load, `id` the platform's."""

    number: int
    id: int
    username: str
    password: str


@dataclass(slots=True, eq=False)
class Tweet:
    """A tweet of any type. `of` is what it answers, quotes or retweets, and never a retweet itself."""

    id: int
    author: int
    type: str
    content: str
    created_at: str
    of: Tweet | None = None
    deleted: bool = False
    likers: set[int] = field(default_factory=set[int])
    about: list[Tweet] = field(default_factory=list["Tweet"])  # its replies, quotes and retweets, deleted ones too

    @property
    def stands(self) -> bool:
        """Whether it can be seen: a retweet goes with its original."""
        return not self.deleted and not (self.type == "retweet" and self.of is not None and self.of.deleted)

    def standing(self, type_: str) -> Iterator[Tweet]:
        return (tweet for tweet in self.about if tweet.type == type_ and not tweet.deleted)

    def retweet_by(self, user: int) -> Tweet | None:
        return next((retweet for retweet in self.standing("retweet") if retweet.author == user), None)


_TYPES = {"post": "original", "reply": "reply", "quote": "quote", "retweet": "retweet"}


class World:
    """Plays calls back. All ids are the platform's.

    Calls of different people on the same tweet may have been done in another order than theirs here. That changes
    nothing: a relation is its owner's alone, and a deletion is final whatever came before it.
    """

    def __init__(self) -> None:
        self.people: dict[int, Person] = {}
        self.following: dict[int, set[int]] = {}
        self.followers: dict[int, set[int]] = {}
        self.tweets: dict[int, Tweet] = {}
        self.by: dict[int, list[Tweet]] = {}
        self.ids: dict[int, int] = {}  # by the number in the load
        self.twice: list[Tweet] = []  # second retweets of one tweet by one person

    def register(self, call: Call, id_: int) -> None:
        person = Person(call.user, id_, call.args["username"], call.args["password"])
        self.people[id_] = person
        self.ids[call.user] = id_
        self.following[id_], self.followers[id_], self.by[id_] = set(), set(), []

    def set_follow(self, who: int, whom: int, *, follows: bool) -> None:
        change = set[int].add if follows else set[int].discard
        change(self.following[who], whom)
        change(self.followers[whom], who)

    def set_like(self, who: int, tweet: Tweet, *, likes: bool) -> None:
        change = set[int].add if likes else set[int].discard
        change(tweet.likers, who)

    def create(self, call: Call, id_: int, created_at: str) -> None:
        of = self.meant(call)
        author = self.ids[call.user]
        if call.op == "retweet" and of and (standing := of.retweet_by(author)):
            if standing.id != id_:
                self.twice.append(Tweet(id_, author, "retweet", "", created_at, of))
            return
        tweet = Tweet(id_, author, _TYPES[call.op], call.args.get("content", ""), created_at, of)
        self.tweets[id_] = tweet
        self.by[author].append(tweet)
        if of:
            of.about.append(tweet)

    def named(self, call: Call) -> Tweet | None:
        """The tweet whose id the call carried."""
        return self.tweets.get(int(call.args["tweet_id"])) if "tweet_id" in call.args else None

    def meant(self, call: Call) -> Tweet | None:
        """That tweet, or its original when it is a retweet."""
        tweet = self.named(call)
        return tweet.of if tweet and tweet.type == "retweet" else tweet

    def play(self, call: Call) -> None:
        """Do what an acknowledged call did."""
        who = self.ids.get(call.user, 0)
        match call.op:
            case "register":
                self.register(call, call.id)
            case "follow" | "unfollow":
                self.set_follow(who, int(call.args["user_id"]), follows=call.op == "follow")
            case "like" | "unlike":
                if tweet := self.meant(call):
                    self.set_like(who, tweet, likes=call.op == "like")
            case "unretweet" | "delete":
                if tweet := self.removed(call):
                    tweet.deleted = True
            case "post" | "reply" | "quote" | "retweet":
                self.create(call, call.id, call.at)
            case _:
                pass

    def removed(self, call: Call) -> Tweet | None:
        """The tweet that a deletion or the undoing of a retweet takes away."""
        if call.op == "delete":
            return self.named(call)
        original = self.meant(call)
        return original.retweet_by(self.ids[call.user]) if original else None


def rebuild(journal: Journal) -> tuple[World, list[Call]]:
    """The world of all that was acknowledged, and the calls of which nobody knows."""
    world = World()
    for call in journal.calls:
        if call.outcome is Outcome.DONE:
            world.play(call)
    return world, [call for call in journal.calls if call.outcome is Outcome.UNKNOWN]
