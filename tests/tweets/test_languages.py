"""The language of a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aviary import language_tags
from aviary.errors import InvalidInput
from aviary.tweets import languages, text


def detected(content: str) -> str:
    return languages.detect(*text.read(content))


@pytest.mark.parametrize(
    ("content", "language"),
    [
        ("just setting up my twttr", "en"),
        ("Guten Morgen zusammen", "de"),
        ("Bonjour tout le monde", "fr"),
        ("Привет мир", "ru"),
        ("こんにちは世界", "ja"),
        ("你好", "zh"),
        ("안녕하세요", "ko"),
        ("HELLO WORLD HOW ARE YOU", "en"),
    ],
)
def test_a_text_is_known_by_its_words(content: str, language: str) -> None:
    assert detected(content) == language


@pytest.mark.parametrize("content", ["ok", "a b", "12345 678", "😀😀😀😀😀", "haha", "?!", "xkcd asdf qwer"])
def test_a_text_that_says_too_little_is_of_no_language(content: str) -> None:
    assert detected(content) == "und"


@pytest.mark.parametrize("content", ["@guten_morgen #bonjour $AVRY https://example.com/hello", "#bonjour", "@hello"])
def test_names_tags_and_addresses_are_of_no_language(content: str) -> None:
    assert detected(content) == "und"


def test_what_stands_beside_names_and_addresses_is_read() -> None:
    assert detected("Guten Morgen zusammen @the_quick #brown https://example.com/fox/jumps/over") == "de"


@given(st.text(min_size=1, max_size=100))
def test_whatever_can_be_posted_has_a_language(content: str) -> None:
    try:
        kept, entities = text.read(content)
    except InvalidInput:
        return
    found = languages.detect(kept, entities)
    assert language_tags.canonical(found) == found


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("EN", "en"),
        ("pt-br", "pt-BR"),
        ("ZH-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("de-CH-1996", "de-CH-1996"),
    ],
)
def test_a_tag_is_kept_in_the_recommended_case(sent: str, kept: str) -> None:
    assert language_tags.canonical(sent) == kept
    assert language_tags.canonical(kept) == kept


@pytest.mark.parametrize(
    "sent", ["english", "e", "en_US", "en-", "-en", "x" * 36, "en US", "日本語", "en\n", "1", "en-abcdefghi"]
)
def test_what_is_no_tag_is_refused(sent: str) -> None:
    with pytest.raises(InvalidInput, match="must be a BCP 47 tag"):
        language_tags.canonical(sent)
