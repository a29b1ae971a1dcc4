"""A platform with much in it: how it is loaded, what it takes, and how it answers."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import replace
from pathlib import Path

from aviary import operations, settings
from benchmarks import celebrity, growth, processes, readers, subject, worlds
from benchmarks.crowd import Crowd
from benchmarks.delivery import delivered, until_delivered
from benchmarks.growth import page
from benchmarks.inhabitants import Inhabitants
from benchmarks.phase import Kind, Phase, perform
from benchmarks.plans import VolumePlan
from benchmarks.subject import Subject
from benchmarks.system import FAULTS, HOME, POST, READY, Run
from benchmarks.traffic import homes
from benchmarks.visibility import Probe, look
from benchmarks.worlds import Loaded

_CONNECTIONS = 16
_REBUILDS_PER_S = 10.0


def measure(run: Run, plan: VolumePlan, folder: Path, wanted: frozenset[str]) -> None:
    """Add the figures of the wanted parts: volume, growth, celebrity."""
    if wanted & {"volume", "growth"}:
        large = folder / "large"
        loaded = worlds.load(plan.large, large / "data")
        if "volume" in wanted:
            _load(run, plan, loaded, large / "data")
            _answers(run, plan, large)
        if "growth" in wanted:
            growth.measure(run, plan, large, folder / "small")
    if "celebrity" in wanted:
        celebrity.measure(run, plan, folder / "celebrity")
    run.add_answers()


def _load(run: Run, plan: VolumePlan, loaded: Loaded, data: Path) -> None:
    size = plan.large
    what = f"{size.people:,} people, {size.follows:,} follows, {size.tweets:,} tweets"
    run.add("volume.load", loaded.elapsed_s, "s", note=f"{what}; to the last sync")
    for part in loaded.parts:
        name = part.name.replace(" ", "_")
        run.add(
            f"volume.load.{name}", part.elapsed_s, "s", note=f"{part.count:,}, {part.count / part.elapsed_s:,.0f}/s"
        )
    run.add("volume.load.memory", loaded.peak_mb, "MB", note="the most that the loading process had")
    for store in worlds.STORES:
        run.add(f"volume.disk.{store}", processes.disk_mb(data, f"{store}.db*"), "MB", note="with its events")


def _answers(run: Run, plan: VolumePlan, home: Path) -> None:
    _starts(run, home)
    with subject.running(home) as platform:
        _memory(run, platform, "at_ready", "resident, when ready")
        people = Inhabitants.of(home / "data")
        usual, keenest = people.usual(plan.readers), people.keenest(plan.readers)
        _homes(run, platform, "usual", usual, people.followed(usual))
        _homes(run, platform, "keen", keenest, people.followed(keenest))
        _posts(run, platform, usual)
        _visible(run, platform, people, people.authors(plan.authors))
        _memory(run, platform, "at_the_end", "resident, at the end")
        _reconcile(run, home / "data")


def _reconcile(run: Run, data: Path) -> None:
    """Every counter held against what it counts: a load that went past the API must not have got one wrong."""
    began = time.perf_counter()
    examined, drifted = asyncio.run(_recounted(data))
    run.add("volume.reconcile", time.perf_counter() - began, "s", note=f"{examined:,} counters recounted")
    run.add("volume.reconcile.drifts", drifted, "", FAULTS, "counters that were not what they count")


async def _recounted(data: Path) -> tuple[int, int]:
    found = [drift async for drift in operations.reconcile(settings.load(data_dir=data), repair=False)]
    # The last says only how many there are.
    return found[-1].examined, len(found) - 1


def _starts(run: Run, home: Path) -> None:
    took = []
    for _ in range(run.plan.starts):
        with subject.running(home) as platform:
            took.append(platform.ready_s)
    run.add("volume.start", statistics.median(took), "s", READY, f"to `ready`, median of {len(took)}")


def _memory(run: Run, platform: Subject, slug: str, note: str) -> None:
    run.add(f"volume.memory.aviary.{slug}", processes.rss_mb(platform.processes["aviary"]), "MB", note=note)
    run.add(f"volume.memory.envoy.{slug}", processes.rss_mb(platform.processes["envoy"]), "MB", note=note)


def _homes(run: Run, platform: Subject, who: str, crowd: Crowd, followed: tuple[int, int]) -> None:
    """First reads since the start, one after the other; then warm ones at 16 connections."""
    asks = homes(crowd)
    name = f"volume.home.{who}"
    first = run.driver.submit(perform, _first(platform, crowd)).result()
    note = f"at {_REBUILDS_PER_S:g}/s: lists are built; they follow {followed[0]} to {followed[1]}"
    run.add_load(f"{name}.first", first, HOME, note)
    full = readers.full_pages(platform.url, asks)
    phase = page(platform, full, connections=1, duration_s=run.plan.closed_s)
    run.add_load(f"{name}.c1.max", run.perform(phase), HOME, f"closed loop, warm; {len(full)} people")
    phase = replace(phase, connections=_CONNECTIONS)
    most = run.perform(phase)
    run.add_load(f"{name}.c16.max", most, HOME, "closed loop, warm")
    rate = most.per_s * 0.75
    share = run.perform(replace(phase, rate=rate, duration_s=run.plan.open_s))
    run.add_load(f"{name}.c16.load75", share, HOME, f"open loop, 75 % of the maximum: {rate:.0f}/s due")


def _first(platform: Subject, crowd: Crowd) -> Phase:
    """Each home once; not all of them are full, so these answers are not judged."""
    return Phase(
        url=platform.url,
        kind=Kind.FIRST,
        crowd=crowd,
        connections=_CONNECTIONS,
        duration_s=len(crowd.people) / _REBUILDS_PER_S,
        rate=_REBUILDS_PER_S,
        processes=platform.processes,
    )


def _posts(run: Run, platform: Subject, crowd: Crowd) -> None:
    phase = Phase(
        url=platform.url,
        kind=Kind.POST,
        crowd=crowd,
        connections=_CONNECTIONS,
        duration_s=run.plan.closed_s,
        processes=platform.processes,
    )
    before = delivered(platform.metrics).tweets
    most = run.perform(phase)
    # The next load begins with nothing left to do.
    until_delivered(platform.metrics, before + most.count)
    run.add_load("volume.post.c16.max", most, POST, "closed loop: acknowledged, fan-out running beside")
    rate = most.per_s * 0.75
    share = run.perform(replace(phase, rate=rate, duration_s=run.plan.open_s))
    run.add_load("volume.post.c16.load75", share, POST, f"open loop, 75 % of the maximum: {rate:.0f}/s due")


def _visible(run: Run, platform: Subject, people: Inhabitants, authors: Crowd) -> None:
    audience = people.audience(authors)
    # A home that is built from the stores holds the tweet already: only a warm one tells of the fan-out.
    readers.full_pages(platform.url, homes(Crowd(audience, ())))
    probe = Probe(
        url=platform.url,
        crowd=authors,
        audience=audience,
        processes=platform.processes,
        rate=run.plan.posts_per_s,
        duration_s=run.plan.visible_s,
        every=run.plan.probe_every,
    )
    run.add_sight("volume.visible", run.driver.submit(look, probe).result())
