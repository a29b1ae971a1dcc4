"""The README's lines do what it says: each block marked `<!-- runs -->` runs, in order, against a platform."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.system.process import Running, launcher

_ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"<!-- runs -->\n+```(bash|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Block:
    language: str
    text: str

    def as_bash(self) -> str:
        """The block as a part of a script: Python on standard input, with the variable that the README sets for it."""
        return (
            self.text
            if self.language == "bash"
            else f"TOKEN=$GRACE_TOKEN python - <<'END_OF_BLOCK'\n{self.text}END_OF_BLOCK\n"
        )


def _blocks(readme: str) -> list[Block]:
    return [Block(language, text) for language, text in _BLOCK.findall(readme)]


def _script(blocks: list[Block], platform: Running) -> str:
    """All blocks as one session that ends at the first failing line; the documented addresses become the test's."""
    text = "set -euo pipefail\n" + "\n".join(block.as_bash() for block in blocks)
    grpc_port = platform.grpc.rsplit(":", 1)[1]
    return (
        text.replace("127.0.0.1:8080", _address(platform))
        .replace("localhost:8080", _address(platform))
        .replace("$GRPC_PORT", grpc_port)
    )


def _address(platform: Running) -> str:
    return platform.url.removeprefix("http://")


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Running]:
    with launcher() as starter:
        yield starter.up(tmp_path / "data")


def test_a_block_is_found_by_its_mark_alone() -> None:
    text = "<!-- runs -->\n```bash\necho 1\n```\n\n```bash\nexit 1\n```\n<!-- runs -->\n```python\nprint(2)\n```\n"
    assert _blocks(text) == [Block("bash", "echo 1\n"), Block("python", "print(2)\n")]


def test_every_marked_block_of_the_readme_runs(platform: Running) -> None:
    blocks = _blocks((_ROOT / "README.md").read_text())
    assert {block.language for block in blocks} == {"bash", "python"}, "the README shows curl calls and a Python client"
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "AVIARY_GRPC": platform.grpc,
        "GRPC": platform.grpc,
    }
    done = subprocess.run(
        ["bash", "-c", _script(blocks, platform)],
        cwd=_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3_000:]}\n{done.stderr[-3_000:]}"
