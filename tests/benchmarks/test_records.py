"""What a record holds."""

from __future__ import annotations

import csv
import json
import socket
from pathlib import Path

import pytest
from benchmarks import machine
from benchmarks.figures import Figure, Target
from benchmarks.latency import Latencies
from benchmarks.records import write_circumstances, write_figures, write_latest


def test_a_record_has_a_row_a_figure_with_all_its_digits(tmp_path: Path) -> None:
    file = tmp_path / "today.csv"
    write_figures(file, [Figure("post.p95", 12.3456, "ms", Target(100), "a, note"), Figure("load.per_s", 5, "/s")])

    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["name"] for row in rows] == ["post.p95", "load.per_s"]
    assert rows[0] == {
        "name": "post.p95",
        "value": "12.3456",
        "unit": "ms",
        "target": "< 100",
        "met": "yes",
        "note": "a, note",
    }
    assert rows[1]["target"] == rows[1]["met"] == ""


def test_circumstances_say_what_ran_where_but_not_whose_machine_it_is(tmp_path: Path) -> None:
    file = tmp_path / "today.json"
    here = machine.this()
    write_circumstances(file, here, "Reed98", {"quick": False}, {"home.c16.max": Latencies.of([0.1, 0.2])})

    text = file.read_text(encoding="utf-8")
    content = json.loads(text)
    assert content["machine"]["cores"] == here.cores >= 1
    assert content["machine"]["packages"]["grpcio"]
    assert content["latency_ms"]["home.c16.max"]["count"] == 2
    assert content["latency_ms"]["home.c16.max"]["p100"] == pytest.approx(200, rel=0.001)
    assert json.dumps(socket.gethostname()) not in text
    assert str(Path.home()) not in text


def test_the_readme_shows_the_latest_record_in_its_place_only(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(
        "above\n<!-- latest record -->\nold\n<!-- end of the latest record -->\nbelow\n", encoding="utf-8"
    )
    write_latest(readme, "today", [Figure("load.per_s", 5, "/s")])

    text = readme.read_text(encoding="utf-8")
    assert text.startswith("above\n<!-- latest record -->\ntoday\n\n| figure")
    assert text.endswith("<!-- end of the latest record -->\nbelow\n")
    assert "| load.per_s | 5 /s |  |  |" in text
    assert "old" not in text


def test_each_place_of_the_readme_has_a_record_of_its_own(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    places = ("latest record", "latest volume record")
    readme.write_text("".join(f"<!-- {place} -->\n<!-- end of the {place} -->\n" for place in places), encoding="utf-8")
    for place in places:
        write_latest(readme, f"of the {place}", [], place=place)

    text = readme.read_text(encoding="utf-8")
    for place in places:
        assert f"<!-- {place} -->\nof the {place}\n" in text


def test_a_readme_without_the_place_is_left_alone(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("nothing here\n", encoding="utf-8")

    with pytest.raises(ValueError, match="no place for the latest record"):
        write_latest(readme, "today", [])
    assert readme.read_text(encoding="utf-8") == "nothing here\n"
