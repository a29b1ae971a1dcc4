"""Whether a password is among those that are guessed first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

_MIN_DISTINCT = 4
# A shorter name is in many good passwords by chance.
_MIN_NAME = 4

# What the most used ones of published leaks are built on. Digits and signs at either end don't make another
# password of it: "Password123!" is "password".
_COMMON = frozenset(
    """
    password passw0rd p@ssword p@ssw0rd pa55word passwort passphrase mypassword thepassword
    qwerty qwertyu qwertyui qwertyuiop qwerty1qwerty asdfgh asdfghjk asdfghjkl zxcvbn zxcvbnm qazwsx qazwsxedc
    1qaz2wsx 1q2w3e4r 1q2w3e4r5t q1w2e3r4 q1w2e3r4t5 zaq12wsx zaq1zaq1 qwer1234 asdf1234 abcd1234 abc12345 a1b2c3d4
    letmein iloveyou iloveu loveyou ilovegod lovely welcome admin administrator master superman batman spiderman
    starwars pokemon football baseball basketball softball soccer hockey liverpool chelsea arsenal barcelona
    princess sunshine butterfly chocolate dragon monkey shadow michael jordan jennifer michelle charlie jessica
    computer internet internet1 samsung google facebook twitter trustno whatever freedom secret changeme default
    mustang corvette ferrari mercedes porsche harley diamond jasmine cookie ginger pepper flower hunter killer
    test testtest testing tester guest login access root toor temp temporary aviary hello helloworld
    11223344 12341234 12121212 12344321 13579246 123123123 147258369
    """.split()  # noqa: SIM905 - words read best as words
)
_DIGITS_AND_SIGNS = "0123456789!@#$%^&*()-_=+.,;:?/ "


def weakness(password: str, *, names: Sequence[str]) -> str:
    """Return why `password` is too easy to guess, as the end of a sentence, "" when it isn't."""
    folded = password.casefold()
    if len(set(folded)) < _MIN_DISTINCT:
        return f"has {len(set(folded))} different characters; it must have at least {_MIN_DISTINCT}"
    if _is_common(folded):
        return "is one of the most common ones; choose another"
    if _is_run(folded):
        return "is a run of neighbouring characters; choose another"
    if any(_holds(folded, name.casefold()) for name in names):
        return "holds the username or the beginning of the email; choose another"
    return ""


def _is_common(folded: str) -> bool:
    return folded in _COMMON or folded.strip(_DIGITS_AND_SIGNS) in _COMMON


def _is_run(folded: str) -> bool:
    steps = {ord(after) - ord(before) for before, after in pairwise(folded)}
    # "1234567890" wraps at its end.
    return steps in ({1}, {-1}) or folded in "12345678901234567890"


def _holds(folded: str, name: str) -> bool:
    return folded == name or (len(name) >= _MIN_NAME and name in folded)
