"""`aviary bench` runs the suite that stands in the source tree, and says so where there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aviary import bench
from aviary.errors import InvalidInput, Unavailable

# Stands in for the suite: says how it was called.
_SUITE = "import sys\nfrom pathlib import Path\nPath('called').write_text(' '.join(sys.argv[1:]))\nsys.exit(3)\n"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "benchmarks" / "scenarios").mkdir(parents=True)
    (tmp_path / "benchmarks" / "__main__.py").write_text(_SUITE)
    # A package, or this checkout's own would be found in its place.
    (tmp_path / "benchmarks" / "__init__.py").write_text("")
    for name in ("mix", "cold"):
        (tmp_path / "benchmarks" / "scenarios" / f"{name}.toml").write_text("")
    # Whether the suite's own packages are here is not what is tested.
    monkeypatch.setattr(bench, "is_equipped", lambda: True)
    return tmp_path


def called(checkout: Path) -> str:
    return (checkout / "called").read_text()


def test_without_a_source_tree_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="in Aviary's source tree and not in the package; run this from a checkout"):
        bench.run(tmp_path, [], quick=False, at="", out=None)


def test_without_the_suites_packages_there_is_one_sentence(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "is_equipped", lambda: False)
    with pytest.raises(Unavailable, match="need packages of their own, which `make bench` installs"):
        bench.run(checkout, [], quick=False, at="", out=None)


def test_every_scenario_is_run_when_none_is_named(checkout: Path) -> None:
    assert bench.run(checkout, [], quick=True, at="", out=None) == 3
    assert called(checkout) == "--scenario cold --scenario mix --quick"


def test_a_platform_that_runs_is_asked_for_what_the_suite_can(checkout: Path) -> None:
    bench.run(checkout, [], quick=False, at="https://aviary.example", out=None)
    assert called(checkout) == "--at https://aviary.example"


def test_names_and_folder_are_passed_on(checkout: Path, tmp_path: Path) -> None:
    bench.run(checkout, ["mix"], quick=False, at="", out=tmp_path / "kept")
    assert called(checkout) == f"--scenario mix --out {tmp_path / 'kept'}"


def test_an_address_that_is_none_is_refused(checkout: Path) -> None:
    with pytest.raises(InvalidInput, match="--at is 'here'; it must be a URL"):
        bench.run(checkout, [], quick=False, at="here", out=None)


def test_the_command_finds_the_suite_of_this_checkout() -> None:
    assert (bench._CHECKOUT / "benchmarks" / "__main__.py").is_file()
    assert Path(sys.modules["aviary"].__file__ or "").parents[2] == bench._CHECKOUT
