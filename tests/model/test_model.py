"""Whatever people do, in whatever order, and whatever is dropped: everybody sees what the plain rules say."""

from __future__ import annotations

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


def walk(data_dir: Path, *, walks: int, gateway: bool = False, derandomize: bool = True) -> int:
    """Walk on a platform that all walks share, each with people of its own; the steps that were looked at."""
    with Deployment(data_dir, gateway=gateway) as deployment:
        machine: type[Machine] = type("AviaryHere", (Aviary,), {"deployment": deployment})
        run_state_machine_as_test(
            machine,
            settings=hypothesis_settings(
                max_examples=walks,
                stateful_step_count=STEPS,
                deadline=None,
                derandomize=derandomize,
                database=None,
                suppress_health_check=[HealthCheck.too_slow],
            ),
        )
        assert deployment.drift() == []
    return machine.steps


def test_everybody_sees_what_the_plain_rules_say(tmp_path: Path) -> None:
    assert walk(tmp_path, walks=41) >= 2_000


def test_everybody_sees_it_through_the_gateway_too(tmp_path: Path) -> None:
    assert walk(tmp_path, walks=5, gateway=True) >= 200


@pytest.mark.soak
def test_everybody_sees_what_the_plain_rules_say_for_long(tmp_path: Path) -> None:
    walk(tmp_path, walks=1_000, derandomize=False)


@pytest.mark.soak
def test_everybody_sees_it_through_the_gateway_for_long(tmp_path: Path) -> None:
    walk(tmp_path, walks=200, gateway=True, derandomize=False)
