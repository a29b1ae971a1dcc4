"""Settings: read once from the environment (`AVIARY_<NAME>`), checked, passed down, never global."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from aviary.errors import InvalidInput

LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that an operator can choose.

    Each field is `AVIARY_` and its name in capitals in the environment.
    """

    data_dir: Path = Path(".aviary")
    port: int = 8080
    # 0 picks a free one.
    grpc_port: int = 0
    metrics_port: int = 0
    log_level: str = "info"
    # An OTLP gRPC address such as http://127.0.0.1:4317; spans are exported only when it is set.
    otlp_endpoint: str = ""

    bcrypt_cost: int = 12
    access_token_ttl_s: int = 900
    refresh_token_ttl_s: int = 604_800
    refresh_grace_s: int = 60

    # "off" lifts every limit below; meant for loading data and for benchmarks.
    limits: str = "on"
    limit_tweets: int = 300
    limit_tweets_window_s: int = 10_800
    limit_follows: int = 1_000
    limit_follows_window_s: int = 86_400
    limit_likes: int = 1_000
    limit_likes_window_s: int = 86_400
    limit_requests: int = 100
    limit_requests_window_s: int = 60
    limit_address_requests: int = 1_000
    limit_address_requests_window_s: int = 60
    limit_login_failures: int = 5
    limit_login_failures_window_s: int = 900

    edit_window_s: int = 3_600
    edit_limit: int = 5
    # How long a deleted tweet is kept before it is removed for good.
    purge_after_s: int = 2_592_000

    # Whether hot reads are answered with ready JSON; "off" leaves all printing to the gateway.
    front: str = "on"
    # Threads that answer them; one answers more pages than two cores of gateway pass on.
    front_threads: int = 1
    # What they are answered from, in all.
    front_memory_bytes: int = 536_870_912

    deadline_ms: int = 5_000
    drain_s: float = 10.0
    max_body_bytes: int = 1_000_000
    max_concurrent_calls: int = 1_000
    write_queue: int = 2_000
    group_commit: int = 64
    readers: int = 2
    # Pages that each connection to a file keeps: one that writes, and `readers`.
    sqlite_cache_bytes: int = 16_777_216

    fanout_mid_followers: int = 10_000
    fanout_pull_followers: int = 1_000_000
    # Authors above this travel in the slow lane.
    fanout_small_followers: int = 2_000
    fanout_batch: int = 1_000
    fanout_in_flight: int = 100
    fanout_author_writes_per_s: int = 10_000
    fanout_retries: int = 5
    timeline_entries: int = 800
    timeline_idle_s: int = 86_400
    timeline_active_s: int = 3_600
    timeline_memory_bytes: int = 268_435_456

    # "embedded" keeps everything in the data folder; "cluster" on the servers named below.
    profile: str = "embedded"
    # ScyllaDB or Cassandra: host:port,host:port with one port, and what keyspaces' names begin with.
    tables: str = "127.0.0.1:9042"
    tables_keyspace: str = "aviary"
    tables_replication: int = 3
    # The data centre whose replicas answer; "" for that of the first host.
    tables_datacenter: str = ""
    tables_user: str = ""
    tables_password: str = field(default="", repr=False)
    # The file with the authority that signed the servers' certificates; "" speaks to them without TLS.
    tables_ca: str = ""
    tables_timeout_ms: int = 2_000
    # Brokers as host:port,host:port, what topics' names begin with, and how topics are made.
    kafka: str = "127.0.0.1:9092"
    kafka_prefix: str = "aviary"
    kafka_partitions: int = 8
    kafka_replication: int = 3
    # So many replicas have a record before it is acknowledged.
    kafka_min_insync: int = 2
    kafka_user: str = ""
    kafka_password: str = field(default="", repr=False)
    kafka_ca: str = ""
    # A consumer that is not heard of for so long loses its partitions to the others.
    kafka_session_ms: int = 10_000

    # redis://host:port, or redis+cluster://host:port,host:port; rediss for TLS.
    redis: str = "redis://127.0.0.1:6379"
    # What its keys begin with; the fleets that share a Redis need one each.
    redis_prefix: str = "aviary"
    # Where files are kept: s3://bucket/prefix?endpoint=https://host&region=name, or "" for the data folder.
    objects: str = ""
    objects_key_id: str = ""
    objects_secret: str = field(default="", repr=False)

    # What `aviary up` of the cluster profile starts: processes by commas, what runs in one of them by plus signs.
    fleet: str = "users,graph,tweets,fanout,timelines,relay,counting"
    # Where the services of other processes answer: users=host:port,graph=host:port; a name again for each more address.
    services: str = ""
    # What this process listens on; a fleet's listen to each other.
    listen: str = "127.0.0.1"
    # The folder with ca.pem, <service>.pem and <service>.key; without one, calls between processes are not encrypted.
    tls_dir: str = ""
    # In a cluster: from saying "not serving" until new calls are refused, as long as balancers take to hear of it.
    drain_notice_s: float = 3.0
    # In a cluster: connections end after so long, so that new replicas get their share.
    connection_age_s: int = 300
    # Retries and hedges of calls between services, in all.
    retry_percent: int = 10
    # Above this share of failures the calls to a service are stopped for a while.
    breaker_percent: int = 50
    breaker_open_s: float = 2.0
    # The least that a read between services waits before it is also sent to another replica.
    hedge_after_ms: int = 20

    @property
    def front_on(self) -> bool:
        return self.front != "off"

    @property
    def limits_on(self) -> bool:
        return self.limits != "off"


