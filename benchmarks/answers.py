"""Whether an answer is the right one; judged after the stopwatch has stopped, so that it costs the figures nothing."""

from __future__ import annotations

import json
from itertools import pairwise

from benchmarks.wire import Answer

PAGE = 20


def fault_of_page(answer: Answer, *, in_order: bool = True, size: int = PAGE) -> str:
    """What is wrong with a page; empty when it is `size` tweets, each older than the one before if `in_order`."""
    if answer.status != 200:
        return f"status {answer.status}"
    ids = tweet_ids(answer.body)
    if len(ids) != size:
        return f"{len(ids)} tweets instead of {size}"
    if in_order and not all(newer > older for newer, older in pairwise(ids)):
        return "not strictly newest first"
    return ""


def fault_of_post(answer: Answer, content: str) -> str:
    """What is wrong with the acknowledgement of a tweet that said `content`."""
    if answer.status != 200:
        return f"status {answer.status}"
    tweet = json.loads(answer.body)
    if tweet["content"] != content:
        return "another content than was sent"
    return "" if int(tweet["id"]) > 0 else "no id"


def tweet_ids(body: bytes) -> list[int]:
    """The ids of a page of tweets, in its order."""
    return [int(tweet["id"]) for tweet in json.loads(body)["tweets"]]
