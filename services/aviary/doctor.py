"""What would keep the platform from starting, found without changing anything."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aviary.backups import STORES, must_be_sound
from aviary.errors import Unavailable
from aviary.handover import must_be_whole
from aviary.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was examined."""

    is_good: bool
    sentence: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything that a start needs; changes nothing that is there."""
    return list(_findings(settings))


def _findings(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    existing = next(path for path in [folder, *folder.absolute().parents] if path.exists())
    writable = os.access(existing, os.W_OK | os.X_OK)
    yield Finding(writable, f"the data folder {folder} can{'' if writable else 'not'} be written")
    free = shutil.disk_usage(existing).free // 1_000_000
    yield Finding(free > 100, f"its disk has {free} MB free; at least 100 MB are needed")
    try:
        must_be_whole(folder)
    except Unavailable as error:
        yield Finding(is_good=False, sentence=error.message)
    for name in STORES:
        if (folder / f"{name}.db").exists():
            yield _store_finding(folder / f"{name}.db")
    if settings.profile == "cluster":
        yield from _cluster_findings(settings)
    yield _port_finding(settings.port)
    has_envoy = importlib.util.find_spec("envoy") is not None
    yield Finding(has_envoy, f"Envoy is {'installed' if has_envoy else 'missing: run make setup'}")


def _cluster_findings(settings: Settings) -> Iterator[Finding]:
    from aviary.app import checkup  # noqa: PLC0415 - the drivers, which the embedded profile does without

    for sentence, wrong in asyncio.run(checkup.look(settings)):
        yield Finding(is_good=not wrong, sentence=wrong or sentence)


def _store_finding(file: Path) -> Finding:
    try:
        must_be_sound(file)
    except Unavailable as error:
        return Finding(is_good=False, sentence=error.message)
    return Finding(is_good=True, sentence=f"the {file.stem} store is sound")


def _port_finding(port: int) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return Finding(is_good=False, sentence=f"port {port} cannot be used: {error.strerror}")
    return Finding(is_good=True, sentence=f"port {port} is free")