def load(environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:  # noqa: ANN401 - one of Settings' fields
    """Read the settings; unknown `AVIARY_` names and unusable values are refused, so that a typo is not a default."""
    found: dict[str, Any] = {}
    types = get_type_hints(Settings)
    for name, text in (os.environ if environment is None else environment).items():
        if name.startswith("AVIARY_"):
            key = name.removeprefix("AVIARY_").lower()
            if key not in types:
                raise InvalidInput(f"{name} is no setting of Aviary; see `aviary doctor --settings`")
            found[key] = _parse(name, text, types[key])
    settings = Settings(**(found | {key: value for key, value in overrides.items() if value is not None}))
    _check(settings)
    return settings


def table(settings: Settings) -> list[str]:
    """Every setting as its line in the environment."""
    return [f"AVIARY_{spec.name.upper()}={_shown(settings, spec)}" for spec in dataclasses.fields(settings)]


def _shown(settings: Settings, spec: dataclasses.Field[Any]) -> object:
    """A setting's value, or that it is set when it is a secret."""
    value = getattr(settings, spec.name)
    return value if spec.repr or not value else "(set)"


def _parse(name: str, text: str, kind: type) -> object:
    try:
        return kind(text)
    except ValueError:
        raise InvalidInput(f"{name} is {text!r}; it must be a {kind.__name__}") from None


def _check(settings: Settings) -> None:
    if not 4 <= settings.bcrypt_cost <= 16:
        raise InvalidInput(f"AVIARY_BCRYPT_COST is {settings.bcrypt_cost}; it must be from 4 to 16")
    if settings.profile not in {"embedded", "cluster"}:
        raise InvalidInput(f"AVIARY_PROFILE is {settings.profile!r}; it must be embedded or cluster")
    for switch in ("limits", "front"):
        if (value := getattr(settings, switch)) not in {"on", "off"}:
            raise InvalidInput(f"AVIARY_{switch.upper()} is {value!r}; it must be on or off")
    if settings.fanout_mid_followers > settings.fanout_pull_followers:
        raise InvalidInput(
            f"AVIARY_FANOUT_MID_FOLLOWERS is {settings.fanout_mid_followers}, "
            f"above AVIARY_FANOUT_PULL_FOLLOWERS, {settings.fanout_pull_followers}"
        )
    if settings.tls_dir and settings.profile != "cluster":
        raise InvalidInput(f"AVIARY_TLS_DIR is {settings.tls_dir!r}; one process alone has nobody to authenticate")
    if settings.log_level not in LOG_LEVELS:
        raise InvalidInput(f"AVIARY_LOG_LEVEL is {settings.log_level!r}; it must be one of {', '.join(LOG_LEVELS)}")
    for spec in dataclasses.fields(settings):
        _check_number(spec.name, getattr(settings, spec.name))


def _check_number(name: str, value: object) -> None:
    if not isinstance(value, int | float):
        return
    least, most = (0, 65_535) if name.endswith("port") else (1, math.inf) if isinstance(value, int) else (0, math.inf)
    # Not `value < least or value > most`: nan is neither.
    if not least <= value <= most or math.isinf(value):
        limit = f"from {least} to {most}" if name.endswith("port") else f"at least {least}"
        raise InvalidInput(f"AVIARY_{name.upper()} is {value}; it must be {limit}")
