#!/usr/bin/env python3
"""Generate the Python packages and the descriptor set from proto/."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "proto"
PACKAGES = (Path("aviary/api"), Path("aviary/events"))
DESCRIPTORS = PACKAGES[0] / "descriptors.binpb"
# Nothing of ours imports the first: Envoy answers an error with an empty body unless its set knows the details' types.
WELL_KNOWN = ("google/rpc/error_details.proto", "google/api/annotations.proto", "google/api/httpbody.proto")
INIT = '"""Generated from proto/: change that, then run `make proto`."""\n'


def generate(out: Path) -> None:
    """Write the generated packages into `out`, which holds none of them yet."""
    protos = sorted(path.relative_to(SOURCES).as_posix() for path in SOURCES.rglob("*.proto"))
    if not protos:
        raise SystemExit(f"no .proto files in {SOURCES}")
    (out / DESCRIPTORS).parent.mkdir(parents=True, exist_ok=True)
    _compile(
        [f"--descriptor_set_out={out / DESCRIPTORS}", "--include_imports", "--include_source_info"],
        [*protos, *WELL_KNOWN],
    )
    described = FileDescriptorSet.FromString((out / DESCRIPTORS).read_bytes())
    (out / DESCRIPTORS).write_bytes(_without_foreign_comments(described))
    _compile([f"--python_out={out}", f"--mypy_out=quiet:{out}"], protos)
    # Only files with a service: the plug-ins write an empty module for each of the others.
    serving = [file.name for file in described.file if file.service and file.name in protos]
    _compile([f"--grpc_python_out={out}", f"--mypy_grpc_out=quiet,only_async:{out}"], serving)
    for folder in _packages(out):
        (folder / "__init__.py").write_text(INIT, encoding="utf-8")


def _compile(options: list[str], protos: list[str]) -> None:
    includes = [f"--proto_path={path}" for path in (SOURCES, _google_root())]
    # protoc finds its plug-ins on PATH, and the environment may not have been activated.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [sys.executable, "-m", "grpc_tools.protoc", *includes, *options, *protos]
    if status := subprocess.run(command, check=False, env=os.environ | {"PATH": path}).returncode:
        raise SystemExit(status)


def _google_root() -> Path:
    """Return the folder under which googleapis-common-protos keeps `google/api`."""
    return Path(str(files("google.api").joinpath("annotations.proto"))).parents[2]


def _without_foreign_comments(described: FileDescriptorSet) -> bytes:
    """Serialise without the comments of Google's files: they are most of the set, and no page of ours shows them."""
    kept = FileDescriptorSet()
    kept.CopyFrom(described)
    for file in kept.file:
        if not file.name.startswith("aviary/"):
            file.ClearField("source_code_info")
    return kept.SerializeToString(deterministic=True)


def _packages(out: Path) -> Iterator[Path]:
    for package in PACKAGES:
        if (out / package).is_dir():
            yield out / package
            yield from (path for path in sorted((out / package).rglob("*")) if path.is_dir())


def replace(services: Path) -> None:
    """Put fresh packages into `services`; files that no proto makes any more disappear."""
    # Beside the target, so that each move is a rename and a failed run leaves the old packages whole.
    with tempfile.TemporaryDirectory(dir=services, prefix=".proto-") as scratch:
        generate(Path(scratch))
        for package in PACKAGES:
            shutil.rmtree(services / package, ignore_errors=True)
            if (Path(scratch) / package).is_dir():
                shutil.move(Path(scratch) / package, services / package)


def differences(services: Path) -> list[str]:
    """Name the generated files that are missing from `services`, stale there, or no longer made."""
    with tempfile.TemporaryDirectory(prefix="aviary-proto-") as scratch:
        generate(Path(scratch))
        fresh, committed = _contents(Path(scratch)), _contents(services)
    return sorted(name for name in fresh.keys() | committed.keys() if fresh.get(name) != committed.get(name))


def _contents(root: Path) -> dict[str, bytes]:
    found = (path for package in PACKAGES for path in (root / package).rglob("*"))
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in found
        if path.is_file() and "__pycache__" not in path.parts
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the committed code is stale")
    if not parser.parse_args().check:
        replace(ROOT / "services")
    elif stale := differences(ROOT / "services"):
        raise SystemExit("\n".join(["stale generated code; run `make proto`:", *stale]))


if __name__ == "__main__":
    main()
