"""`aviary load` as an operator runs it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aviary.cli import app, main


def load(data_dir: Path, *more: str) -> str:
    sizes = ("--people", "20", "--follows", "60", "--tweets", "10")
    result = CliRunner().invoke(
        app, ["load", "--data-dir", str(data_dir), *sizes, *more], env={"AVIARY_BCRYPT_COST": "4"}
    )
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_load_says_what_it_wrote_and_the_password_that_it_drew(tmp_path: Path) -> None:
    told = load(tmp_path / "data")

    assert re.search(r"^ +20 people in ", told, re.MULTILINE)
    assert re.search(r"^ +60 follows in ", told, re.MULTILINE)
    assert re.search(r"^everybody's password is \S{16}$", told, re.MULTILINE)


def test_a_password_that_was_given_is_not_printed(tmp_path: Path) -> None:
    assert "horse" not in load(tmp_path / "data", "--password", "correct horse battery")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--people", "1"), "a world of 1 people cannot be made; it takes 2 to 5,760,000"),
        (("--people", "10", "--follows", "23"), "10 people cannot follow 23 times; the limit is 22"),
        (("--password", "short"), "password has 5 characters"),
    ],
)
def test_what_cannot_be_loaded_is_said_in_one_sentence(
    tmp_path: Path,
    arguments: tuple[str, ...],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["aviary", "load", "--data-dir", str(tmp_path / "data"), *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()

    assert stopped.value.code == 1
    assert capsys.readouterr().err.startswith(f"aviary: {sentence}")
    assert not list(tmp_path.glob("data/*.db"))
