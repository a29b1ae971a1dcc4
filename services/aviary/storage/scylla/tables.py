"""One keyspace of ScyllaDB or Cassandra: prepared statements, awaited, a bounded number in flight."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cassandra import (
    AuthenticationFailed,
    ConsistencyLevel,
    DriverException,
    InvalidRequest,
    OperationTimedOut,
    ReadFailure,
    ReadTimeout,
    RequestExecutionException,
    Unauthorized,
    WriteFailure,
    WriteTimeout,
)
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.io.libevreactor import LibevConnection
from cassandra.policies import ConstantSpeculativeExecutionPolicy, DCAwareRoundRobinPolicy, TokenAwarePolicy
from cassandra.query import (
    BatchStatement,
    BatchType,
    tuple_factory,  # pyright: ignore[reportUnknownVariableType] - the driver's annotations are partial
)

from aviary.errors import AviaryError, DeadlineExceeded, Unavailable
from aviary.rpc.call import current_call
from aviary.rpc.telemetry import inner_span
from aviary.settings import Settings
from aviary.storage.trust import trusting

_log = logging.getLogger("aviary.tables")
# It repeats at each statement that a session has a keyspace.
logging.getLogger("cassandra.protocol").setLevel(logging.ERROR)
# The newest that the driver's libev reactor speaks without checksum errors.
_PROTOCOL = 4
# Below the stream ids of a connection: `execute_async` blocks its thread when those run out.
_IN_FLIGHT = 1_024
_PREPARING = 4
_SLOW_REPLICA_S = 0.1
_PATIENCE_S = 5.0
_SCHEMA_S = 60.0
_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8)
# A driver's row has whatever types its columns have.
Row = tuple[Any, ...]
Statement = tuple[str, Sequence[Any]]

# What a repeat of the same statement may get over. Whether a write that timed out took place is unknown.
_PASSING = (OperationTimedOut, ReadTimeout, WriteTimeout, ReadFailure, WriteFailure, NoHostAvailable)


class NotThere(Unavailable):
    """A table or a column that the servers don't know."""


