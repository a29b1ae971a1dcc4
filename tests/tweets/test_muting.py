"""Muted words: found whole, in any case and form, and cheaply."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aviary.tweets.muting import MutedWords

_WORDS = st.text(st.characters(categories=["Ll", "Lu", "Nd"]), min_size=1, max_size=8)
_GAPS = st.text(st.sampled_from(" \n\t.,;:!?()\"'…—"), min_size=1, max_size=4)


def matches(word: str, text: str) -> bool:
    return MutedWords([word]).match(lambda: text)


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("cat", "Cat!", True),
        ("cat", "#cat", True),
        ("#cat", "a #CAT sat", True),
        ("#cat", "a cat sat", False),
        ("cat", "cats", False),
        ("cat", "concat", False),
        ("cat", "cat_food", False),
        ("good  night", "Good\nnight, all", True),
        ("good night", "goodnight", False),
        ("straße", "STRASSE", True),
        ("ﬁsh", "fish", True),
        ("café", "cafe\u0301", True),
        ("猫", "黒猫です", True),
        ("ねこ", "いぬとねこ", True),
        ("แมว", "แมวดำ", True),
        ("c++", "I write C++ daily", True),
        ("c++", "c+++", True),
        (".*", "anything", False),
        (".*", "the pattern .* is greedy", True),
        ("🐍", "python🐍!", True),
        ("@ada", "thanks @Ada!", True),
        ("@ada", "thanks @adam", False),
    ],
)
def test_a_word_is_found_whole_in_any_case_and_form(word: str, text: str, *, found: bool) -> None:
    assert matches(word, text) is found


@settings(max_examples=40)
@given(word=_WORDS, before=_GAPS, after=_GAPS)
@example(word="İ", before=" ", after=" ")
@example(word="ῢ", before=":", after=":")
def test_a_word_between_gaps_is_found_however_its_case(word: str, before: str, after: str) -> None:
    for written in (word, word.upper(), word.lower(), unicodedata.normalize("NFKD", word)):
        if written.casefold() == word.casefold() or unicodedata.normalize("NFKC", written) == word:
            assert matches(word, f"so{before}{written}{after}on")


@given(
    word=st.text(st.characters(categories=["Ll"], max_codepoint=0x24F), min_size=1, max_size=8),
    letter=st.sampled_from("abcxyz"),
)
def test_a_word_inside_another_is_not_found(word: str, letter: str) -> None:
    longer = f"{letter}{word}{letter}"
    if word not in {letter, letter * 2} and longer.count(word) == 1:
        assert not matches(word, longer)
        assert not matches(word, f"so, {longer}!")


@given(words=st.lists(st.text(max_size=10), max_size=5), text=st.text(max_size=50))
def test_several_words_find_what_any_of_them_finds(words: list[str], text: str) -> None:
    assert MutedWords(words).match(lambda: text) is any(matches(word, text) for word in words)


@given(words=st.lists(st.text(max_size=20)), text=st.text())
def test_no_word_and_no_text_breaks_it(words: list[str], text: str) -> None:
    MutedWords(words).match(lambda: text)


@given(st.lists(st.text(" \n\t\u3000", max_size=5)))
def test_blank_words_mute_nothing_and_the_text_is_not_even_read(words: list[str]) -> None:
    def unread() -> str:
        raise AssertionError("the text was read")

    assert not MutedWords(words).match(unread)
