"""Arithmetic that writes itself down."""

from __future__ import annotations

import pytest

from aviary.planning.sheet import Quantity, Sheet, most, number, whole


@pytest.fixture
def sheet() -> Sheet:
    return Sheet({"a": 8.0, "b": 4.0, "c": 2.0})


def test_a_line_has_its_value_its_formula_and_what_it_is_made_of(sheet: Sheet) -> None:
    sheet.put("d", "cores", (sheet["a"] + sheet["b"]) * sheet["c"] / number(1_000_000))

    assert sheet.lines["d"].value == pytest.approx(24e-6)
    assert sheet.lines["d"].formula == "(a + b) × c ÷ 1,000,000"
    assert sheet.lines["d"].uses == {"a", "b", "c"}


def _computed(sheet: Sheet, formula: str) -> Quantity:
    a, b, c = sheet["a"], sheet["b"], sheet["c"]
    return {
        "a − (b − c)": a - (b - c),
        "a − b − c": a - b - c,
        "a − (b + c)": a - (b + c),
        "a + b − c": a + (b - c),
        "a ÷ (b ÷ c)": a / (b / c),
        "a ÷ b × c": a / b * c,
        "a ÷ (b × c)": a / (b * c),
        "a × b ÷ c": a * (b / c),
        "a × (b + c)": a * (b + c),
        "a + b × c": a + b * c,
    }[formula]


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("a − (b − c)", 6),
        ("a − b − c", 2),
        ("a − (b + c)", 2),
        ("a + b − c", 10),
        ("a ÷ (b ÷ c)", 4),
        ("a ÷ b × c", 4),
        ("a ÷ (b × c)", 1),
        ("a × b ÷ c", 16),
        ("a × (b + c)", 48),
        ("a + b × c", 16),
    ],
)
def test_a_formula_has_the_brackets_that_it_needs_and_no_others(sheet: Sheet, formula: str, value: float) -> None:
    computed = _computed(sheet, formula)

    assert (computed.text, computed.value) == (formula, value)


def test_a_later_formula_names_an_earlier_line(sheet: Sheet) -> None:
    sheet.put("d", "", sheet["a"] + sheet["b"])
    sheet.put("e", "", sheet["d"] * sheet["c"])

    assert sheet.lines["e"].formula == "d × c"
    assert sheet.below("e") == {"a", "b", "c", "d"}
    assert sheet.below("a") == set()


def test_a_name_is_taken_once(sheet: Sheet) -> None:
    sheet.put("d", "", sheet["a"])

    for name in ("a", "d"):
        with pytest.raises(ValueError, match=f"there is a line {name} already"):
            sheet.put(name, "", sheet["b"])


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (0.001, 1), (3, 3), (3.0000000001, 3), (3.001, 4)])
def test_whole_ones_hold_all_of_it(value: float, expected: int) -> None:
    assert whole(number(value)).value == expected


def test_the_most_is_the_largest_and_depends_on_all(sheet: Sheet) -> None:
    largest = most(sheet["b"], sheet["a"], sheet["c"])

    assert (largest.value, largest.text) == (8, "most(b, a, c)")
    assert largest.uses == {"a", "b", "c"}


def test_a_total_is_the_sum_of_its_lines(sheet: Sheet) -> None:
    assert sheet.total(["a", "b", "c"]).value == 14
    assert sheet.total(["a", "b", "c"]).text == "a + b + c"
