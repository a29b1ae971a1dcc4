"""The command as an operator runs it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from aviary.planning.command import plan
from aviary.planning.cost import ITEMS


def _run(*arguments: str) -> str:
    app = typer.Typer()
    app.command()(plan)
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


def _lines(*arguments: str) -> dict[str, float]:
    return {each["name"]: each["value"] for each in json.loads(_run("--json", *arguments))["lines"]}


def test_the_design_point_is_printed_with_what_to_doubt() -> None:
    printed = _run()

    for expected in (
        "20,000",
        "Fleet: carries the peak with 1 of 3 zones lost",
        "Money a month",
        "for 1,000 people a day",
    ):
        assert expected in printed
    assert printed.count("This is an extrapolation") == 1
    assert printed.count("Not counted:") == 1
    assert printed.count("embedded profile") == 1


def test_explaining_names_every_figure_and_step() -> None:
    printed, machine = _run("--explain"), json.loads(_run("--json"))

    for each in machine["figures"] + machine["lines"]:
        assert each["name"] in printed
    assert "peak.home × audience.pulled" in re.sub(r"\s+", " ", printed)


def test_what_is_for_machines_computes() -> None:
    machine = json.loads(_run("--json", "--dau", "10M"))
    lines = {each["name"]: each for each in machine["lines"]}

    assert {each["origin"] for each in machine["figures"]} == {"measured", "assumed", "workload"}
    assert lines["cost.total"]["value"] == pytest.approx(sum(lines[item]["value"] for item in ITEMS))
    assert lines["cost.total"]["formula"] == " + ".join(ITEMS)
    assert "extrapolation" in machine["note"]


def test_options_reach_the_plan() -> None:
    small = _lines("--dau", "10M", "--posts", "864k", "--peak-factor", "3", "--media-share", "0%")

    assert small["mean.posts"] == pytest.approx(10)
    assert small["peak.posts"] == pytest.approx(30)
    assert small["media.disk"] == 0
    assert _lines("--scale", "larger")["mean.posts"] == pytest.approx(2.5e9 / 86_400)


def test_a_file_of_ones_own_reaches_the_plan(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text("price.objects = 0\n", encoding="utf-8")

    assert _lines("--assumptions", str(own))["cost.media-kept"] == 0
    assert "own.toml" in _run("--assumptions", str(own), "--explain")


def test_a_small_platform_is_told_that_one_machine_is_enough() -> None:
    few = re.sub(r"\s+", " ", _run("--dau", "1k"))
    many = re.sub(r"\s+", " ", _run("--dau", "1M"))

    assert "so it carries these, with" in few
    assert "beyond, it takes a fleet" in many


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--dau", "lots"], "--dau is 'lots'; it must be a number such as 200M, 2.5B or 10k"),
        (["--posts", "-5"], "--posts is '-5'; it must be a number such as 200M, 2.5B or 10k"),
        (["--scale", "huge"], "--scale is 'huge'; it must be design or larger"),
        (["--dau", "10"], "25 people cannot follow 200 others each"),
        (["--assumptions", "none.toml"], "the assumptions in none.toml cannot be read"),
        (["--out", "none/plan.html"], "the page cannot be written"),
    ],
)
def test_nonsense_is_refused_in_one_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    called = [sys.executable, "-m", "aviary", "plan", *arguments]
    result = subprocess.run(called, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert result.returncode == 1
    assert result.stderr.startswith(f"aviary: {sentence}")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


class _References(HTMLParser):
    """Whatever a page would fetch, and the marks on it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.charts = 0
        self.texts: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.charts += tag == "svg"
        self.found += [f"{tag} {name}" for name, _ in attrs if name in {"src", "href", "xlink:href", "srcset", "data"}]
        self.found += [tag] if tag in {"script", "link", "iframe", "object", "embed", "base"} else []

    def handle_data(self, data: str) -> None:
        self.texts.add(data)


def test_the_page_draws_the_growth_and_needs_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "plan.html"
    printed = _run("--dau", "3M", "--out", str(out))
    text = out.read_text(encoding="utf-8")
    page = _References()
    page.feed(text)

    assert printed.endswith(f"wrote {out}\n")
    assert page.charts == 4
    assert page.found == []
    assert "://" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert {"design scale", "larger scale", "this plan", "embedded ends"} <= page.texts


def test_what_is_free_is_not_drawn(tmp_path: Path) -> None:
    own, out = tmp_path / "own.toml", tmp_path / "plan.html"
    prices = ("core", "memory", "disk", "objects", "egress", "edge", "zones")
    own.write_text("".join(f"price.{name} = 0\n" for name in prices), encoding="utf-8")
    _run("--assumptions", str(own), "--out", str(out))
    page = _References()
    page.feed(out.read_text(encoding="utf-8"))

    assert page.charts == 3


def test_the_page_holds_every_figure_and_step(tmp_path: Path) -> None:
    out = tmp_path / "plan.html"
    machine = json.loads(_run("--json", "--out", str(out)))
    page = _References()
    page.feed(out.read_text(encoding="utf-8"))

    assert {each["name"] for each in machine["figures"] + machine["lines"]} <= page.texts
    assert "this plan" not in page.texts
