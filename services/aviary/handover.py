"""Finished stores moved into a data folder, so that some of them are never taken for all."""

from __future__ import annotations

import shutil
from pathlib import Path

from aviary.durable import sync
from aviary.errors import Unavailable

_FINISHED = "loaded"


def hand_over(draft: Path, data_dir: Path) -> None:
    """Move the stores in `draft`, which is in `data_dir`, and them alone: the secrets are those of the data folder.

    From the one rename that says the stores are finished until the last is moved, `must_be_whole` refuses.
    """
    finished = data_dir / _FINISHED
    shutil.rmtree(finished, ignore_errors=True)  # of a load that was killed when it had moved them all
    draft.rename(finished)
    sync(data_dir)
    for file in _stores(finished):
        file.rename(data_dir / file.name)
    sync(data_dir)
    shutil.rmtree(finished)


def must_be_whole(data_dir: Path) -> None:
    """Raise Unavailable when a move into the folder was begun and not finished; the sentence says how to finish it."""
    if left := _stores(data_dir / _FINISHED):
        raise Unavailable(
            f"a bulk load into {data_dir} was stopped before it had moved {', '.join(file.name for file in left)};"
            f" to finish it: mv {data_dir / _FINISHED}/*.db {data_dir}"
        )


def _stores(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.db"))
