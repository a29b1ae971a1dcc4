"""Every metric's name in one place, with what an operator should do about it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """One process's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        # p95 of Home above 0.2 or of CreateTweet above 0.1: look at the store's commit time first.
        self.calls = Histogram(
            "aviary_call_seconds",
            "Seconds from a call's arrival to its answer, by method and outcome.",
            ["method", "code"],
            buckets=_LATENCY_S,
            registry=self.registry,
        )
        # Near the write queue's size: the disk is too slow for the load; calls are about to be refused.
        self.write_queue = Gauge(
            "aviary_store_write_queue", "Writes waiting for a commit, by store.", ["store"], registry=self.registry
        )
        self.commit = Histogram(
            "aviary_store_commit_seconds",
            "Seconds of one group commit, by store.",
            ["store"],
            buckets=_LATENCY_S,
            registry=self.registry,
        )
        # Large and growing: the worker cannot keep up; followers see tweets late.
        self.fanout_lag_events = Gauge(
            "aviary_fanout_lag_events", "Events of the log that the fan-out has not finished.", registry=self.registry
        )
        # p99 above 1: the delivery target is missed.
        self.fanout_lag = Histogram(
            "aviary_fanout_lag_seconds",
            "Seconds from a tweet's commit until its fan-out was done, by lane.",
            ["lane"],
            buckets=(*_LATENCY_S, 30.0, 60.0, 300.0),
            registry=self.registry,
        )
        self.fanout_appended = Counter(
            "aviary_fanout_appended_entries_total",
            "Entries that the fan-out appended to warm timelines.",
            registry=self.registry,
        )
        # Above 0: a batch failed for good; its followers' timelines were dropped and are rebuilt at their next read.
        self.fanout_dead = Counter(
            "aviary_fanout_dead_lettered_total", "Fan-out batches given up after retries.", registry=self.registry
        )
        # Above 1 and rising: Kafka or the tables are away, or the relay can't keep up; followers see tweets late.
        self.relay_lag = Gauge(
            "aviary_relay_lag_seconds",
            "Age of the oldest event that a relay has found and not published, by log.",
            ["log"],
            registry=self.registry,
        )
        self.relay_published = Counter(
            "aviary_relay_published_total", "Events that a relay published, by log.", ["log"], registry=self.registry
        )
        # Rising with steady traffic: timelines are evicted for want of memory.
        self.timeline_rebuilds = Counter(
            "aviary_timeline_rebuilds_total", "Home timelines built from the store.", registry=self.registry
        )
        # Rising: Redis is away or too slow. Answers stay right: homes come from the tables, limits are counted by each
        # process alone, and the fan-out waits.
        self.degraded = Counter(
            "aviary_degraded_total",
            "What was done without Redis: timelines, limits; what waits for it: fanout; what was not told: news.",
            ["what"],
            registry=self.registry,
        )
        # 2 for minutes: that service, or the way to it, is down; its own readiness says why.
        self.peer_breaker = Gauge(
            "aviary_peer_breaker_state",
            "The breaker before a called service: 0 closed, 1 half-open, 2 open.",
            ["service"],
            registry=self.registry,
        )
        # Many retries: replicas restart or lose their stores. Many hedges: one replica is slower than the others.
        self.peer_repeats = Counter(
            "aviary_peer_repeats_total",
            "Calls to a service that were made again, by why: retry, hedge; and hedges that answered first.",
            ["service", "why"],
            registry=self.registry,
        )
