"""The fleet of a demand, calculated by hand: the peak is 2,500 pages' worth and 600 posts' worth a second."""

from __future__ import annotations

import pytest
from tests.planning.plain import planned

from aviary.planning.cost import ITEMS
from aviary.planning.plan import Plan


@pytest.fixture(scope="module")
def plain() -> Plan:
    return planned()


def test_the_gateway_passes_pages_writes_and_searches_on(plain: Plan) -> None:
    assert plain["gateway.busy"] == pytest.approx(2_500 * 0.001 + 600 * 0.002 + 20 * 0.001)
    # At half of each core, and with a third of them gone.
    assert plain["gateway.cores"] == pytest.approx(3.72 / 0.5 * 1.5)
    assert plain["gateway.pods"] == 3


def test_services_answer_pages_pull_authors_and_write(plain: Plan) -> None:
    assert plain["services.busy.pages"] == pytest.approx(15)
    assert plain["services.busy.pulls"] == pytest.approx(2_000 * plain["audience.pulled"] * 50e-6)
    assert plain["services.busy.writes"] == pytest.approx(12)
    assert plain["services.cores"] == pytest.approx((27 + plain["services.busy.pulls"]) * 3)
    assert plain["services.cores"] <= plain["services.pods"] < plain["services.cores"] + 1


def test_the_fan_out_costs_by_the_delivery(plain: Plan) -> None:
    assert plain["fanout.busy"] == pytest.approx(300 * plain["audience.pushed"] * 20e-6)
    assert plain["fanout.pods"] == 3


def test_pods_share_nodes(plain: Plan) -> None:
    python = plain["services.pods"] + plain["fanout.pods"]
    assert plain["apps.cores"] == python + 3 * 4
    assert plain["apps.memory"] == pytest.approx((python * 0.4 + 3 * 0.1) / 0.5)
    assert plain["apps.full"] == pytest.approx(max(plain["apps.cores"] / 16, plain["apps.memory"] / 64))


def test_tables_read_from_two_replicas_and_write_to_three(plain: Plan) -> None:
    assert plain["tables.busy.pages"] == pytest.approx(2_500 * 0.004 * 2)
    assert plain["tables.busy.pulls"] == pytest.approx(2_000 * plain["audience.pulled"] * 100e-6 * 2)
    assert plain["tables.busy.writes"] == pytest.approx(600 * 0.010 * 3)
    assert plain["tables.cores"] == pytest.approx((38 + plain["tables.busy.pulls"]) * 3)


def test_tables_hold_people_their_follows_and_ten_days_three_times(plain: Plan) -> None:
    assert plain["tables.people"] == pytest.approx(41)
    assert plain["tables.day"] == pytest.approx(300 * 86_400 * 400e-9)
    assert plain["tables.disk"] == pytest.approx((41 + 103.68) * 3 / 0.5)


def test_the_cache_holds_a_list_for_everybody_of_the_day(plain: Plan) -> None:
    assert plain["cache.busy"] == pytest.approx(300 * plain["audience.pushed"] * 10e-6 + 0.2)
    assert plain["cache.memory"] == pytest.approx(20 / 0.5 * 1.5)
    assert plain["cache.full"] == pytest.approx(60 / 64)
    assert plain["cache.nodes"] == 3


def test_the_log_is_bound_by_its_rate_or_its_disk(plain: Plan) -> None:
    assert plain["log.rate"] == pytest.approx(300 * 2 * 2 * 300e-6 * 3 * 1.5)
    assert plain["log.disk"] == pytest.approx(0.54 * 86_400 * 7 / 1_000 / 0.5)
    assert plain["log.full"] == pytest.approx(0.653184)


def test_search_holds_every_post_twice_and_is_gone_when_nobody_searches(plain: Plan) -> None:
    assert plain["search.busy"] == pytest.approx(0.1)
    assert plain["search.disk"] == pytest.approx(172.8)
    # Three nodes of an eighth of a full one.
    assert (plain["search.full"], plain["search.nodes"]) == (0.375, 3)
    without = planned({"workload.searches": 0, "workload.posts": 0})
    assert without["search.full"] == without["search.nodes"] == without["cost.search"] == 0


def test_traffic_of_each_border(plain: Plan) -> None:
    assert plain["traffic.in.mean"] == pytest.approx(1_810 * 8e-6)
    assert plain["traffic.out.mean"] == pytest.approx(1_510 * 20 * 8e-6)
    assert plain["traffic.stores.mean"] == pytest.approx(3 * plain["traffic.out.mean"])
    assert plain["traffic.fanout.mean"] == pytest.approx(150 * plain["audience.pushed"] * 80 * 8e-9)
    assert plain["traffic.log.mean"] == pytest.approx(0.00432)
    assert plain["traffic.media-in.mean"] == pytest.approx(8_640 / 86_400 * 8)
    assert plain["traffic.media-out.mean"] == pytest.approx(1.2)
    for border in ("in", "out", "stores", "fanout", "log", "media-in", "media-out"):
        assert plain[f"traffic.{border}.peak"] == pytest.approx(2 * plain[f"traffic.{border}.mean"])
    inside = sum(plain[f"traffic.{border}.mean"] for border in ("in", "out", "stores", "fanout", "log"))
    assert plain["traffic.zones.mean"] == pytest.approx(inside * 2 / 3)


def test_money_by_item(plain: Plan) -> None:
    a_node = 16 * 20 + 64 * 2
    assert plain["cost.tables"] == pytest.approx(plain["tables.full"] * a_node)
    assert plain["cost.cache"] == pytest.approx(0.9375 * a_node)
    assert plain["cost.disks"] == pytest.approx((868.08 + 653.184 + 172.8) * 0.1)
    assert plain["cost.traffic-out"] == pytest.approx(0.0302 * 86_400 * 30 * 0.02)
    assert plain["cost.media-kept"] == pytest.approx(172_800 * 0.02)
    # The edge is paid for all, and fetches a tenth.
    assert plain["cost.media-out"] == pytest.approx(0.15 * 86_400 * 30 * (0.01 + 0.1 * 0.02))
    assert plain["cost.total"] == pytest.approx(sum(plain[item] for item in ITEMS))
    assert plain["cost.thousand"] == pytest.approx(plain["cost.total"] / 1_000)


def test_the_items_are_all_that_is_paid_for(plain: Plan) -> None:
    assert {name for name in plain.lines if name.startswith("cost.")} - {"cost.total", "cost.thousand"} == set(ITEMS)


def test_one_machine_ends_where_it_is_half_busy(plain: Plan) -> None:
    # 2,500 of 200 pages a second and 600 of 400 posts.
    assert plain["one.busy"] == pytest.approx(14)
    assert plain["one.limit"] == pytest.approx(1e6 * 0.5 / 14)
    assert plain["one.memory"] == pytest.approx((0.4 + 20) / 0.5)
    assert plain["one.disk"] == pytest.approx((41 + 103.68) / 0.5)
    assert plain["one.cost"] == pytest.approx(2 * 20 + 40.8 * 2 + 28.936 + 1_565.568 + 3_456 + 4_665.6)


def test_no_zone_lost_needs_no_spare() -> None:
    assert planned({"zones.lost": 0})["gateway.cores"] == pytest.approx(3.72 / 0.5)
    assert planned({"zones.all": 2})["gateway.cores"] == pytest.approx(3.72 / 0.5 * 2)
