"""The truth table of who sees what: every combination fits one row, and the rule answers as that row says."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.standing import Standing
from aviary.surfaces import Surface
from aviary.tweets.muting import MutedWords
from aviary.tweets.store import SENSITIVE, Audience, Kind, Tweet
from aviary.tweets.visibility import Person, Regard, Sight, Viewer

# One row a case; "-" is either. A combination that fits no row, or two, fails the test.
#
# looks    who looks at whose tweet: "own", or "others"
# account  the author's: "open", "protected" or "away", which is gone, suspended and deactivated
# apart    one of the two blocks the other
# follows  the viewer follows the author
# muted    the viewer muted the author
# unwanted it is sensitive and the viewer hides those, or holds a word that the viewer muted
# deleted  the tweet
TABLE = """
looks   account    apart  follows  muted  unwanted  deleted | shown  asked
-       -          -      -        -      -         yes     | no     no
-       away       -      -        -      -         no      | no     no
own     open       -      -        -      -         no      | yes    yes
own     protected  -      -        -      -         no      | yes    yes
others  open       yes    -        -      -         no      | no     no
others  open       no     -        yes    -         no      | no     yes
others  open       no     -        no     yes       no      | no     yes
others  open       no     -        no     no        no      | yes    yes
others  protected  yes    -        -      -         no      | no     no
others  protected  no     no       -      -         no      | no     no
others  protected  no     yes      yes    -         no      | no     yes
others  protected  no     yes      no     yes       no      | no     yes
others  protected  no     yes      no     no        no      | yes    yes
"""
_HEADER, *_ROWS = [line.replace("|", " ").split() for line in TABLE.strip().splitlines()]
_QUESTIONS = _HEADER[:-2]

VIEWER, AUTHOR, OTHER = 1, 2, 3
_WORD = "spiders"
_BONDS = [Standing(bits) for bits in range(32)]
_STRANGERS = Standing(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A tweet and the way between its author and the viewer."""

    is_own: bool = False
    account: str = "open"
    bonds: Standing = _STRANGERS
    is_sensitive: bool = False
    has_word: bool = False
    is_deleted: bool = False
    hides_sensitive: bool = False
    mutes_word: bool = False

    def expected(self) -> dict[Surface, bool]:
        """What the table says."""
        *_, shown, asked = self.row()
        return {Surface.SHOWN: shown == "yes", Surface.ASKED: asked == "yes"}

    def row(self) -> tuple[str, ...]:
        """The one row that fits."""
        unwanted = (self.is_sensitive and self.hides_sensitive) or (self.has_word and self.mutes_word)
        answers = {
            "looks": "own" if self.is_own else "others",
            "account": self.account,
            "apart": _yes(bool(self.bonds & (Standing.BLOCKING | Standing.BLOCKED_BY))),
            "follows": _yes(bool(self.bonds & Standing.FOLLOWING)),
            "muted": _yes(bool(self.bonds & Standing.MUTING)),
            "unwanted": _yes(unwanted),
            "deleted": _yes(self.is_deleted),
        }
        wanted = [answers[question] for question in _QUESTIONS]
        fitting = [
            row for row in _ROWS if all(said in {"-", want} for said, want in zip(row[:-2], wanted, strict=True))
        ]
        assert len(fitting) == 1, f"{answers} fits {fitting}"
        return tuple(fitting[0])

    def author(self) -> int:
        return VIEWER if self.is_own else AUTHOR


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


def tweet(tweet_id: int, author_id: int, case: Case, *, kind: Kind = Kind.ORIGINAL, ref_id: int = 0) -> Tweet:
    content = f"about {_WORD if case.has_word else 'birds'}"
    return Tweet(
        id=tweet_id,
        author_id=author_id,
        kind=kind,
        ref_id=ref_id,
        ref_author_id=0,
        quote_id=0,
        conversation_id=tweet_id,
        flags=SENSITIVE if case.is_sensitive else 0,
        audience=Audience.EVERYONE,
        version=1,
        body=b"" if kind is Kind.RETWEET else pb.Tweet(content=content).SerializeToString(),
        deleted=case.is_deleted,
        likes=0,
        retweets=0,
        replies=0,
        quotes=0,
        bookmarks=0,
    )


def regard(viewer_id: int, case: Case, *others: tuple[int, Case]) -> Regard:
    known = [(case.author(), case), *others]
    muted = MutedWords([_WORD] if case.mutes_word else [])
    return Regard(
        Viewer(viewer_id, hide_sensitive=case.hides_sensitive, muted_words=muted),
        {each: Person(of.account == "protected", b"") for each, of in known if of.account != "away"},
        {each: int(of.bonds) for each, of in known if of.bonds},
    )


