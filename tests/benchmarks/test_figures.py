"""Targets, and how figures are written."""

from __future__ import annotations

import pytest
from benchmarks.figures import Figure, Target, missed, table


@pytest.mark.parametrize(
    ("target", "value", "is_met"),
    [
        (Target(100), 99.9, True),
        (Target(100), 100, False),
        (Target(8, at_least=True), 8, True),
        (Target(8, at_least=True), 7.99, False),
    ],
)
def test_a_bound_from_above_excludes_itself_and_one_from_below_does_not(
    target: Target, value: float, is_met: bool
) -> None:
    assert target.is_met(value) is is_met


def test_a_figure_without_a_target_is_neither_met_nor_missed() -> None:
    figure = Figure("load.per_s", 5, "/s")

    assert figure.is_met is None
    assert missed([figure]) == []


def test_what_misses_its_target_stands_out() -> None:
    late = Figure("post.p95", 130.4, "ms", Target(100))

    assert missed([late, Figure("home.p95", 20, "ms", Target(200))]) == [late]
    assert "| post.p95 | 130 ms | < 100 **missed** |  |" in table([late])


@pytest.mark.parametrize(("value", "text"), [(0.01234, "0.0123"), (9.876, "9.88"), (12_345.6, "12,346"), (0, "0")])
def test_a_value_is_shown_with_three_digits_and_all_of_a_large_one(value: float, text: str) -> None:
    assert Figure("x", value, "ms").text == text
