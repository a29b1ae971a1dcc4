"""The report: one page that needs nothing else, with every figure that was recorded."""

from __future__ import annotations

import json
import math
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from benchmarks import archive, published, report, svg
from benchmarks.archive import FOLDER
from benchmarks.svg import Bar, Line
from tests.gateway.browser import browser

# Those that have no closing tag.
_VOID = {"meta", "br"}


class Page(HTMLParser):
    """Reads a page, holding that its tags nest and that nothing in it comes from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in _VOID:
            self.open.append(tag)
        for name, value in attrs:
            assert name not in {"src", "srcset", "xlink:href", "data", "poster"}
            assert "url(" not in (value or "")
            if name == "href":
                assert tag == "a"
                self.links.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def text() -> str:
    return report.page(archive.newest(FOLDER))


def test_the_report_needs_nothing_else(text: str) -> None:
    page = Page(text)

    assert {"script", "link", "img", "iframe", "object", "embed"}.isdisjoint(page.tags)
    assert "@import" not in text
    assert "url(" not in text
    sources = {system.source for system in published.systems() if system.source}
    assert set(page.links) == sources
    # No address but those, not even in words.
    assert set(re.findall(r'https?://[^"<\s]+', text)) == sources


def test_every_recorded_figure_stands_in_the_report_with_its_verdict(text: str) -> None:
    said = " ".join(Page(text).text)
    for record in archive.newest(FOLDER).values():
        assert record.date in said
        for figure in record.figures:
            assert figure.name in said
            assert f"{figure.text} {figure.unit}".strip() in said
    aimed = [each for record in archive.newest(FOLDER).values() for each in record.figures if each.target]
    assert f"{sum(bool(each.is_met) for each in aimed)} of {len(aimed)} are met." in said


def test_what_others_publish_is_marked_as_not_of_the_same_run(text: str) -> None:
    said = " ".join(Page(text).text)

    assert "Not of the same run, and on other hardware" in said
    for system in published.systems():
        assert system.name in said
        for quoted in system.figures:
            assert f"{quoted.value:,g} {quoted.unit}" in said


def test_charts_say_in_words_what_they_draw(text: str) -> None:
    page = Page(text)

    # A swatch beside a name of a legend is hidden from whoever can't see it.
    charts = text.count('role="img"')
    assert charts > 5
    assert page.tags.count("svg") == charts + text.count('aria-hidden="true"')
    assert page.tags.count("desc") == charts
    assert page.tags.count("figure") == charts


def test_the_report_is_small_enough_to_be_kept(text: str) -> None:
    assert len(text.encode()) < 400_000


def test_the_report_beside_the_records_is_of_them(text: str) -> None:
    assert report.OUT.read_text(encoding="utf-8") == text, "make report"


def test_the_newest_record_of_each_kind_is_taken(tmp_path: Path) -> None:
    for name in ("2026-01-02", "2026-03-04", "2026-02-03-volume"):
        (tmp_path / f"{name}.csv").write_text("name,value,unit,target,met,note\na.p95,5,ms,< 4,no,x\n")
        (tmp_path / f"{name}.json").write_text(json.dumps({"options": {"quick": True}, "latency_ms": {}}))
    (tmp_path / "notes.csv").write_text("no record")
    found = archive.newest(tmp_path)

    assert {kind: record.name for kind, record in found.items()} == {"": "2026-03-04", "volume": "2026-02-03-volume"}
    [figure] = found[""].figures
    assert (figure.name, figure.value, figure.is_met, figure.note) == ("a.p95", 5.0, False, "x")
    assert found[""].is_quick


def test_a_folder_without_records_gets_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main(["--record", str(tmp_path), "--out", str(tmp_path / "report.html")]) == 1
    assert capsys.readouterr().err == f"report: {tmp_path} holds no record\n"


def test_a_page_is_written_from_any_folder(tmp_path: Path) -> None:
    for file in FOLDER.glob("2026-11-21-volume.*"):
        shutil.copy(file, tmp_path)
    assert report.main(["--record", str(tmp_path), "--out", str(tmp_path / "report.html")]) == 0

    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "1,000,000 tweets" in " ".join(page.text)


def places(drawn: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawn)]


def test_a_line_rises_where_its_values_do_and_stays_inside() -> None:
    drawn = svg.lines("a & b", [Line("p50", [(100, 1.5), (200, 15), (400, 150)])], across="requests/s", up="ms")
    points = places(drawn)

    assert "a &amp; b" in drawn
    assert points == sorted(points)
    assert [y for _, y in points] == sorted((y for _, y in points), reverse=True)
    assert all(0 <= x <= 400 and 0 <= y <= 260 for x, y in points)
    # Decades apart on a logarithmic axis, and doubled on a linear one.
    (x1, y1), (x2, y2), (x3, y3) = points
    assert y1 - y2 == pytest.approx(y2 - y3, abs=0.2)
    assert x3 - x2 == pytest.approx(2 * (x2 - x1), abs=0.2)


@pytest.mark.parametrize("values", [(0.02, 0.03), (5.0, 5.0), (1.0, 1e6), (999.0, 1000.0), (1e-3, 1e-3)])
def test_every_value_has_a_place_between_the_ticks(values: tuple[float, float]) -> None:
    drawn = svg.lines(
        "t", [Line("l", [(values[0], values[0]), (values[1], values[1])])], across="x", up="y", is_log=True
    )

    assert len(places(drawn)) == 2
    assert all(math.isfinite(x) and 48 <= x <= 388 and 10 <= y <= 220 for x, y in places(drawn))


def test_bars_are_as_long_as_their_parts() -> None:
    drawn = svg.bars("t", [Bar("one", (30, 10)), Bar("two", (20, 0))], unit="µs", legend=("aviary", "envoy"))

    assert re.findall(r'width="([\d.]+)"', drawn) == ["300.0", "100.0", "200.0"]
    assert "<title>one, envoy: 10 µs</title>" in drawn


def test_nothing_is_not_drawn() -> None:
    with pytest.raises(ValueError, match="nothing to draw of t"):
        svg.lines("t", [Line("l", [])], across="x", up="y")
    with pytest.raises(ValueError, match="nothing to draw of t"):
        svg.bars("t", [Bar("b", (0,))], unit="ms")


def test_ratios_are_of_what_is_better() -> None:
    ratios = {
        each.name: each
        for each in published.ratios({"scenario.dense.home.max.per_s": 9_480.0, "scenario.dense.memory": 665.5})
    }

    home = ratios["scenario.dense.over.gotosocial_tuned.home"]
    assert (home.value, str(home.target), home.is_met) == (10.0, ">= 5", True)
    memory = ratios["scenario.dense.over.gotosocial_tuned.memory"]
    assert (memory.value, str(memory.target), memory.is_met) == (2.0, ">= 3", False)
    assert "not of the same run" in home.note
    assert set(ratios) == {
        f"scenario.dense.over.gotosocial_{which}.{what}"
        for which in ("tuned", "default")
        for what in ("home", "memory")
    }


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1400])
async def test_the_report_opens_in_a_browser_and_fits_its_width(width: int, tmp_path: Path) -> None:
    async with browser(tmp_path) as tab:
        await tab.send("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=True)
        await tab.open(report.OUT.as_uri())
        await tab.until("document.querySelectorAll('figure > svg').length > 5")
        sizes = await tab.run("[...document.querySelectorAll('figure > svg')].map(each => each.clientWidth)")
        across = await tab.run("document.documentElement.scrollWidth")

        assert all(250 < size <= width for size in sizes)
        # Tables scroll by themselves, the page does not.
        assert across <= width
        assert tab.complaints == []
        assert tab.requested == [report.OUT.as_uri()]
