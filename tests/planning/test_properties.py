"""What holds for every plan."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.planning.plain import PLAIN, WORKLOAD, plain, planned

from aviary.errors import InvalidInput
from aviary.planning import figures, scales
from aviary.planning.cost import ITEMS
from aviary.planning.plan import growth, plan, weights

# Whatever is bought or filled.
_NEEDS = [
    *(f"{part}.pods" for part in ("gateway", "services")),
    *(f"{part}.nodes" for part in ("apps", "tables", "cache", "log", "search")),
    *(f"fleet.{what}" for what in ("cores", "memory", "disk", "nodes")),
    *ITEMS,
    "cost.total",
]
_RATES = ["workload.posts", "workload.likes", "workload.home-reads", "workload.other-reads", "workload.searches"]
# What is not rounded to whole ones: at most as many times more.
_EXACT = [
    *(f"{part}.cores" for part in ("gateway", "services", "tables", "cache", "search")),
    *(f"{part}.full" for part in ("tables", "cache", "log", "search")),
    "fleet.disk",
    "cost.disks",
]
# Nodes that something else limits feel a change of theirs only when it is a large one.
_SLACK = frozenset({"node.tables.disk", "node.log.rate", "node.search.disk"})
_PEOPLE = st.floats(1_000, 1e8)
_TIMES = st.floats(1, 400)
_SHIPPED = figures.shipped()


@given(dau=_PEOPLE, times=_TIMES)
def test_more_people_never_need_less(dau: float, times: float) -> None:
    fewer = plan({**scales.workload("design", {"dau": dau}), **_SHIPPED})
    more = plan({**scales.workload("design", {"dau": dau * times}), **_SHIPPED})

    for name in _NEEDS:
        assert more[name] >= fewer[name] * (1 - 1e-9), name


@given(rate=st.sampled_from(_RATES), dau=_PEOPLE, times=_TIMES)
def test_a_higher_rate_never_needs_less_and_at_most_as_many_times_more(rate: str, dau: float, times: float) -> None:
    before = {**scales.workload("design", {"dau": dau}), **_SHIPPED}
    after = before | {rate: replace(before[rate], value=before[rate].value * times)}
    fewer, more = plan(before), plan(after)

    for name in _NEEDS:
        assert more[name] >= fewer[name] * (1 - 1e-9), name
    for name in _EXACT:
        assert more[name] <= fewer[name] * times * (1 + 1e-9), name


@given(dau=_PEOPLE)
def test_the_total_is_the_sum_of_its_items(dau: float) -> None:
    made = plan({**scales.workload("design", {"dau": dau}), **_SHIPPED})

    assert made["cost.total"] == pytest.approx(sum(made[item] for item in ITEMS))
    assert made["cost.thousand"] * dau / 1_000 == pytest.approx(made["cost.total"])


@pytest.mark.parametrize("name", [*PLAIN, *(f"workload.{name}" for name in WORKLOAD)])
def test_a_figure_changes_what_depends_on_it_and_nothing_else(name: str) -> None:
    before = planned()
    after = planned({name: before.figures[name].value * (0.001 if name in _SLACK else 0.75)})
    changed = {line for line in before.lines if before[line] != after[line]}

    assert changed
    for line in before.lines:
        depends = name in before.sheet.below(line)
        assert depends or line not in changed, f"{line} does not name {name}, but changed"


def test_what_hangs_on_a_figure_in_proportion_changes_in_proportion() -> None:
    # Nothing but the gateway's busy cores and what follows from them knows what a post costs there.
    before, after = planned(), planned({"cpu.post.gateway": 4_000})
    assert after["gateway.busy"] - before["gateway.busy"] == pytest.approx(1.2)
    untouched = ("services.busy", "tables.busy", "cache.busy", "log.disk", "search.disk", "media.disk", "one.limit")
    assert all(after[name] == before[name] for name in untouched)


def test_the_limit_of_one_machine_does_not_depend_on_how_many_people_are_asked_about() -> None:
    limits = [each["one.limit"] for each in growth(planned(), least=1e3, most=1e9)]

    assert limits == pytest.approx([limits[0]] * len(limits))


def test_growth_passes_the_end_of_one_machine_and_both_ends() -> None:
    made = planned()
    people = [each.figures["workload.dau"].value for each in growth(made, least=1e3, most=1e6)]

    assert people == sorted(people)
    assert (people[0], people[-1]) == pytest.approx((1e3, 1e6))
    assert any(each == pytest.approx(made["one.limit"]) for each in people)


def test_growth_leaves_out_people_who_cannot_follow_so_many() -> None:
    grown = growth(planned({"workload.follows": 10_000}), least=1e3, most=1e6)

    assert min(each.figures["workload.accounts"].value for each in grown) > 10_000


def test_the_heaviest_figure_stands_first_with_what_a_tenth_more_does() -> None:
    found = weights(planned())

    assert [abs(each.change) for each in found] == sorted((abs(each.change) for each in found), reverse=True)
    changes = {each.figure.name: each.change for each in found}
    before, after = planned(), planned({"price.core": 22})
    assert changes["price.core"] == pytest.approx(after["cost.total"] / before["cost.total"] - 1)
    # No figure of one machine alone is on the fleet's bill.
    assert "one.pages" not in changes


def test_nothing_weighs_anything_when_all_is_free() -> None:
    free = {name: 0.0 for name in PLAIN if name.startswith("price.")}

    assert weights(planned(free)) == []


def test_absurd_figures_are_refused_in_a_sentence() -> None:
    with pytest.raises(InvalidInput, match="too large or too small to compute"):
        plan(plain({"cpu.home.services": 1e308}))
