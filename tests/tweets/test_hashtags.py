"""Hashtags have one key however they are written."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from aviary import hashtags

_LETTERS = st.characters(categories=["Lu", "Ll", "Lt", "Lo", "Lm", "Mn", "Mc", "Nd"])


def test_a_key_knows_neither_case_nor_composition_nor_width() -> None:
    ways = ["Café", "cafe\u0301", "CAFÉ", "CAFE\u0301", "\uff23\uff21\uff26\uff25\u0301"]
    assert {hashtags.key(each) for each in ways} == {"café"}
    assert hashtags.key("Straße") == hashtags.key("STRASSE") == "strasse"


def test_accents_and_words_make_a_difference() -> None:
    assert len({hashtags.key(each) for each in ("cafe", "café", "cafés", "日本", "日本語")}) == 5


@given(st.text(_LETTERS, min_size=1, max_size=12))
def test_a_key_is_the_key_of_every_form_of_its_tag(tag: str) -> None:
    key = hashtags.key(tag)
    assert hashtags.key(key) == key
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert hashtags.key(unicodedata.normalize(form, tag)) == key
