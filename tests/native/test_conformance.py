"""Tweet text against the published twitter-text conformance cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.native.conformance import Case, published_cases

from aviary._native import ParsedText, parse_texts, reply_screen_names, text_check

if TYPE_CHECKING:
    from collections.abc import Callable

# A case that is not to pass stands here by its name, with the reason; xfail is strict, so none outlives its reason.
EXCLUDED: dict[str, str] = {}

# Groups are written against a version of the published configuration: what v3 changed, they could not know.
RULES_OF_GROUP = {"tweets": 1, "WeightedTweetsCounterTest": 2}

CASES = [case for file in ("extract", "validate", "tlds") for case in published_cases(file)]


def parsed(text: str, *, rules: int = 3) -> ParsedText:
    return parse_texts([text], rules=rules)[0]


def spans(key: str, found: list[tuple[str, int, int]]) -> list[dict[str, Any]]:
    return [{key: name, "indices": [start, end]} for name, start, end in found]


def mentions_or_lists(text: str) -> list[dict[str, Any]]:
    result = parsed(text)
    people = [(name, "", start, end) for name, start, end in result.mentions]
    found = sorted(people + result.lists, key=lambda entity: entity[2])
    return [{"screen_name": name, "list_slug": slug, "indices": [start, end]} for name, slug, start, end in found]


def names(found: list[tuple[str, int, int]]) -> list[str]:
    return [name for name, _, _ in found]


EXTRACTORS: dict[str, Callable[[str], object]] = {
    "mentions": lambda text: names(parsed(text).mentions),
    "mentions_with_indices": lambda text: spans("screen_name", parsed(text).mentions),
    "mentions_or_lists_with_indices": mentions_or_lists,
    "replies": lambda text: reply_screen_names([text])[0],
    "urls": lambda text: names(parsed(text).urls),
    "urls_with_indices": lambda text: spans("url", parsed(text).urls),
    "urls_with_directional_markers": lambda text: spans("url", parsed(text).urls),
    "tco_urls_with_params": lambda text: names(parsed(text).urls),
    "country": lambda text: names(parsed(text).urls),
    "generic": lambda text: names(parsed(text).urls),
    "hashtags": lambda text: names(parsed(text).hashtags),
    "hashtags_from_astral": lambda text: names(parsed(text).hashtags),
    "hashtags_with_indices": lambda text: spans("hashtag", parsed(text).hashtags),
    "cashtags": lambda text: names(parsed(text).cashtags),
    "cashtags_with_indices": lambda text: spans("cashtag", parsed(text).cashtags),
    "tweets": lambda text: parsed(text, rules=1).valid,
    "usernames": lambda text: text_check("username", [text])[0],
    "lists": lambda text: text_check("list", [text])[0],
    "hashtags_valid": lambda text: text_check("hashtag", [text])[0],
    "urls_valid": lambda text: text_check("url", [text])[0],
    "urls_without_protocol": lambda text: text_check("url_without_protocol", [text])[0],
}


def last_utf16_unit(text: str, end: int) -> int:
    """The cases count UTF-16 units and include the end."""
    return max(len(text[:end].encode("utf-16-le")) // 2 - 1, 0)


def weighed(case: Case) -> dict[str, Any]:
    result = parsed(case.text, rules=RULES_OF_GROUP.get(case.group, 3))
    start, end = result.valid_range
    return {
        "weightedLength": result.weighted_length,
        "valid": result.valid,
        "permillage": result.permillage,
        "validRangeStart": start,
        "validRangeEnd": last_utf16_unit(case.text, end),
    }


def answer(case: Case) -> object:
    if "Counter" in case.group:
        return weighed(case)
    group = f"{case.group}_valid" if case.file == "validate" and case.group in {"hashtags", "urls"} else case.group
    return EXTRACTORS[group](case.text)


def expectation(case: Case) -> object:
    if "Counter" not in case.group:
        return case.expected
    # Where to cut for display is a client's affair.
    return {key: value for key, value in case.expected.items() if not key.startswith("displayRange")}


def marked(case: Case) -> Any:  # pytest does not export the type of its parameter sets
    reason = EXCLUDED.get(case.name)
    marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
    return pytest.param(case, id=case.name, marks=marks)


@pytest.mark.parametrize("case", [marked(case) for case in CASES])
def test_published_case(case: Case) -> None:
    assert answer(case) == expectation(case)


def test_every_exclusion_names_a_published_case(published: None) -> None:
    assert EXCLUDED.keys() <= {case.name for case in CASES}


def test_all_published_cases_are_read(published: None, capsys: pytest.CaptureFixture[str]) -> None:
    counts = {file: sum(case.file == file for case in CASES) for file in ("extract", "validate", "tlds")}
    with capsys.disabled():
        print(f"\ntwitter-text: {counts}, {len(EXCLUDED)} excluded")
    assert counts["extract"] == 238
    assert counts["validate"] == 97