class Tables:
    """The statements of one service's keyspace.

    Every statement is safe to repeat: writes carry their timestamps, and a
    conditional one says in its row who wrote it. So each is tried again until
    its call's deadline, and the driver may ask a second replica when the first
    is slow.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self.name = name
        self.keyspace = f"{settings.tables_keyspace}_{name}"
        # Of the statements that were sent so far; a promise about round trips is held against it.
        self.round_trips = 0
        self._answered_at = -math.inf
        self._settings = settings
        self._session: Any = None
        self._cluster: Any = None
        self._prepared: dict[str, Any] = {}
        self._preparing: dict[str, asyncio.Future[Any]] = {}
        # Not the loop's own threads: a slow node would hold them all.
        self._threads = ThreadPoolExecutor(_PREPARING, thread_name_prefix=f"tables-{name}")
        self._places = asyncio.Semaphore(_IN_FLIGHT)
        self._span = f"tables {name}"
        self._timeout_s = settings.tables_timeout_ms / 1000

    async def open(self) -> None:
        """Connect. Raises Unavailable in one sentence when the tables can't be reached, or not by this user."""
        self._cluster = cluster(self._settings)
        with _translated(self._settings):
            self._session = await asyncio.to_thread(self._cluster.connect)
            # In a step of its own: connecting to a keyspace that is missing looks like a host that can't be reached.
            try:
                await asyncio.to_thread(self._session.set_keyspace, self.keyspace)
            except InvalidRequest as error:
                raise Unavailable(
                    f"the tables at {self._settings.tables} have no keyspace {self.keyspace}; run aviary migrate"
                ) from error
        # How long it waits for a statement to be prepared: the profile, which has this too, isn't asked there.
        self._session._default_timeout = self._timeout_s  # noqa: SLF001

    async def close(self) -> None:
        """Let go of the connections; harmless when there are none."""
        if self._cluster is not None:
            await asyncio.to_thread(self._cluster.shutdown)
            self._cluster = self._session = None
        self._threads.shutdown(wait=False, cancel_futures=True)

    def answered_within(self, some_s: float) -> bool:
        """Tell whether a statement was answered so lately; whoever wants to know that they answer need not ask."""
        return time.monotonic() - self._answered_at < some_s

    async def rows(self, statement: str, *values: Any) -> list[Row]:
        """Return every row of a statement that is bounded by itself."""
        return await self._insist(lambda: self._send(self._bound(statement, values)))

    async def one(self, statement: str, *values: Any) -> Row | None:
        """Return the first row, None for none."""
        found = await self.rows(statement, *values)
        return found[0] if found else None

    async def each(self, statement: str, keys: Sequence[Sequence[Any]]) -> list[list[Row]]:
        """Return the rows of one statement for each of many keys, asked for at the same time, in their order."""
        return list(await asyncio.gather(*(self.rows(statement, *key) for key in keys)))

    async def apply(self, statement: str, *values: Any) -> Mapping[str, Any] | None:
        """Run a conditional statement; None when it was applied, else what stands there by column, {} for nothing.

        After a time-out it is unknown which: the repeat then finds what the
        first attempt wrote, so the caller must know its own row when it sees it.
        """
        names: list[str] = []
        found = await self._insist(lambda: self._send(self._bound(statement, values), names))
        applied, *standing = found[0]
        return None if applied else dict(zip(names[1:], standing, strict=True))

    async def batch(self, statements: Sequence[Statement]) -> None:
        """Write all of them or, sooner or later, all of them: a logged batch. One alone goes without the log."""
        if len(statements) == 1:
            await self.rows(statements[0][0], *statements[0][1])
            return
        await self._insist(lambda: self._send(self._batch(statements, BatchType.LOGGED)))

    async def together(self, statements: Sequence[Statement]) -> None:
        """Write statements at once: an unlogged batch, of which each partition applies its own as a whole, or not."""
        await self._insist(lambda: self._send(self._batch(statements, BatchType.UNLOGGED)))

    async def run(self, statement: str) -> list[Row]:
        """Run what cannot be prepared, such as a change of the schema, for as long as all nodes need to agree on it."""

        async def plain() -> str:
            return statement

        return await self._send(plain, timeout_s=_SCHEMA_S)

    def _bound(self, statement: str, values: Sequence[Any]) -> Callable[[], Awaitable[Any]]:
        async def make() -> Any:
            return (await self._prepare(statement)).bind(values)

        return make

    def _batch(self, statements: Sequence[Statement], kind: Any) -> Callable[[], Awaitable[Any]]:
        async def make() -> Any:
            batch = BatchStatement(batch_type=kind)
            batch.is_idempotent = True
            for statement, values in statements:
                batch.add(await self._prepare(statement), values)
            return batch

        return make

    async def _prepare(self, statement: str) -> Any:
        """Return what the servers made of a statement; the first time, wait for their answer outside the loop."""
        if statement in self._prepared:
            return self._prepared[statement]
        if statement not in self._preparing:
            loop = asyncio.get_running_loop()
            self._preparing[statement] = loop.run_in_executor(self._threads, self._connected().prepare, statement)
            self._preparing[statement].add_done_callback(lambda done: self._was_prepared(statement, done))
        return await asyncio.shield(self._preparing[statement])

    def _was_prepared(self, statement: str, done: asyncio.Future[Any]) -> None:
        del self._preparing[statement]
        if not done.cancelled() and done.exception() is None:
            self._prepared[statement] = done.result()
            self._prepared[statement].is_idempotent = True

    def _connected(self) -> Any:
        if self._session is None:
            raise Unavailable(f"the {self.name} tables are not connected yet", retry_after_s=1)
        return self._session

    async def _insist(self, attempt: Callable[[], Awaitable[list[Row]]]) -> list[Row]:
        """Repeat what may pass until the deadline of the call."""
        with inner_span(self._span):
            call = current_call.get()
            until = call.deadline if call else time.monotonic() + _PATIENCE_S
            for pause in _PAUSES_S:
                try:
                    return await attempt()
                except (DeadlineExceeded, Unavailable) as error:
                    # What says no time to come again will not pass.
                    if not error.retry_after_s or time.monotonic() + pause >= until:
                        raise
                    _log.warning("tables_retried", extra={"store": self.name, "error": error.message})
                    await asyncio.sleep(pause)
            return await attempt()

    async def _send(
        self, make: Callable[[], Awaitable[Any]], names: list[str] | None = None, timeout_s: float | None = None
    ) -> list[Row]:
        """Send once and return the rows; the columns' names go into `names`."""
        async with self._places:
            loop = asyncio.get_running_loop()
            done: asyncio.Future[list[Row]] = loop.create_future()
            with _translated(self._settings):
                statement = await make()
                rows = _Rows(loop, done)
                self.round_trips += 1
                future = self._connected().execute_async(statement, timeout=timeout_s or self._timeout_s)
                future.add_callbacks(rows.take, rows.fail, callback_args=(future,))
                found = await done
                self._answered_at = time.monotonic()
                if names is not None:
                    names[:] = future._col_names  # noqa: SLF001 - the driver tells them no other way with callbacks
                return found


