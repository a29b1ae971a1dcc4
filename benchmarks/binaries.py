"""The Rust programs of the benchmarks: built by cargo from the core's examples, without Python."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from benchmarks.subject import SubjectFailed

_MANIFEST = Path(__file__).parents[1] / "native" / "Cargo.toml"


def built(*names: str) -> Mapping[str, Path]:
    """Where each of these examples is, freshly built. Raises SubjectFailed with what cargo said."""
    examples = [argument for name in names for argument in ("--example", name)]
    run = subprocess.run(  # noqa: S603 - cargo on our own sources
        [
            *("cargo", "build", "--release", "--locked", "--no-default-features", "--message-format=json"),
            *("--manifest-path", str(_MANIFEST), *examples),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    if run.returncode:
        raise SubjectFailed(f"cargo did not build {', '.join(names)}: {run.stderr[-2000:]}")
    said = [json.loads(line) for line in run.stdout.splitlines()]
    return {each["target"]["name"]: Path(each["executable"]) for each in said if each.get("executable")}
