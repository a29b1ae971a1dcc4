"""A load that is killed while its stores are moved leaves a folder that nobody takes for whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.rpc.serving import PASSWORD, serving

from aviary import lifecycle
from aviary.backups import backup
from aviary.bulk import loading
from aviary.doctor import examine
from aviary.errors import Unavailable
from aviary.handover import hand_over, must_be_whole
from aviary.settings import Settings

STORES = ["fanout.db", "graph.db", "tweets.db", "users.db"]


class Killed(BaseException):
    """Ends a process at once."""


def kill_before(rename: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let so many renames be made and no more."""
    left, real = iter(range(rename)), Path.rename

    def killed(path: Path, target: Path) -> Path:
        if next(left, None) is None:
            raise Killed
        return real(path, target)

    monkeypatch.setattr(Path, "rename", killed)


def drafted(data_dir: Path) -> Path:
    """A finished load that is about to be handed over."""
    draft = data_dir / "loading"
    (draft / "secrets").mkdir(parents=True)
    for name in STORES:
        (draft / name).write_text(name)
    return draft


async def load(settings: Settings) -> None:
    async with loading(settings, password=PASSWORD):
        pass


def stores_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*.db"))


def test_the_stores_are_moved_and_nothing_else(tmp_path: Path) -> None:
    hand_over(drafted(tmp_path), tmp_path)

    must_be_whole(tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == STORES


@pytest.mark.parametrize("renames", range(5))
def test_after_a_kill_before_any_rename_the_folder_has_nothing_or_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    draft = drafted(tmp_path)
    with monkeypatch.context() as patched:
        kill_before(renames, patched)
        with pytest.raises(Killed):
            hand_over(draft, tmp_path)

    if renames == 0:
        must_be_whole(tmp_path)
        assert stores_in(tmp_path) == []
        return
    assert stores_in(tmp_path) == STORES[: renames - 1]
    with pytest.raises(Unavailable) as refused:
        must_be_whole(tmp_path)
    left = ", ".join(STORES[renames - 1 :])
    assert refused.value.message == (
        f"a bulk load into {tmp_path} was stopped before it had moved {left};"
        f" to finish it: mv {tmp_path}/loaded/*.db {tmp_path}"
    )


def test_a_kill_when_all_stores_are_moved_leaves_a_whole_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_folder: Path, *, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise Killed

    draft = drafted(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(Killed):
            hand_over(draft, tmp_path)

    must_be_whole(tmp_path)
    assert stores_in(tmp_path) == STORES


async def test_a_half_moved_folder_is_refused_by_all_until_the_rest_is_moved(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = settings.data_dir
    with monkeypatch.context() as patched:
        kill_before(3, patched)
        with pytest.raises(Killed):
            await load(settings)
    sentence = "was stopped before it had moved tweets.db, users.db"

    with pytest.raises(Unavailable, match=sentence):
        async with lifecycle.run(settings, gateway=False):
            pytest.fail("it ran")
    with pytest.raises(Unavailable, match=sentence):
        await load(settings)
    with pytest.raises(Unavailable, match=sentence):
        backup(folder, tmp_path / "copy")
    assert [each for each in examine(settings) if sentence in each.sentence and not each.is_good]

    for file in (folder / "loaded").glob("*.db"):
        file.rename(folder / file.name)
    async with serving(settings):
        assert stores_in(folder) == STORES
    assert not [each for each in examine(settings) if "bulk load" in each.sentence]
