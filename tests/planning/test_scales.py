"""Amounts as people write them, and scales by name."""

from __future__ import annotations

import pytest

from aviary.errors import InvalidInput
from aviary.planning import scales


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("200M", 200e6),
        ("2.5B", 2.5e9),
        ("2.5 b", 2.5e9),
        ("10k", 10_000),
        ("1T", 1e12),
        ("30%", 0.3),
        ("0.3", 0.3),
        (".5", 0.5),
        ("1,000,000", 1e6),
        ("1_000", 1_000),
        (" 7 ", 7),
        ("0", 0),
    ],
)
def test_an_amount_is_read(text: str, value: float) -> None:
    assert scales.amount("dau", text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text", ["", "lots", "-5", "+5", "200MM", "M", "1e9", "nan", "inf", "1.2.3", "10 GB", "٣", "9" * 400, "5;", "1.M"]
)
def test_anything_else_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        scales.amount("dau", text)

    assert refused.value.message.startswith(f"--dau is {text!r}; it must be a number such as")


def test_other_numbers_of_people_do_in_proportion() -> None:
    found = scales.workload("design", {"dau": 20e6})

    assert found["workload.accounts"].value == pytest.approx(50e6)
    assert found["workload.posts"].value == pytest.approx(40e6)
    assert found["workload.home-reads"].value == pytest.approx(4e9)
    assert found["workload.posts"].source == "scale design, in proportion to --dau"
    # What one person does is the same.
    assert found["workload.follows"].value == 200
    assert found["workload.peak-factor"].value == pytest.approx(4.32)


def test_what_is_asked_for_is_not_scaled() -> None:
    found = scales.workload("design", {"dau": 20e6, "posts": 7.0})

    assert (found["workload.posts"].value, found["workload.posts"].source) == (7, "--posts")


def test_the_larger_scale_is_that_of_the_product() -> None:
    found = scales.workload("larger", {})

    assert found["workload.dau"].value == 500e6
    assert found["workload.posts"].value == 2.5e9
    assert found["workload.searches"].value == 10e9
    assert found["workload.posts"].value * found["workload.media-share"].value == pytest.approx(500e6)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"dau": 0.0}, "--dau is 0; it must be from 1 to 100,000,000,000"),
        ({"dau": 1e12}, "--dau is 1,000,000,000,000; it must be from 1 to 100,000,000,000"),
        ({"media-share": 30.0}, "--media-share is 30; it must be from 0 to 1"),
        ({"peak-factor": 0.5}, "--peak-factor is 0.5; it must be from 1 to 1,000"),
        ({"retention-days": 0.0}, "--retention-days is 0; it must be from 1 to 36,500"),
    ],
)
def test_what_cannot_be_is_refused_with_its_limit(asked: dict[str, float], sentence: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        scales.workload("design", asked)

    assert refused.value.message == sentence


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"accounts": 1e6}, "200,000,000 people a day cannot come from 1,000,000 accounts"),
        ({"dau": 10.0}, "25 people cannot follow 200 others each"),
        (
            {"posts": 0.0, "home-reads": 0.0, "other-reads": 0.0, "likes": 0.0},
            "nobody writes or reads anything; there is nothing to plan for",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(asked: dict[str, float], sentence: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        scales.workload("design", asked)

    assert refused.value.message == sentence


def test_a_scale_that_is_unknown_is_refused() -> None:
    with pytest.raises(InvalidInput, match="--scale is 'huge'; it must be design or larger"):
        scales.workload("huge", {})
