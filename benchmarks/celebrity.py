"""Small authors beside a celebrity whose every post goes to a million followers: nobody small may wait for it."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks import readers, subject, worlds
from benchmarks.crowd import Crowd
from benchmarks.delivery import delivered, mean_lag_s, metrics_text, until_delivered
from benchmarks.inhabitants import Inhabitants
from benchmarks.phase import Kind, Phase, perform
from benchmarks.plans import VolumePlan
from benchmarks.subject import Subject
from benchmarks.system import Run
from benchmarks.traffic import homes
from benchmarks.visibility import Probe, look

# By default so many followers would pull. Here all are pushed to, which is the most that one author can ask for.
_PUSH_TO_ALL = {"AVIARY_FANOUT_MID_FOLLOWERS": "10000000", "AVIARY_FANOUT_PULL_FOLLOWERS": "10000000"}


def measure(run: Run, plan: VolumePlan, home: Path) -> None:
    """Add how soon small authors' tweets are visible, without the celebrity and beside it."""
    loaded = worlds.load(plan.celebrity, home / "data", phantoms=plan.phantoms)
    with subject.running(home, settings=_PUSH_TO_ALL) as platform:
        people = Inhabitants.of(home / "data")
        authors = people.authors(plan.authors)
        probe = _probe(run, platform, people, authors)
        readers.full_pages(platform.url, homes(Crowd(probe.audience, ())))
        run.add_sight("celebrity.absent", run.driver.submit(look, probe).result())
        _beside(run, plan, platform, probe, people.only(loaded.celebrity))


def _beside(run: Run, plan: VolumePlan, platform: Subject, probe: Probe, celebrity: Crowd) -> None:
    posting = Phase(
        url=platform.url,
        kind=Kind.POST,
        crowd=celebrity,
        connections=1,
        rate=plan.celebrity_posts_per_s,
        duration_s=probe.duration_s,
        processes=platform.processes,
    )
    before = delivered(platform.metrics).tweets
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as other:
        posts = other.submit(perform, posting)
        sight = run.driver.submit(look, probe).result()
        outcome = posts.result()
    until_delivered(platform.metrics, before + sight.posting.count + outcome.count)
    run.add_sight("celebrity.present", sight)
    run.judge(outcome.count, outcome.faults)
    note = f"beside {sight.posting.count:,} of small authors"
    run.add("celebrity.posts", outcome.count, "", note=note)
    run.add(
        "celebrity.lag",
        mean_lag_s(metrics_text(platform.metrics), "large"),
        "s",
        note=f"to {plan.phantoms:,} followers, mean",
    )


def _probe(run: Run, platform: Subject, people: Inhabitants, authors: Crowd) -> Probe:
    return Probe(
        url=platform.url,
        crowd=authors,
        audience=people.audience(authors),
        processes=platform.processes,
        rate=run.plan.posts_per_s,
        duration_s=run.plan.visible_s,
        every=run.plan.probe_every,
    )
