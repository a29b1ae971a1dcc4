"""Tweet text beyond the published cases: what holds for any text, hostile ones included."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aviary._native import ParsedText, parse_texts, reply_screen_names, text_check

# Pieces that entities are made of, so that random texts hold many and nearly as many broken ones.
SIGNS = [
    "@",
    "＠",
    "#",
    "＃",
    "$",
    "http://",
    "https://",
    "t.co",
    ".com",
    ".みんな",
    ".",
    "/",
    "//",
    ":",
    "-",
    "_",
    "(",
    ")",
    "?",
    "&",
    "RT",
    "a",
    "xn--",
    "例え",
    "ada",
    "ABC",
    "12",
    "list/x",
]
MARKS = ["e\u0301", "\u0301", "é", "😀", "👩\u200d❤️\u200d👨", "🇩", "1\u20e3", "\u202a", "\ufeff", " ", "\n", "\u200d"]
PIECES = st.sampled_from([*SIGNS, *MARKS, "\ufe0f", "\u05e9\u05bc\u05c1", "\U00020021"])
TEXTS = st.lists(PIECES | st.text(max_size=4), max_size=40).map("".join)


def spans(parsed: ParsedText) -> list[tuple[int, int]]:
    named = parsed.hashtags + parsed.mentions + parsed.cashtags + parsed.urls
    return sorted([(start, end) for _, start, end in named] + [(start, end) for _, _, start, end in parsed.lists])


@given(TEXTS)
@example("\ufb2c" * 3)
@settings(max_examples=400)
def test_every_entity_is_the_slice_that_it_claims_and_none_overlap(text: str) -> None:
    [parsed] = parse_texts([text])
    for name, start, end in parsed.hashtags + parsed.mentions + parsed.cashtags:
        assert text[start] in "#＃@＠$"
        assert text[start + 1 : end] == name != ""
    for name, slug, start, end in parsed.lists:
        assert text[start + 1 : end] == name + slug
        assert slug[0] == "/"
    assert all(text[start:end] == url for url, start, end in parsed.urls)
    found = spans(parsed)
    assert all(a_end <= b_start for (_, a_end), (b_start, _) in pairwise(found))


@given(TEXTS)
@settings(max_examples=400)
def test_the_weight_agrees_with_the_validity_and_the_valid_prefix(text: str) -> None:
    [parsed] = parse_texts([text])
    start, end = parsed.valid_range
    clean = not set(text) & set("\ufeff\ufffe\uffff")
    assert (start, parsed.valid) == (0, clean and 0 < parsed.weighted_length <= 280)
    assert 0 <= end <= len(text)
    assert end == len(text) or not parsed.valid
    assert parsed.permillage == parsed.weighted_length * 1000 // 280


@given(st.text(st.characters(codec="ascii", exclude_characters="."), max_size=400))
def test_plain_ascii_weighs_its_length(text: str) -> None:
    assert parse_texts([text])[0].weighted_length == len(text)


@given(TEXTS)
def test_a_text_weighs_the_same_however_it_was_composed(text: str) -> None:
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    composed, decomposed = parse_texts(forms)
    assert composed.weighted_length == decomposed.weighted_length


@given(TEXTS)
def test_a_reply_names_the_first_mention(text: str) -> None:
    [name] = reply_screen_names([text])
    assert name is None or f"@{name}" in text.replace("＠", "@")


@given(st.sampled_from(["username", "list", "hashtag", "url", "url_without_protocol"]), TEXTS)
def test_nothing_is_one_thing_of_a_kind_with_a_space_behind_it(kind: str, text: str) -> None:
    assert not text_check(kind, [text + " "])[0]


def test_a_batch_answers_in_the_order_of_the_texts() -> None:
    assert [parsed.weighted_length for parsed in parse_texts(["a", "", "日本"])] == [1, 0, 4]


def test_unknown_rules_and_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="rules 4; published are versions 1 to 3"):
        parse_texts(["a"], rules=4)
    with pytest.raises(ValueError, match='kind "name"; known are username'):
        text_check("name", ["a"])


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        parse_texts(["\ud800"])


# Each makes a backtracking scanner quadratic or worse: at a megabyte such a one would not come back.
URLISH = [
    "a.",
    "漢_",
    "漢.",
    "http://",
    "https://a",
    "a.co/(",
    "a.co/((x)",
    "t.co/?",
    "http://t.co/a!",
    "xn--",
    "é.com/é",
    "日本.com",
    ".",
    "_",
    "-.",
]
SIGNED = ["@", "#", "$A.", "#1", "@a/b-", "RT@"]


@pytest.mark.parametrize("piece", [*URLISH, *SIGNED, "\u0301", "e\u0301", "\ufb2c", "👩\u200d", "🇩"])
def test_a_megabyte_of_one_piece_is_parsed(piece: str) -> None:
    text = piece * (1_000_000 // len(piece.encode()))
    for hostile in (text, text + ".com", "http://a.com/" + text):
        assert parse_texts([hostile])[0].weighted_length > 280
