"""What an account may hold."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aviary import language_tags, texts
from aviary.errors import InvalidInput
from aviary.faults import Faults
from aviary.users import rules
from aviary.users.accounts import rules as account_rules
from aviary.users.store import ProfileChanges

TODAY = date(2026, 11, 21)


def born(value: str) -> str:
    return rules.birth_date(value, today=TODAY)


def password(value: str) -> str:
    return rules.password(value, name="Heron", address="kingfisher@example.com")


def refused(rule: Callable[[str], str], value: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        rule(value)
    return caught.value.message


@given(st.from_regex(r"[A-Za-z0-9_]{1,15}", fullmatch=True))
def test_every_username_of_the_alphabet_is_kept_as_it_is(name: str) -> None:
    assert rules.username(name) == name


@given(st.text(max_size=20))
def test_a_username_is_refused_exactly_when_it_leaves_the_alphabet_or_the_length(name: str) -> None:
    fits = 1 <= len(name) <= 15 and all(
        character.isascii() and (character.isalnum() or character == "_") for character in name
    )
    if fits:
        assert rules.username(name) == name
    else:
        assert "1 to 15" in refused(rules.username, name)


@pytest.mark.parametrize("name", ["", "a" * 16, "a b", "ada\n", "ädä", "a-b", "١٢٣"])
def test_bad_usernames_are_refused(name: str) -> None:
    assert "1 to 15" in refused(rules.username, name)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Ada@Example.COM", "Ada@example.com"),
        (" ada@example.com ", "ada@example.com"),
        ("ada+birds@example.com", "ada+birds@example.com"),
        ("ada@aviary.test", "ada@aviary.test"),
        ("ü@bücher.example.com", "ü@bücher.example.com"),
    ],
)
def test_emails_are_normalised(sent: str, kept: str) -> None:
    assert rules.email(sent) == kept


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "a b@example.com",
        "ada@example",
        "a" * 65 + "@example.com",
        "a" * 255,
        "a@b@c.de",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    assert "email" in refused(rules.email, address)


@given(st.emails())
def test_spellings_of_an_address_that_differ_in_case_share_a_key(address: str) -> None:
    try:
        kept = rules.email(address)
    except InvalidInput:
        # Hypothesis also makes addresses under names that nobody can own.
        return
    assert rules.email_key(rules.email(address.upper())) == rules.email_key(kept) == rules.email_key(rules.email(kept))


@pytest.mark.parametrize(
    "value", ["correct horse battery", "Passw0rd!x7", "Nest-0123456789ab", "ünïcödé-wörd", "日本語のパスワード"]
)
def test_good_passwords_pass(value: str) -> None:
    assert password(value) == value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "0 characters"),
        ("short77", "7 characters"),
        ("ab1!" * 33, "132 characters"),
        ("ä1b2" * 18, "90 bytes"),
        ("abc\0defgh1", "NUL"),
        ("password", "common"),
        ("Password123!", "common"),
        ("12345678", "run"),
        ("1234567890", "run"),
        ("hgfedcba", "run"),
        ("aaaaaaaa", "1 different characters"),
        ("abababab", "2 different characters"),
        ("heron", "5 characters"),
        ("xX-HERON-Xx", "username"),
        ("my-KingFisher", "email"),
    ],
)
def test_bad_passwords_are_refused_with_the_limit_and_never_repeated(value: str, said: str) -> None:
    message = refused(password, value)

    assert said in message
    assert not value or value not in message.removeprefix("password ")


def test_seventy_two_bytes_are_the_most_that_a_password_may_have() -> None:
    longest = "äöü-" + "0a1b2c3d4e" * 6 + "12345"

    assert len(longest.encode()) == 72
    assert password(longest) == longest
    assert "73 bytes" in refused(password, longest + "x")


def test_a_short_name_may_stand_in_a_password_by_chance() -> None:
    assert rules.password("badalona-42", name="ada", address="b@example.com")


@given(st.text(max_size=60))
def test_a_display_name_is_kept_normalised_or_refused(name: str) -> None:
    normalised = unicodedata.normalize("NFC", name).strip()
    try:
        kept = rules.display_name(name)
    except InvalidInput:
        return
    assert kept == normalised
    assert 1 <= len(kept) <= 50
    assert rules.display_name(kept) == kept


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (rules.display_name, ""),
        (rules.display_name, "  "),
        (rules.display_name, "\u200b\u200b"),
        (rules.display_name, "x" * 51),
        (rules.display_name, "two\nlines"),
        (rules.display_name, "bell\a"),
        (rules.display_name, "\u202egnirts"),
        (rules.bio, "x" * 161),
        (rules.bio, "tab\x0bs"),
        (rules.bio, "\u2066hidden"),
        (rules.location, "x" * 31),
        (rules.location, "a\u2028b"),
        (rules.website, "ftp://example.com"),
        (rules.website, "javascript:alert(1)"),
        (rules.website, "example.com"),
        (rules.website, "https://"),
        (rules.website, "https://bank.com@evil.com"),
        (rules.website, "https://a b.com"),
        (rules.website, 'https://a.com/"onclick='),
        (rules.website, "https://a.com:99999"),
        (rules.website, "https://a.com/\u202egnp"),
        (rules.website, "https://" + "x" * 93),
        (born, "2026-11-21"),
        (born, "1899-12-31"),
        (born, "2025-02-29"),
        (born, "20000101"),
        (born, "2000-W01-1"),
        (born, "٢٠٠٠-٠١-٠١"),
        (language_tags.canonical, ""),
        (language_tags.canonical, "e"),
        (language_tags.canonical, "en_US"),
        (language_tags.canonical, "en-" + "x" * 40),
        (rules.timezone, ""),
        (rules.timezone, "Mars/Base"),
        (rules.timezone, "../../etc/passwd"),
        (rules.timezone, "localtime"),
    ],
)
def test_bad_profile_values_are_refused(rule: Callable[[str], str], value: str) -> None:
    assert refused(rule, value)


@pytest.mark.parametrize(
    ("rule", "sent", "kept"),
    [
        (rules.display_name, "  Ada  ", "Ada"),
        (rules.display_name, "e\u0301" * 50, "é" * 50),
        (rules.display_name, "👩‍👩‍👧", "👩‍👩‍👧"),
        (rules.bio, "one\r\ntwo", "one\ntwo"),
        (rules.bio, "", ""),
        (rules.location, " Lyon ", "Lyon"),
        (rules.website, "https://example.com/~ada?x=1#y", "https://example.com/~ada?x=1#y"),
        (rules.website, "http://[::1]:8080/", "http://[::1]:8080/"),
        (rules.website, "https://bücher.example/", "https://bücher.example/"),
        (rules.website, " ", ""),
        (born, "2000-02-29", "2000-02-29"),
        (born, "1900-01-01", "1900-01-01"),
        (born, "2026-11-20", "2026-11-20"),
        (born, "", ""),
        (language_tags.canonical, "PT-br", "pt-BR"),
        (language_tags.canonical, "zh-hant-tw", "zh-Hant-TW"),
        (language_tags.canonical, "es-419", "es-419"),
        (rules.timezone, "Europe/Paris", "Europe/Paris"),
        (rules.timezone, "UTC", "UTC"),
    ],
)
def test_good_profile_values_are_kept(rule: Callable[[str], str], sent: str, kept: str) -> None:
    assert rule(sent) == kept


def test_all_bad_fields_are_named_at_once() -> None:
    faults = Faults()
    changes = ProfileChanges(display_name="", bio="fine", website="no", timezone="Mars")

    kept = rules.profile(changes, faults, today=TODAY)

    assert kept.bio == "fine"
    assert kept.location is None
    with pytest.raises(InvalidInput) as caught:
        faults.settle()
    assert set(caught.value.fields) == {"display_name", "website", "timezone"}
    assert all(sentence in caught.value.message for sentence in caught.value.fields.values())


@given(st.text())
def test_what_is_shown_in_a_message_is_short_and_printable(value: str) -> None:
    shown = texts.shown(value)

    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) < 50


def test_very_many_bad_words_are_refused_in_a_message_that_fits_an_answer() -> None:
    faults = Faults()
    account_rules.muted_words([f"\0{number}" for number in range(account_rules.MAX_WORDS)], faults)

    with pytest.raises(InvalidInput) as caught:
        faults.settle()
    said = caught.value.message + str(caught.value.fields)
    assert "muted_words[0]" in caught.value.fields
    assert caught.value.message.endswith("and 184 more")
    assert len(said) < 4_000


WORDS = st.lists(st.text(min_size=1, max_size=20), max_size=30)


@given(WORDS)
def test_muted_words_that_are_kept_are_trimmed_distinct_and_kept_again(sent: list[str]) -> None:
    faults = Faults()
    kept = account_rules.muted_words(sent, faults)
    try:
        faults.settle()
    except InvalidInput:
        return

    assert account_rules.muted_words(kept, Faults()) == kept
    assert len({word.casefold() for word in kept}) == len(kept)
    assert all(word == unicodedata.normalize("NFC", word).strip() for word in kept)
    assert {word.casefold() for word in kept} == {
        unicodedata.normalize("NFC", word).strip().casefold() for word in sent
    }
