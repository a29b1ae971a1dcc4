"""What the printer refuses; what it prints is held against the gateway, in tests/gateway/test_json.py."""

from __future__ import annotations

import pytest

from aviary._native import JsonPrinter
from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.rpc.ready import described

LIST = "aviary.api.tweets.v1.TweetList"
DESCRIBED = described(LIST)


def test_what_is_no_message_is_refused() -> None:
    printer = JsonPrinter(DESCRIBED, LIST)
    for damaged in (b"\x0a", b"\x0a\x05abc", b"\x00\x01", b"\xff" * 11, pb.Tweet(id=5).SerializeToString()):
        with pytest.raises(ValueError, match="no Protobuf message"):
            printer.print(damaged)
    with pytest.raises(ValueError, match=r"has no message aviary\.Nothing"):
        JsonPrinter(DESCRIBED, "aviary.Nothing")
    with pytest.raises(ValueError, match="no descriptor set"):
        JsonPrinter(b"\xff", "aviary.Nothing")
