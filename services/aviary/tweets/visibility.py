"""The one rule of who may see a tweet; every surface asks it, at read.

| the tweet | its author | a list shows it | asked for |
| --- | --- | --- | --- |
| deleted | anybody | no | no |
| any | the viewer | yes | yes |
| any | gone, suspended or deactivated | no | no |
| any | blocks the viewer or is blocked | no | no |
| any | protected and not followed | no | no |
| any | muted | no | yes |
| sensitive, and the viewer hides those | anybody else | no | yes |
| has a word that the viewer muted | anybody else | no | yes |

A retweet is its original too: it needs both to be visible. A quote or a reply
stands without the other, which is then left out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aviary.standing import APART, Standing
from aviary.surfaces import Surface
from aviary.tweets import encoding
from aviary.tweets.muting import MutedWords
from aviary.tweets.store import SENSITIVE, Kind, Tweet

# Plain numbers, for a page asks dozens of times and a flag's own arithmetic is slow.
_APART, _FOLLOWING, _MUTING = int(APART), int(Standing.FOLLOWING), int(Standing.MUTING)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, and what they chose not to be shown; 0 is nobody in particular."""

    id: int
    hide_sensitive: bool = False
    muted_words: MutedWords = field(default_factory=MutedWords)


@dataclass(frozen=True, slots=True)
class Person:
    """An author; `card` is what tweets show of them, an encoded aviary.api.users.v1.UserSummary."""

    protected: bool
    card: bytes


@dataclass(frozen=True, slots=True)
class Regard:
    """How a viewer and some people stand to each other."""

    viewer: Viewer
    # Those who exist and are neither suspended nor deactivated.
    people: Mapping[int, Person]
    # As bits of `Standing`; strangers are left out.
    standings: Mapping[int, int]

    def meets(self, user_id: int) -> bool:
        """Tell whether the viewer may be shown the person: standing, and neither blocks the other."""
        return user_id in self.people and not self.standings.get(user_id, 0) & _APART

    def reads(self, user_id: int) -> bool:
        """Tell whether the person's tweets are open to the viewer."""
        if user_id == self.viewer.id:
            return user_id in self.people
        if not self.meets(user_id):
            return False
        return not self.people[user_id].protected or bool(self.standings.get(user_id, 0) & _FOLLOWING)


@dataclass(frozen=True, slots=True)
class Sight:
    """One viewer's look at some tweets; `tweets` holds those inside them too."""

    regard: Regard
    tweets: Mapping[int, Tweet]
    surface: Surface

    def shows(self, tweet_id: int) -> bool:
        """Tell whether the viewer may see the tweet here."""
        tweet = self.tweets.get(tweet_id)
        if tweet is None or tweet.deleted or not self.regard.reads(tweet.author_id):
            return False
        if self.surface is Surface.SHOWN and self._is_unwanted(tweet):
            return False
        return tweet.kind is not Kind.RETWEET or self.shows(tweet.ref_id)

    def _is_unwanted(self, tweet: Tweet) -> bool:
        viewer = self.regard.viewer
        if tweet.author_id == viewer.id:
            return False
        return bool(
            self.regard.standings.get(tweet.author_id, 0) & _MUTING
            or (viewer.hide_sensitive and tweet.flags & SENSITIVE)
            or viewer.muted_words.match(lambda: encoding.text(tweet.body))
        )
