"""The export of everything about oneself: made in the background, complete, sealed, and gone when it should be."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from tests.rpc.planting import planted
from tests.rpc.serving import PASSWORD, Person, Serving, refusal, serving
from tests.rpc.waiting import until

from aviary.api.personal.v1.personal_pb2 import PersonalData
from aviary.api.users.v1 import accounts_pb2 as pb
from aviary.api.users.v1 import users_pb2
from aviary.app import users as composition
from aviary.clock import Clock
from aviary.errors import Unavailable
from aviary.rpc.call import Call
from aviary.settings import Settings
from aviary.storage.objects.vault import FolderVault
from aviary.storage.sqlite.users.exports import SqliteExportStore
from aviary.users.exports.service import ExportService
from aviary.users.exports.worker import ExportWorker

DAY_MS = 86_400_000
TWEETS_DATA = "/aviary.api.tweets.v1.TweetService/StreamPersonalData"
GRAPH_DATA = "/aviary.api.graph.v1.GraphService/StreamPersonalData"


@pytest.fixture
async def served(settings: Settings, clock: Clock) -> AsyncIterator[Serving]:
    async with serving(settings, clock=clock) as running:
        yield running


async def asked(whose: Person) -> pb.Export:
    return await whose.clients.accounts.GetExport(pb.GetExportRequest(), metadata=whose.signed)


async def ready(served: Serving, whose: Person) -> pb.Export:
    await asked(whose)
    await served.settle()
    return await asked(whose)


async def downloaded(whose: Person) -> bytes:
    call = whose.clients.accounts.DownloadExport(pb.DownloadExportRequest(), metadata=whose.signed)
    return b"".join([body.data async for body in call])


async def download_refused(whose: Person) -> StatusCode:
    call = whose.clients.accounts.DownloadExport(pb.DownloadExportRequest(), metadata=whose.signed)
    return (await refusal(call.read())).code()  # type: ignore[arg-type]  # a stream's first message


def unpacked(content: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name.removesuffix(".json"): json.loads(archive.read(name)) for name in archive.namelist()}


class Stream:
    """Answers StreamPersonalData in place of a service."""

    def __init__(self, *parts: PersonalData | Exception, gate: asyncio.Event | None = None) -> None:
        self.parts, self.gate, self.asked = parts, gate, 0

    async def __call__(self, _request: Message, _call: Call) -> AsyncIterator[PersonalData]:
        self.asked += 1
        if self.gate:
            await self.gate.wait()
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part


async def test_an_export_holds_everything_as_json(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await bob.follow(ada)
    await ada.follow(bob)
    own = [await ada.tweet(f'tweet {number} é \u2028 "quoted"') for number in range(5)]
    await bob.tweet("somebody else's")
    await served.clients.users.UpdateUser(users_pb2.UpdateUserRequest(id=ada.id, bio="hi"), metadata=ada.signed)

    export = await ready(served, ada)
    content = await downloaded(ada)
    files = unpacked(content)

    assert (export.state, export.progress_percent, export.size_bytes) == ("ready", 100, len(content))
    assert export.ready_at.ToMilliseconds() >= export.requested_at.ToMilliseconds()
    assert files["profile"]["email"] == "ada@example.com"
    assert (files["profile"]["id"], files["profile"]["bio"]) == (str(ada.id), "hi")
    assert files["settings"]["dm_from"] == "everyone"
    assert len(files["sessions"]) == 1
    assert {tweet["content"] for tweet in files["tweets"]} == {tweet.content for tweet in own}
    assert [row["user_id"] for row in files["followers"]] == [str(bob.id)]
    assert [row["user_id"] for row in files["following"]] == [str(bob.id)]
    assert "$2b$" not in json.dumps(files)
    assert "somebody else" not in json.dumps(files)


async def test_common_tools_can_unpack_it(served: Serving, tmp_path: Path) -> None:
    (ada,) = await served.register("ada")
    await ready(served, ada)
    (tmp_path / "export.zip").write_bytes(await downloaded(ada))

    unzip = await asyncio.create_subprocess_exec("unzip", "-tq", tmp_path / "export.zip", stdout=subprocess.PIPE)
    told, _ = await unzip.communicate()

    assert unzip.returncode == 0, told


async def test_asking_again_while_it_runs_starts_no_other(served: Serving) -> None:
    (ada,) = await served.register("ada")
    stream = Stream(PersonalData(file="tweets", rows=["{}"]), gate=asyncio.Event())
    with planted(served, TWEETS_DATA, stream):  # type: ignore[arg-type]  # a stream's handler
        answers = await asyncio.gather(*(asked(ada) for _ in range(10)))
        await until(lambda: stream.asked == 1, what="the export was being made")
        running = await asked(ada)
        assert await download_refused(ada) is StatusCode.FAILED_PRECONDITION
        assert stream.gate is not None
        stream.gate.set()
        await served.settle()

    assert {(each.state, each.requested_at.ToMilliseconds()) for each in answers} == {
        ("running", running.requested_at.ToMilliseconds())
    }
    assert running.download_url == ""
    assert stream.asked == 1
    assert (await asked(ada)).state == "ready"


async def test_progress_rises_as_rows_come(served: Serving) -> None:
    (ada,) = await served.register("ada")
    for number in range(9):
        await ada.tweet(str(number))
    gate = asyncio.Event()
    tweets = Stream(PersonalData(file="tweets", rows=["{}"] * 5))
    with planted(served, TWEETS_DATA, tweets), planted(served, GRAPH_DATA, Stream(gate=gate)):  # type: ignore[arg-type]
        await asked(ada)

        async def is_half() -> bool:
            return (await asked(ada)).progress_percent == 50

        await until(is_half, what="half of it was written")
        gate.set()
        await served.settle()

    assert (await asked(ada)).progress_percent == 100


async def test_many_exports_are_made_one_after_the_other(served: Serving) -> None:
    people = await served.register("ada", "bob", "cy")
    stream = Stream(gate=asyncio.Event())
    with planted(served, TWEETS_DATA, stream):  # type: ignore[arg-type]
        await asyncio.gather(*(asked(each) for each in people))
        await until(lambda: stream.asked == 1, what="the first was being made")
        assert [(await asked(each)).state for each in people] == ["running"] * 3
        assert stream.asked == 1
        assert stream.gate is not None
        stream.gate.set()
        await served.settle()

    assert stream.asked == 3
    assert [(await asked(each)).state for each in people] == ["ready"] * 3


async def test_an_export_that_a_restart_cut_off_is_made_after_it(settings: Settings) -> None:
    async with serving(settings) as served:
        (ada,) = await served.register("ada")
        stream = Stream(PersonalData(file="tweets", rows=["{}"]), gate=asyncio.Event())
        with planted(served, TWEETS_DATA, stream):  # type: ignore[arg-type]
            await asked(ada)
            await until(lambda: stream.asked == 1, what="the export was being made")

    async with serving(settings) as served:
        again = Person(id=ada.id, name=ada.name, token=ada.token, clients=served.clients)
        await served.settle()

        assert (await asked(again)).state == "ready"
        assert unpacked(await downloaded(again))["profile"]["username"] == "ada"
        assert [path.suffix for path in (settings.data_dir / "exports").iterdir()] == [".sealed"]


async def test_a_service_that_is_away_for_a_moment_is_asked_again(served: Serving) -> None:
    (ada,) = await served.register("ada")
    failing = Stream(PersonalData(file="tweets", rows=["{}"]), Unavailable("away"))

    class Once(Stream):
        async def __call__(self, request: Message, call: Call) -> AsyncIterator[PersonalData]:
            source = failing if self.asked == 0 else Stream(PersonalData(file="tweets", rows=['{"a":1}']))
            self.asked += 1
            async for part in source(request, call):
                yield part

    with planted(served, TWEETS_DATA, Once()):  # type: ignore[arg-type]
        export = await ready(served, ada)

    assert export.state == "ready"
    assert unpacked(await downloaded(ada))["tweets"] == [{"a": 1}]


async def test_one_that_cannot_be_made_fails_and_another_one_may_be_tried_later(
    settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(*ports: Any, **options: Any) -> ExportWorker:
        return ExportWorker(*ports, **options, pause_s=0.001)

    monkeypatch.setattr(composition, "ExportWorker", impatient)
    async with serving(settings, clock=clock) as served:
        ada, bob = await served.register("ada", "bob")
        twice = [PersonalData(file="tweets", rows=["{}"]), PersonalData(file="profile", rows=["{}"])]
        with planted(served, TWEETS_DATA, Stream(*twice)):  # type: ignore[arg-type]
            assert (await ready(served, ada)).state == "failed"
        with planted(served, TWEETS_DATA, Stream(RuntimeError("a fault"))):  # type: ignore[arg-type]
            assert (await ready(served, bob)).state == "failed"

        assert await download_refused(ada) is StatusCode.FAILED_PRECONDITION
        assert list((settings.data_dir / "exports").iterdir()) == []
        assert (await ready(served, ada)).state == "failed"
        clock.advance(601_000)
        assert (await ready(served, ada)).state == "ready"


async def test_one_older_than_a_day_is_replaced_when_asked_for(served: Serving, clock: Clock) -> None:
    (ada,) = await served.register("ada")
    first = await ready(served, ada)
    await ada.tweet("later")
    assert await asked(ada) == first
    clock.advance(DAY_MS + 1)

    assert (await asked(ada)).state == "running"
    await served.settle()

    assert [tweet["content"] for tweet in unpacked(await downloaded(ada))["tweets"]] == ["later"]


async def test_after_a_week_row_and_file_are_gone(served: Serving, clock: Clock, settings: Settings) -> None:
    (ada,) = await served.register("ada")
    await ready(served, ada)
    database = served.database("users")
    vault = FolderVault(settings.data_dir / "exports", b"s" * 32)
    exports = ExportService(SqliteExportStore(database), vault, clock)
    clock.advance(7 * DAY_MS - 60_000)
    await exports.forget_old()
    assert unpacked(await downloaded(ada))

    clock.advance(61_000)
    await exports.forget_old()

    assert list((settings.data_dir / "exports").iterdir()) == []
    assert await download_refused(ada) is StatusCode.FAILED_PRECONDITION


async def test_it_goes_with_the_account_also_while_it_is_made(served: Serving, settings: Settings) -> None:
    ada, bob = await served.register("ada", "bob")
    await ready(served, ada)
    stream = Stream(PersonalData(file="tweets", rows=["{}"] * 10), gate=asyncio.Event())
    delete = pb.DeleteAccountRequest(password=PASSWORD)
    with planted(served, TWEETS_DATA, stream):  # type: ignore[arg-type]
        await asked(bob)
        await until(lambda: stream.asked == 1, what="the export was being made")
        for each in (ada, bob):
            await served.clients.accounts.DeleteAccount(delete, metadata=each.signed)
        assert stream.gate is not None
        stream.gate.set()
        await served.settle()

    assert list((settings.data_dir / "exports").iterdir()) == []


async def test_a_lost_or_damaged_file_leads_to_another_export(served: Serving, settings: Settings) -> None:
    (ada,) = await served.register("ada")
    for spoil in (Path.unlink, lambda path: path.write_bytes(b"no export at all")):
        await ready(served, ada)
        (file,) = (settings.data_dir / "exports").iterdir()
        spoil(file)

        assert await download_refused(ada) is StatusCode.FAILED_PRECONDITION
        assert (await ready(served, ada)).state == "ready"
        assert unpacked(await downloaded(ada))


async def test_nobody_fetches_what_was_not_asked_for(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await ready(served, ada)

    assert await download_refused(bob) is StatusCode.FAILED_PRECONDITION