class _Rows:
    """Gathers the pages of one answer in the driver's thread and hands them over to the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, done: asyncio.Future[list[Row]]) -> None:
        self.loop = loop
        self.done = done
        self.found: list[Row] = []

    def take(self, rows: list[Row] | None, future: Any) -> None:
        self.found.extend(rows or ())
        if future.has_more_pages:
            future.start_fetching_next_page()
        else:
            self.loop.call_soon_threadsafe(self._settle, None)

    def fail(self, error: BaseException, *_args: object) -> None:
        self.loop.call_soon_threadsafe(self._settle, error)

    def _settle(self, error: BaseException | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(self.found)
        else:
            self.done.set_exception(error)


class _translated:  # noqa: N801 - reads as a statement
    """Turn the driver's errors into ours; what it says goes to the log, not to the caller."""

    def __init__(self, settings: Settings) -> None:
        self._where = settings.tables

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, DriverException | RequestExecutionException | NoHostAvailable):
            _log.info("tables_failed", extra={"error": f"{type(error).__name__}: {error}"[:500]})
            raise self._ours(error) from error

    def _ours(self, error: Exception) -> AviaryError:
        if isinstance(error, NoHostAvailable):
            return self._unreachable(error)
        if isinstance(error, AuthenticationFailed | Unauthorized):
            return Unavailable(f"the tables at {self._where} refuse this user; check AVIARY_TABLES_USER and its rights")
        if isinstance(error, InvalidRequest):
            return self._refused(error)
        if isinstance(error, _PASSING):
            return DeadlineExceeded("the tables did not answer in time; repeat it under the same key", retry_after_s=1)
        return Unavailable("the tables failed", retry_after_s=1)

    def _refused(self, error: Exception) -> AviaryError:
        # Limits that their operator set, such as that of a disk.
        if "Guardrail" in str(error):
            return Unavailable(f"the tables at {self._where} take no more: {_said(error)}")
        if "Batch too large" in str(error):
            return Unavailable(
                f"the tables at {self._where} refuse a batch for its size; set batch_size_fail_threshold to 1MiB"
            )
        return NotThere(f"the tables at {self._where} don't know what was asked: {_said(error)}")

    def _unreachable(self, error: Any) -> AviaryError:
        # By host, or a bare list where no host was tried.
        causes = getattr(error.errors, "values", lambda: error.errors)()
        if any(isinstance(each, AuthenticationFailed) for each in causes):
            return Unavailable(f"the tables at {self._where} refuse this user; check AVIARY_TABLES_USER and its rights")
        return Unavailable(f"the tables at {self._where} cannot be reached", retry_after_s=1)


def _said(error: Exception) -> str:
    """What the server itself said, without the driver's words around it."""
    words = str(error.args[-1])
    return words.partition('message="')[2].rstrip('"') or words


def cluster(settings: Settings) -> Any:
    """Return the driver's own object for the servers that the settings name, not connected yet."""
    hosts = [each.rpartition(":") for each in settings.tables.split(",")]
    # Typed here: the driver's own annotations are partial, and in places wrong.
    datacenter: Any = settings.tables_datacenter or None
    timeout_s: Any = settings.tables_timeout_ms / 1000
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(datacenter)),
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
        request_timeout=timeout_s,
        row_factory=tuple_factory,
        # Of statements that are safe to repeat: a replica that is slow is not waited for.
        speculative_execution_policy=ConstantSpeculativeExecutionPolicy(_SLOW_REPLICA_S, 2),
    )
    login = PlainTextAuthProvider(settings.tables_user, settings.tables_password) if settings.tables_user else None
    return Cluster(
        [host for host, _, _ in hosts],
        port=int(hosts[0][2]),
        auth_provider=login,
        ssl_context=trusting(settings.tables_ca, "AVIARY_TABLES_CA"),
        connection_class=LibevConnection,
        protocol_version=_PROTOCOL,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connect_timeout=timeout_s,
        # Else every process reads of every table of every keyspace whenever one is made; nothing here asks for that.
        schema_event_refresh_window=-1,
    )


async def run_alone(settings: Settings, statement: str) -> None:
    """Run one statement on a connection of its own, outside any keyspace."""
    connected = cluster(settings)
    try:
        with _translated(settings):
            session = await asyncio.to_thread(connected.connect)
            await asyncio.to_thread(session.execute, statement, timeout=_SCHEMA_S)
    finally:
        await asyncio.to_thread(connected.shutdown)
