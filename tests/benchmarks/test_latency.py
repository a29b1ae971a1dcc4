"""Histograms of latencies from the intended start."""

from __future__ import annotations

from collections import Counter

import pytest
from benchmarks.latency import Latencies
from benchmarks.load import Exchange
from benchmarks.phase import outcome
from benchmarks.wire import Answer


def exchange(*, due: float, sent: float, at: float, status: int = 200) -> Exchange:
    return Exchange(0, due, sent, Answer(status, b"", at), was_awaited=sent < due + 0.01)


def test_percentiles_are_right_to_three_digits() -> None:
    latencies = Latencies.of(number / 1000 for number in range(1, 1001))

    assert latencies.count == 1000
    assert latencies.ms(50) == pytest.approx(500, rel=0.001)
    assert latencies.ms(99) == pytest.approx(990, rel=0.001)
    assert latencies.ms(100) == pytest.approx(1000, rel=0.001)


def test_latencies_survive_the_way_to_another_process() -> None:
    latencies = Latencies.of([0.001, 0.5, 2.0])
    again = Latencies.decode(latencies.encode())

    assert [again.ms(p) for p in (0, 50, 100)] == [latencies.ms(p) for p in (0, 50, 100)]


def test_a_latency_that_does_not_fit_is_not_left_out_in_silence() -> None:
    with pytest.raises(ValueError, match=r"61\.0 s is beyond"):
        Latencies.of([61.0])


def test_latency_counts_from_when_a_request_was_due_and_lateness_only_where_the_driver_is_to_blame() -> None:
    exchanges = [exchange(due=1.0, sent=1.002, at=1.010), exchange(due=2.0, sent=2.5, at=2.6)]
    result = outcome(exchanges, 2.0, {"aviary": 0.004}, lambda _: "")

    assert result.ms(100) == pytest.approx(600, rel=0.001)
    assert result.late_ms(100) == pytest.approx(2, rel=0.001)
    assert result.per_s == 1.0
    assert result.cpu_us("aviary") == pytest.approx(2000)


def test_wrong_answers_are_counted_and_stay_in_the_latencies() -> None:
    exchanges = [exchange(due=0, sent=0, at=1, status=503), exchange(due=0, sent=0, at=2)]
    result = outcome(exchanges, 2.0, {}, lambda each: "" if each.answer.status == 200 else "status 503")

    assert result.faults == Counter({"status 503": 1})
    assert result.count == 2
