"""The servers from the command line, as a fleet that is tried out has them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aviary import settings

pytestmark = pytest.mark.cluster


def test_up_says_where_the_servers_are_as_settings_and_ends_them_when_told_to(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.backends", "up", "--folder", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as up:
        try:
            assert up.stdout is not None
            lines = []
            for line in up.stdout:
                if line == "ready\n":
                    break
                lines.append(line.strip().split("=", maxsplit=1))
            chosen = settings.load(dict(lines))
        finally:
            up.send_signal(signal.SIGTERM)
        assert up.wait(60) == 0

    assert {"AVIARY_TABLES", "AVIARY_KAFKA", "AVIARY_REDIS", "AVIARY_OBJECTS"} <= {name for name, _ in lines}
    assert chosen.tables_replication == 1
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True, check=False)
    assert left.stdout == ""