def cases() -> Iterator[Case]:
    """Everything that there is; nobody has a bond to themselves."""
    no_yes = (False, True)
    flags = itertools.product(no_yes, repeat=5)
    for (sensitive, word, deleted, hides, mutes), account in itertools.product(flags, ("open", "protected", "away")):
        for is_own, bonds in [(True, _STRANGERS), *((False, each) for each in _BONDS)]:
            yield Case(
                is_own=is_own,
                account=account,
                bonds=bonds,
                is_sensitive=sensitive,
                has_word=word,
                is_deleted=deleted,
                hides_sensitive=hides,
                mutes_word=mutes,
            )


@pytest.mark.parametrize("surface", Surface)
def test_a_tweet_is_seen_as_the_table_says(surface: Surface) -> None:
    for case in cases():
        sight = Sight(regard(VIEWER, case), {10: tweet(10, case.author(), case)}, surface)
        assert sight.shows(10) is case.expected()[surface], f"{surface} of {case}"


def test_every_row_of_the_table_is_met() -> None:
    assert {case.row() for case in cases()} == {tuple(row) for row in _ROWS}


@pytest.mark.parametrize("surface", Surface)
@pytest.mark.parametrize("account", ["open", "protected", "away"])
def test_nobody_in_particular_sees_what_a_stranger_sees(surface: Surface, account: str) -> None:
    for is_deleted in (False, True):
        stranger = Case(account=account, is_deleted=is_deleted)
        sight = Sight(regard(0, stranger), {10: tweet(10, AUTHOR, stranger)}, surface)
        assert sight.shows(10) is stranger.expected()[surface]


def _retweet_cases() -> Iterator[Case]:
    for account, bonds, is_deleted in itertools.product(
        ("open", "protected", "away"), [_STRANGERS, *Standing], (False, True)
    ):
        yield Case(account=account, bonds=bonds, is_deleted=is_deleted)


@pytest.mark.parametrize("surface", Surface)
def test_a_retweet_is_seen_when_it_and_its_original_both_are(surface: Surface) -> None:
    for original, retweet in itertools.product(_retweet_cases(), repeat=2):
        tweets = {
            10: tweet(10, AUTHOR, original),
            11: tweet(11, OTHER, retweet, kind=Kind.RETWEET, ref_id=10),
        }
        sight = Sight(regard(VIEWER, original, (OTHER, retweet)), tweets, surface)
        expected = original.expected()[surface] and retweet.expected()[surface]
        assert sight.shows(11) is expected, f"{surface} of {retweet} of {original}"


@pytest.mark.parametrize("surface", Surface)
@pytest.mark.parametrize(
    "unwanted",
    [
        Case(is_sensitive=True, hides_sensitive=True),
        Case(has_word=True, mutes_word=True),
        Case(bonds=Standing.MUTING),
    ],
    ids=["sensitive", "muted word", "muted author"],
)
def test_a_retweet_brings_nothing_that_its_original_may_not(surface: Surface, unwanted: Case) -> None:
    for retweeter in (VIEWER, OTHER):
        tweets = {
            10: tweet(10, AUTHOR, unwanted),
            11: tweet(11, retweeter, Case(), kind=Kind.RETWEET, ref_id=10),
        }
        sight = Sight(regard(VIEWER, unwanted, (retweeter, Case())), tweets, surface)
        assert sight.shows(11) is (surface is Surface.ASKED)


@pytest.mark.parametrize("surface", Surface)
@pytest.mark.parametrize("kind", [Kind.REPLY, Kind.QUOTE])
def test_a_reply_and_a_quote_stand_without_the_other(surface: Surface, kind: Kind) -> None:
    gone = Case(is_deleted=True)
    tweets = {10: tweet(10, OTHER, gone), 11: tweet(11, AUTHOR, Case(), kind=kind, ref_id=10)}
    assert Sight(regard(VIEWER, Case(), (OTHER, gone)), tweets, surface).shows(11)
    del tweets[10]
    assert Sight(regard(VIEWER, Case()), tweets, surface).shows(11)


@pytest.mark.parametrize("surface", Surface)
def test_what_is_not_there_is_not_seen_and_breaks_nothing(surface: Surface) -> None:
    assert not Sight(regard(VIEWER, Case()), {}, surface).shows(10)
    dangling = {11: tweet(11, AUTHOR, Case(), kind=Kind.RETWEET, ref_id=10)}
    assert not Sight(regard(VIEWER, Case()), dangling, surface).shows(11)


def test_a_content_warning_is_searched_for_muted_words_too() -> None:
    muting = Case(mutes_word=True)
    body = pb.Tweet(content="look", content_warning=_WORD).SerializeToString()
    warned = {10: replace(tweet(10, AUTHOR, muting), body=body)}
    assert not Sight(regard(VIEWER, muting), warned, Surface.SHOWN).shows(10)
