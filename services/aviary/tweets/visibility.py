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

from aviary import _native
from aviary.standing import APART, Standing
from aviary.surfaces import Surface
from aviary.tweets import encoding
from aviary.tweets.muting import MutedWords
from aviary.tweets.store import SENSITIVE, Kind, Tweet

# Plain numbers, for a page asks dozens of times and a flag's own arithmetic is slow.
_APART, _FOLLOWING, _MUTING = int(APART), int(Standing.FOLLOWING), int(Standing.MUTING)
# The facts that the rule goes by; the bits are those of native/src/front/rule.rs.
_IS_DELETED, _IS_OWN, _AUTHOR_GONE, _ARE_APART, _IS_PROTECTED, _IS_FOLLOWING, _IS_MUTING, _IS_HIDDEN = (
    1 << bit for bit in range(8)
)


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
        return _native.is_open(self.facts(user_id))

    def facts(self, user_id: int) -> int:
        """Return what of the person decides who sees their tweets."""
        if (person := self.people.get(user_id)) is None:
            return _AUTHOR_GONE
        if user_id == self.viewer.id:
            return _IS_OWN
        standing = self.standings.get(user_id, 0)
        return (
            (_IS_PROTECTED if person.protected else 0)
            | (_ARE_APART if standing & _APART else 0)
            | (_IS_FOLLOWING if standing & _FOLLOWING else 0)
            | (_IS_MUTING if standing & _MUTING else 0)
        )


@dataclass(frozen=True, slots=True)
class Sight:
    """One viewer's look at some tweets; `tweets` holds those inside them too."""

    regard: Regard
    tweets: Mapping[int, Tweet]
    surface: Surface

    def shows(self, tweet_id: int) -> bool:
        """Tell whether the viewer may see the tweet here."""
        tweet = self.tweets.get(tweet_id)
        if tweet is None or not _native.is_visible(self._facts(tweet), self.surface is Surface.ASKED):
            return False
        if self.surface is Surface.SHOWN and self._has_muted_word(tweet):
            return False
        return tweet.kind is not Kind.RETWEET or self.shows(tweet.ref_id)

    def _facts(self, tweet: Tweet) -> int:
        is_hidden = self.regard.viewer.hide_sensitive and tweet.flags & SENSITIVE
        return (
            self.regard.facts(tweet.author_id)
            | (_IS_DELETED if tweet.deleted else 0)
            | (_IS_HIDDEN if is_hidden else 0)
        )

    def _has_muted_word(self, tweet: Tweet) -> bool:
        # Looked for where nothing else decides: it is dear.
        viewer = self.regard.viewer
        return tweet.author_id != viewer.id and viewer.muted_words.match(lambda: encoding.text(tweet.body))
