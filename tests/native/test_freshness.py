"""The extension is refused when its sources have changed since."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aviary import _freshness
from aviary._native import SOURCE_DIGEST

NATIVE = Path(__file__).parents[2] / "native"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    native = tmp_path / "native"
    shutil.copytree(NATIVE, native, ignore=shutil.ignore_patterns("target"))
    return native


def test_the_extension_at_hand_was_built_from_these_sources(copy: Path) -> None:
    assert _freshness.source_digest(copy) == SOURCE_DIGEST
    _freshness.check()


@pytest.mark.parametrize("name", ["Cargo.toml", "build.rs", "src/row.rs", "src/text/tlds.txt"])
def test_a_changed_source_is_refused_with_what_to_do(copy: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with (copy / name).open("a", encoding="utf-8") as source:
        source.write("\n")
    monkeypatch.setattr(_freshness, "_NATIVE", copy)
    with pytest.raises(ImportError, match="run make setup"):
        _freshness.check()


def test_without_sources_beside_the_package_nothing_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_freshness, "_NATIVE", tmp_path)
    _freshness.check()
