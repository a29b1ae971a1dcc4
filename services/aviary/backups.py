"""Backups: each store as of one moment, and the way back."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from aviary.errors import Unavailable
from aviary.handover import must_be_whole

# Consumers before what they consume, and what is referred to last: a copy never names what it lacks.
STORES = ("fanout", "tweets", "graph", "users")


def backup(data_dir: Path, to: Path) -> None:
    """Copy each store as of one moment, and the secrets; `to` must be new or empty."""
    _must_be_empty(to)
    must_be_whole(data_dir)
    if not (data_dir / "users.db").exists():
        raise Unavailable(f"the data folder {data_dir} holds no stores")
    to.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copytree(data_dir / "secrets", to / "secrets")
    for name in STORES:
        _copy_store(data_dir / f"{name}.db", to / f"{name}.db")


def restore(source: Path, data_dir: Path) -> None:
    """Copy a backup into an empty data folder after checking that each store in it is sound."""
    _must_be_empty(data_dir)
    missing = [name for name in STORES if not (source / f"{name}.db").is_file()]
    if missing or not (source / "secrets").is_dir():
        raise Unavailable(f"{source} is no backup of Aviary: it lacks {', '.join(missing) or 'the secrets'}")
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in STORES:
        must_be_sound(source / f"{name}.db")
        _copy_store(source / f"{name}.db", data_dir / f"{name}.db")
    shutil.copytree(source / "secrets", data_dir / "secrets")


def _copy_store(source: Path, target: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)
    except sqlite3.Error as error:
        raise Unavailable(f"the store {source} cannot be copied: {error}") from None


def must_be_sound(file: Path) -> None:
    """Raise Unavailable when a store is damaged."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check").fetchone()
    except sqlite3.Error as error:
        verdict = str(error)
    if verdict != "ok":
        raise Unavailable(f"the store {file} is damaged: {verdict}")


def _must_be_empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise Unavailable(f"the folder {folder} is not empty; name a new one")
