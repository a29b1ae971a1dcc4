"""Parsing texts: a batch of 1,000 ordinary ones, and hostile ones of ten thousand characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from benchmarks.core.samples import texts

from aviary._native import parse_texts

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ORDINARY = texts(1000)
# What makes regular expressions for these rules go over a text again for each place where a match could start.
HOSTILE = {
    "labels": "a." * 5000,
    "labels_without_end": "漢_" * 5000 + ".com",
    "protocols": "http://" * 1400,
    "parentheses": "a.co/((((" * 1100,
    "trailing_dots": "http://example.com/path" + "." * 10_000,
    "signs": "@#$" * 3300,
}


@pytest.mark.benchmark(group="text: 1,000 texts of 100 characters")
def test_ordinary(benchmark: BenchmarkFixture) -> None:
    parsed = benchmark(parse_texts, ORDINARY)
    for text, result in zip(ORDINARY, parsed, strict=True):
        assert all(text[start + 1 : end] == name for name, start, end in result.hashtags + result.mentions)
        assert all(text[start:end] == url for url, start, end in result.urls)


@pytest.mark.benchmark(group="text: one hostile text of 10,000 characters")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(benchmark: BenchmarkFixture, name: str) -> None:
    [parsed] = benchmark(parse_texts, [HOSTILE[name]])
    assert not parsed.valid
