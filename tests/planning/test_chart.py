"""Curves on two logarithmic axes."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from aviary.planning.chart import Curve, draw


def _points(svg: str) -> list[tuple[float, float]]:
    polyline = ET.fromstring(svg).find("polyline")
    assert polyline is not None
    pairs = (point.split(",") for point in polyline.attrib["points"].split())
    return [(float(x), float(y)) for x, y in pairs]


def test_equal_factors_are_equal_distances() -> None:
    svg = draw("Cores", "of all", [Curve("a fleet", "fleet", [(1e3, 1), (1e5, 100), (1e7, 10_000)])])
    (x1, y1), (x2, y2), (x3, y3) = _points(svg)

    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2)
    assert y1 - y2 == pytest.approx(y2 - y3, abs=0.2) != 0


def test_axes_are_labelled_by_powers_of_ten() -> None:
    svg = draw("Cores", "of all", [Curve("a fleet", "fleet", [(1e3, 0.02), (1e9, 50)])])
    labels = {each.text for each in ET.fromstring(svg).iter("text")}

    assert {"1k", "1M", "1B", "0.01", "1", "100"} <= labels


def test_a_single_point_is_a_named_mark() -> None:
    svg = draw("Cores", "<of all>", [Curve("a & b", "scale", [(1e3, 5)])])
    tree = ET.fromstring(svg)

    assert tree.find("circle") is not None
    assert "a & b" in {each.text for each in tree.iter("text")}
    assert "Cores, <of all>" in {each.text for each in tree.iter("text")}


def test_nothing_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="there is nothing to draw of Cores"):
        draw("Cores", "", [Curve("a fleet", "fleet", [])])
