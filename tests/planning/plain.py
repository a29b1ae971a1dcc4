"""Figures that are easy to calculate with, whatever the records say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aviary.planning import figures, scales
from aviary.planning.figures import Figure
from aviary.planning.plan import Plan, plan

# 100 posts, 200 likes and retweets, 1,000 home pages, 500 others and 10 searches a second on average.
WORKLOAD = {
    "dau": 1e6,
    "accounts": 2e6,
    "posts": 100 * 86_400.0,
    "likes": 200 * 86_400.0,
    "home-reads": 1_000 * 86_400.0,
    "other-reads": 500 * 86_400.0,
    "searches": 10 * 86_400.0,
    "follows": 100.0,
    "media-share": 0.5,
    "media-mb": 2.0,
    "retention-days": 10.0,
    "peak-factor": 2.0,
}
PLAIN = {
    "cpu.home.gateway": 1_000,
    "cpu.home.services": 6_000,
    "cpu.home.servers": 4_000,
    "cpu.post.gateway": 2_000,
    "cpu.post.services": 20_000,
    "cpu.post.servers": 10_000,
    "cpu.other": 0.5,
    "cpu.append.worker": 20,
    "cpu.append.cache": 10,
    "cpu.read.cache": 100,
    "size.list": 20_000,
    "pod.services.cores": 1,
    "memory.services": 400,
    "memory.gateway": 100,
    "disk.user": 500,
    "disk.follow": 200,
    "disk.write": 400,
    "one.pages": 200,
    "one.posts": 400,
    "one.cores": 2,
    "memory.one": 400,
    "use.cpu": 0.5,
    "use.memory": 0.5,
    "use.disk": 0.5,
    "use.node": 1,
    "zones.all": 3,
    "zones.lost": 1,
    "copies.tables": 3,
    "copies.read": 2,
    "copies.log": 3,
    "copies.cache": 1,
    "copies.search": 2,
    "least.pods": 3,
    "least.nodes": 3,
    "least.size": 0.125,
    "popularity": 0.9,
    "share.hour": 0.2,
    "share.retweets": 0.25,
    "media.pictures": 1,
    "media.picture": 100,
    "media.sizes": 2,
    "media.missed": 0.1,
    "cpu.like": 1,
    "cpu.pull.services": 50,
    "cpu.pull.tables": 100,
    "cpu.search": 5_000,
    "disk.tables": 1,
    "size.page": 20,
    "size.request": 1,
    "size.internal": 3,
    "size.append": 80,
    "size.event": 300,
    "size.indexed": 500,
    "log.records": 2,
    "log.days": 7,
    "pod.gateway.cores": 4,
    "node.apps.cores": 16,
    "node.apps.memory": 64,
    "node.tables.cores": 16,
    "node.tables.memory": 64,
    "node.tables.disk": 1_000,
    "node.cache.cores": 16,
    "node.cache.memory": 64,
    "node.log.cores": 16,
    "node.log.memory": 64,
    "node.log.disk": 1_000,
    "node.log.rate": 100,
    "node.search.cores": 16,
    "node.search.memory": 64,
    "node.search.disk": 1_000,
    "price.core": 20,
    "price.memory": 2,
    "price.disk": 0.1,
    "price.objects": 0.02,
    "price.egress": 0.02,
    "price.edge": 0.01,
    "price.zones": 0.01,
}


def plain(changes: Mapping[str, float] | None = None) -> dict[str, Figure]:
    """Every figure of a plan, with some of them changed."""
    known = {**scales.workload("design", WORKLOAD), **figures.shipped()}
    values = {f"workload.{name}": value for name, value in WORKLOAD.items()} | PLAIN
    assert values.keys() == known.keys()
    values |= changes or {}
    return {name: replace(figure, value=values[name]) for name, figure in known.items()}


def planned(changes: Mapping[str, float] | None = None) -> Plan:
    return plan(plain(changes))
