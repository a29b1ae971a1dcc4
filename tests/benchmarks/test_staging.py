"""Scenarios as they are played, in worlds of a few people: every kind runs, and every answer is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks import scenario, staging, subject, system
from benchmarks.loads import loads, rest, tabled
from benchmarks.plans import QUICK
from benchmarks.scenario import InvalidScenario, Place, Scenario
from benchmarks.settlement import LIMITED
from benchmarks.subject import SubjectFailed

from aviary.seed.progress import Silent

# A page of ten that begins after a hundred tweets is full.
_TWEETS = 112


def tiny(name: str) -> Scenario:
    """The scenario as its file has it, with few people and little time."""
    whole = scenario.named(name, quick=True)
    place = Place(graph="made-up", people=10, tweets=_TWEETS, followers=40 if whole.world.followers else 0)
    probe = whole.probe and replace(whole.probe, seconds=0.6)
    return replace(whole, world=place, seconds=1.0, connections=4, probe=probe)


@pytest.fixture
def run() -> Iterator[system.Run]:
    with system.driving(QUICK) as run:
        yield run


@pytest.mark.parametrize("name", scenario.names())
def test_a_scenario_is_played_without_a_wrong_answer(name: str, run: system.Run, tmp_path: Path) -> None:
    played = tiny(name)
    world = staging.measure(run, [played], tmp_path, Silent())
    values = {each.name.removeprefix(f"scenario.{name}."): each.value for each in run.figures}

    assert world == "made-up world of 10 people"
    assert dict(run.faults) == {}
    assert values["answers.checked"] > 10
    for load in ("max", *(rate.name for rate in played.rates)):
        assert 0 < values[f"{load}.p50"] <= values[f"{load}.p95"] <= values[f"{load}.p99"] <= values[f"{load}.p99.9"]
        assert values[f"{load}.per_s"] > 0
        assert {f"{load}.cpu.{part}" for part in ("aviary", "envoy", "client")} <= set(values)
    assert values["memory"] == pytest.approx(values["memory.aviary"] + values["memory.envoy"])
    if played.operations.compose:
        assert values["max.delivered.per_s"] > 0
        assert any(key.endswith("visible.p99") for key in values)
    # Another world than the one that others were measured on: no ratio to them.
    assert not any(".over." in each.name for each in run.figures)
    steps = [key for key in run.curves if ".step" in key]
    assert len(steps) == len(played.day)


def test_a_scenarios_loads_stand_side_by_side(run: system.Run, tmp_path: Path) -> None:
    staging.measure(run, [tiny("celebrity")], tmp_path, Silent())
    found = {load.name: load for load in loads(run.figures)}

    # Her posts beside the others', and how soon those are seen.
    assert set(found) == {"max", "load50", "celebrity"}
    assert {"per_s", "p99.9", "cpu.aviary", "delivered.per_s", "visible.p99"} <= set(found["load50"].figures)
    assert set(found["celebrity"].figures) == {"visible.p50", "visible.p99"}
    text = tabled(run.figures)
    assert "| celebrity | load50 | " in text
    assert "| scenario.celebrity.memory | " in text
    assert "scenario.celebrity.load50.p95" not in text
    assert {"answers.checked", "scenario.celebrity.memory.aviary"} <= {each.name for each in rest(run.figures)}


def test_a_platform_that_runs_is_visited(run: system.Run, tmp_path: Path) -> None:
    visited = replace(tiny("mix"), world=Place(graph="made-up", people=4, tweets=_TWEETS))
    with subject.running(tmp_path) as platform:
        # Twice: the world is made once, and its people's tokens are renewed.
        world = staging.visit(run, [visited, replace(visited, name="again")], platform.url, Silent())
    names = {each.name for each in run.figures}

    assert world == "made-up world of 4 people"
    assert dict(run.faults) == {}
    assert {"scenario.mix.max.per_s", "scenario.mix.load50.visible.p99", "scenario.again.load50.p99"} <= names
    assert not any(".cpu" in name or ".memory" in name or ".delivered" in name for name in names)


def test_a_platform_with_limits_is_told_so(run: system.Run, tmp_path: Path) -> None:
    limits = {"AVIARY_LIMITS": "on", "AVIARY_LIMIT_REQUESTS": "8"}
    with subject.running(tmp_path, settings=limits) as platform, pytest.raises(SubjectFailed) as told:
        staging.visit(
            run, [replace(tiny("home"), world=Place(graph="made-up", people=3, tweets=1))], platform.url, Silent()
        )
    # With one tweet each the world is made before the limit is reached; the pages are not.
    assert LIMITED in str(told.value)


def test_what_drops_timelines_takes_a_platform_of_its_own(run: system.Run) -> None:
    with pytest.raises(InvalidScenario, match="cold drops every timeline; it takes a platform of its own"):
        staging.visit(run, [tiny("cold")], "http://127.0.0.1:1", Silent())
