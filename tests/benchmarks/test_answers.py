"""Which answers pass, and how they are told apart on the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from benchmarks import wire
from benchmarks.answers import fault_of_page, fault_of_post
from benchmarks.delivery import Delivered, mean_lag_s, parsed
from benchmarks.wire import Answer, content_length

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[str]:
    """A server for one connection, which is closed when `serve` returns."""
    is_over = asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(reader, writer)
        writer.close()
        await writer.wait_closed()
        is_over.set()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with asyncio.timeout(10):
            await is_over.wait()


def page(ids: list[int], status: int = 200) -> Answer:
    return Answer(status, json.dumps({"tweets": [{"id": str(id)} for id in ids]}).encode(), 0.0)


def test_a_page_that_has_an_order_of_its_own_is_only_counted() -> None:
    assert fault_of_page(page(list(range(1, 21))), in_order=False) == ""
    assert fault_of_page(page(list(range(1, 20))), in_order=False) == "19 tweets instead of 20"


def test_a_page_of_twenty_newest_first_is_right() -> None:
    assert fault_of_page(page(list(range(20, 0, -1)))) == ""


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (page(list(range(20, 0, -1)), status=503), "status 503"),
        (page(list(range(19, 0, -1))), "19 tweets instead of 20"),
        (page(list(range(1, 21))), "not strictly newest first"),
        (page([20, 20, *range(18, 0, -1)]), "not strictly newest first"),
    ],
)
def test_a_page_that_is_wrong_is_told_why(answer: Answer, fault: str) -> None:
    assert fault_of_page(answer) == fault


@pytest.mark.parametrize(
    ("status", "tweet", "fault"),
    [
        (200, {"id": "7", "content": "hello"}, ""),
        (429, {}, "status 429"),
        (200, {"id": "7", "content": "other"}, "another content than was sent"),
        (200, {"id": "0", "content": "hello"}, "no id"),
    ],
)
def test_an_acknowledgement_must_carry_what_was_sent(status: int, tweet: dict[str, str], fault: str) -> None:
    assert fault_of_post(Answer(status, json.dumps(tweet).encode(), 0.0), "hello") == fault


def test_the_length_is_found_whatever_its_case() -> None:
    assert content_length(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nserver: x\r\n\r\n") == 12


def test_an_answer_that_does_not_say_its_length_is_refused() -> None:
    with pytest.raises(ValueError, match="without content-length"):
        content_length(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")


async def test_answers_in_pieces_are_put_together_on_a_kept_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for body in (b"", b"twelve bytes"):
            await reader.readuntil(b"\r\n\r\n")
            whole = b"HTTP/1.1 201 Created\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
            for place in range(len(whole)):
                writer.write(whole[place : place + 1])
                await writer.drain()
        await reader.read()

    async with serving(serve) as url, wire.connected(url, 1) as [connection]:
        first = await connection.send(wire.get("/a", token="t"))
        second = await connection.send(wire.get("/b", token="t"))

    assert [(answer.status, answer.body) for answer in (first, second)] == [(201, b""), (201, b"twelve bytes")]


async def test_a_connection_that_ends_under_a_request_is_an_error() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with serving(serve) as url, wire.connected(url, 1) as [connection]:
        with pytest.raises(ConnectionError):
            await connection.send(wire.get("/a", token="t"))


def test_deliveries_are_summed_over_the_lanes() -> None:
    text = (
        "# HELP aviary_fanout_lag_seconds Seconds\n"
        'aviary_fanout_lag_seconds_count{lane="small"} 40.0\n'
        'aviary_fanout_lag_seconds_count{lane="large"} 2.0\n'
        'aviary_fanout_lag_seconds_bucket{lane="small",le="1.0"} 39.0\n'
        "aviary_fanout_appended_entries_total 1.5e+03\n"
    )
    assert parsed(text) == Delivered(tweets=42, entries=1500)


def test_the_mean_lag_is_that_of_one_lane() -> None:
    text = (
        'aviary_fanout_lag_seconds_count{lane="small"} 40.0\n'
        'aviary_fanout_lag_seconds_sum{lane="small"} 4.0\n'
        'aviary_fanout_lag_seconds_count{lane="large"} 2.0\n'
        'aviary_fanout_lag_seconds_sum{lane="large"} 5.0\n'
    )
    assert mean_lag_s(text, "large") == 2.5
    assert mean_lag_s(text, "small") == 0.1


@pytest.mark.parametrize(
    ("host", "told"), [("", b"host: aviary"), ("aviary.example:8443", b"host: aviary.example:8443")]
)
async def test_a_platform_elsewhere_is_asked_by_its_own_name(host: str, told: bytes) -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    async with serving(serve) as url:
        address, port = url.removeprefix("http://").split(":")
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: wire.Connection(host), address, int(port)
        )
        await connection.send(wire.get("/a", token="t"))
        connection.close()

    assert told in heads[0].split(b"\r\n")


async def test_a_platform_is_asked_by_tls_where_its_address_says_so() -> None:
    began = list[bytes]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began.append(await reader.read(1))

    async with serving(serve) as url:
        with pytest.raises(OSError):  # noqa: PT011 - whichever: the other side hangs up on the handshake
            async with wire.connected(url.replace("http:", "https:"), 1):
                pass

    # A handshake, and nothing in the clear.
    assert began == [b"\x16"]
