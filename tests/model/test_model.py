"""Whatever people do, in whatever order, and whatever is dropped: everybody sees what the plain rules say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test
from tests.model.deployment import Deployment
from tests.model.living import Living
from tests.model.machine import Machine
from tests.model.relating import Relating
from tests.model.tweeting import Tweeting

STEPS = 50


class Aviary(Tweeting, Relating, Living):
    """The whole product."""


@contextmanager
def machine(data_dir: Path, *, gateway: bool = False) -> Iterator[type[Machine]]:
    """The machine on a platform that all its walks share, each with people of its own."""
    with Deployment(data_dir, gateway=gateway) as deployment:
        yield type("AviaryHere", (Aviary,), {"deployment": deployment})


def walk(machine: type[Machine], *, walks: int, derandomize: bool) -> None:
    run_state_machine_as_test(
        machine,
        settings=hypothesis_settings(
            max_examples=walks,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=derandomize,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_everybody_sees_what_the_plain_rules_say(tmp_path: Path) -> None:
    with machine(tmp_path) as here:
        walk(here, walks=44, derandomize=True)
    assert here.steps >= 2_000


def test_everybody_sees_it_through_the_gateway_too(tmp_path: Path) -> None:
    with machine(tmp_path, gateway=True) as here:
        walk(here, walks=5, derandomize=True)
    assert here.steps >= 200


@pytest.mark.soak
def test_everybody_sees_what_the_plain_rules_say_for_long(tmp_path: Path) -> None:
    with machine(tmp_path) as here:
        walk(here, walks=1_000, derandomize=False)
