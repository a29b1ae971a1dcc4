"""Ready JSON: the core prints a page as the transcoder does, byte for byte, and the gateway passes it on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.gateway.conftest import SETTINGS
from tests.gateway.echo import PREPARED, Answer, Platform, platform

from aviary._native import JsonPrinter
from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.gateway.bindings import DESCRIPTORS

pytestmark = pytest.mark.asyncio(loop_scope="session")

PRINTER = JsonPrinter(DESCRIPTORS.read_bytes(), "aviary.api.tweets.v1.TweetList")
_OF_EACH_CALL = {"date", "x-request-id"}
_TIMESTAMP = "google.protobuf.Timestamp"
# From year 1 to year 9999: what the format holds.
_SECONDS = st.integers(-62135596800, 253402300799)
_NANOS = st.sampled_from([0, 1_000_000, 120_000_000, 1_000, 123_456_000, 1, 999_999_999])
_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False) | st.floats(-180, 180),
    FieldDescriptor.TYPE_STRING: st.text(max_size=40) | st.text(st.characters(max_codepoint=0x3000), max_size=40),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def transcoding(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """A gateway that prints all answers itself."""
    async with platform(tmp_path_factory.mktemp("transcoding"), replace(SETTINGS, front="off")) as running:
        yield running


@st.composite
def messages(draw: st.DrawFn, kind: Descriptor, depth: int = 0) -> Message:
    """Any message of the type, set or not set field by field, three deep."""
    message = GetMessageClass(kind)()
    for field in kind.fields:
        if field.message_type and depth == 3:
            continue
        wanted = draw(st.integers(0, 2)) if field.is_repeated else int(draw(st.booleans()))
        for _ in range(wanted):
            _fill(message, field, draw, depth)
    return message


def _fill(message: Message, field: FieldDescriptor, draw: st.DrawFn, depth: int) -> None:
    place = getattr(message, field.name)
    if field.message_type and field.message_type.full_name == _TIMESTAMP:
        place.seconds, place.nanos = draw(_SECONDS), draw(_NANOS)
    elif field.message_type:
        value = draw(messages(field.message_type, depth + 1))
        (place.add() if field.is_repeated else place).CopyFrom(value)
    elif field.is_repeated:
        place.append(draw(_SCALARS[field.type]))
    else:
        setattr(message, field.name, draw(_SCALARS[field.type]))


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(page=messages(pb.TweetList.DESCRIPTOR))
async def test_any_page_is_printed_alike(transcoding: Platform, page: pb.TweetList) -> None:
    assert PRINTER.print(page.SerializeToString()) == await _home(transcoding, page)


async def test_every_character_is_printed_alike(transcoding: Platform) -> None:
    every = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    texts = ["".join(every[start : start + 20_000]) for start in range(0, len(every), 20_000)]
    for text in texts:
        page = pb.TweetList(tweets=[pb.Tweet(content=text)])
        assert PRINTER.print(page.SerializeToString()) == await _home(transcoding, page)


async def test_a_ready_answer_reaches_the_client_as_any_other(gateway: Platform, transcoding: Platform) -> None:
    PREPARED["prepared"] = pb.TweetList(tweets=[pb.Tweet(id=7, content="<é>")])
    for path in ("/api/v1/timeline/home?cursor=prepared", "/api/v1/tweets/5", "/api/tweets?ids=1&ids=2"):
        ready, printed = await gateway.call("GET", path), await transcoding.call("GET", path)
        assert (ready.status, ready.content) == (printed.status, printed.content) == (200, printed.content)
        assert _told(ready) == _told(printed)
    # Errors are the transcoder's in both.
    for path in ("/api/v1/tweets/404", "/api/v1/tweets/abc", "/api/v1/timeline/home?limit=x"):
        ready, printed = await gateway.call("GET", path), await transcoding.call("GET", path)
        assert (ready.status, ready.json) == (printed.status, printed.json)
        assert _told(ready) == _told(printed)


def _told(answer: Answer) -> set[tuple[str, str]]:
    return {(name.lower(), text) for name, text in answer.headers.items() if name.lower() not in _OF_EACH_CALL}


async def _home(gateway: Platform, page: pb.TweetList) -> bytes:
    PREPARED["prepared"] = page
    answer = await gateway.call("GET", "/api/v1/timeline/home?cursor=prepared", headers={"accept-encoding": "identity"})
    assert answer.status == 200
    return answer.content
