"""Where figures come from: the records, the list of assumptions, and a file of one's own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from benchmarks import planner

from aviary.errors import InvalidInput
from aviary.planning import figures, scales
from aviary.planning.figures import Origin
from aviary.planning.plan import plan


def test_what_is_shipped_as_measured_is_what_the_records_say() -> None:
    """When this fails after a new record: python -m benchmarks.planner."""
    assert planner.SHIPPED.read_text(encoding="utf-8") == planner.measured(planner.FOLDER)


def test_every_figure_says_where_it_is_from() -> None:
    shipped = figures.shipped()

    assert {each.origin for each in shipped.values()} == {Origin.MEASURED, Origin.ASSUMED}
    for each in shipped.values():
        assert each.unit
        assert each.source
        assert figures.checked(each) == each
    source = shipped["cpu.home.services"].source
    assert "-fleet" in source
    assert ": fleet.home.c16.max.cpu.aviary; " in source


def test_no_name_begins_with_another_so_that_a_file_can_set_both() -> None:
    names = figures.shipped()

    assert [(one, other) for one in names for other in names if other.startswith(f"{one}.")] == []


def test_no_figure_is_shipped_that_no_step_uses() -> None:
    made = plan({**scales.workload("design", {}), **figures.shipped()})
    used = frozenset[str]().union(*(line.uses for line in made.lines.values()))

    assert set(made.figures) <= used
    assert used <= set(made.figures) | set(made.lines)


def _record(folder: Path, name: str, rows: str, **options: bool) -> None:
    (folder / f"{name}.csv").write_text(f"name,value,unit,target,met,note\n{rows}", encoding="utf-8")
    (folder / f"{name}.json").write_text(json.dumps({"machine": {"cores": 4}, "options": options}), encoding="utf-8")


def test_a_figure_is_computed_as_its_formula_says(tmp_path: Path) -> None:
    _record(tmp_path, "2026-01-02-volume", 'disk,6,MB,,,\nload,1,s,,,"2,000, 5/s"\nrest,3,MB,,,\n')
    record = planner.newest(tmp_path, "-volume")

    def value(formula: str, times: float = 1.0) -> float:
        return planner.Recipe("x", "B", "-volume", formula, "", times).value(record)

    assert value("disk ÷ count(load)", 1e6) == 3_000
    assert value("disk + rest") == 9
    assert value("disk × rest ÷ machine.cores") == 4.5


def test_the_newest_record_of_a_kind_counts(tmp_path: Path) -> None:
    _record(tmp_path, "2026-01-02-volume", "a,1,s,,,\n")
    _record(tmp_path, "2026-01-03-volume", "a,2,s,,,\n")
    _record(tmp_path, "2026-01-04", "a,3,s,,,\n")

    assert planner.newest(tmp_path, "-volume").value("a") == 2
    assert planner.newest(tmp_path, "").value("a") == 3


def test_a_figure_of_a_quick_run_says_so(tmp_path: Path) -> None:
    _record(tmp_path, "2026-01-02-fleet", "a,1,s,,,\n", quick=True)
    _record(tmp_path, "2026-01-02-warm", "a,1,s,,,\n", quick=False)

    assert planner.newest(tmp_path, "-fleet").name == "2026-01-02-fleet, a quick run"
    assert planner.newest(tmp_path, "-warm").name == "2026-01-02-warm"


def test_what_a_record_lacks_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no record DATE-fleet\.csv"):
        planner.newest(tmp_path, "-fleet")
    _record(tmp_path, "2026-01-02", "a,1,s,,,nothing here\n")
    record = planner.newest(tmp_path, "")
    with pytest.raises(ValueError, match="2026-01-02 has no figure b"):
        record.value("b")
    with pytest.raises(ValueError, match="the note of a in 2026-01-02 does not begin with a number"):
        record.value("count(a)")


def _overridden(folder: Path, text: str) -> dict[str, figures.Figure]:
    file = folder / "own.toml"
    file.write_text(text, encoding="utf-8")
    return figures.overridden(figures.shipped(), file)


def test_a_file_of_ones_own_replaces_what_it_names(tmp_path: Path) -> None:
    before = figures.shipped()
    after = _overridden(
        tmp_path,
        'price.core = 12.5\nzones.all = 2\nzones.lost = 0\n[cpu.home]\nservices = 150\n["size"]\nlist = 9000\n',
    )
    changed = {name: each.value for name, each in after.items() if each != before[name]}

    assert changed == {
        "price.core": 12.5,
        "zones.all": 2,
        "zones.lost": 0,
        "cpu.home.services": 150,
        "size.list": 9_000,
    }
    assert after["price.core"].origin is Origin.OVERRIDDEN
    assert after["price.core"].source == "own.toml"


def test_the_file_in_the_manual_works(tmp_path: Path) -> None:
    manual = (planner.SHIPPED.parents[3] / "OPERATIONS.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", manual, re.DOTALL)
    after = _overridden(tmp_path, example)

    assert {name for name, each in after.items() if each.origin is Origin.OVERRIDDEN} >= {"price.core", "zones.lost"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("price.cores = 1", "sets price.cores, which is neither measured nor assumed"),
        ("workload.dau = 1", "sets workload.dau, which is neither measured nor assumed"),
        ('price.core = "12"', "sets price.core to '12'; it must be a number"),
        ("price.core = true", "sets price.core to True; it must be a number"),
        ("price.core = -1", "price.core is -1; it must be at least 0"),
        ("price.core = nan", "price.core is nan; it must be at least 0"),
        (f"price.core = 1{'0' * 400}", "price.core is inf; it must be at least 0"),
        ("price.core = inf", "price.core is inf; it must be at least 0"),
        ("use.cpu = 1.5", "use.cpu is 1.5; it must be from 0.01 to 1"),
        ("one.pages = 0", "one.pages is 0; it must be above 0"),
        ("price.core = ", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        _overridden(tmp_path, text)

    assert sentence in refused.value.message


def test_a_file_that_is_not_there_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        figures.overridden(figures.shipped(), tmp_path / "none.toml")
