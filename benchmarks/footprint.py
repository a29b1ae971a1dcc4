"""What a held tweet takes: what the front counts, and what its process grows by."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from random import Random

from aviary import ids
from aviary._native import Clock, Front, TimelineStore, first_id_at
from aviary.api.tweets.v1 import fragments_pb2
from aviary.rpc.ready import described
from aviary.seed.invention import invent_texts
from aviary.seed.texts import read_texts
from aviary.tweets import encoding, text
from aviary.tweets.fragments.encoding import new_fragment
from aviary.tweets.store import Draft, Kind
from benchmarks import processes
from benchmarks.crowd import DATA
from benchmarks.figures import Figure, Target, table

_TWEETS, _BATCH, _AUTHORS = 50_000, 200, 500
_VIEWER = 1
_LARGEST = Target(2_048)
# Of memory that is bounded by what is counted, a little more may be taken than the setting says.
_HONEST = Target(1.15)


def measure() -> list[Figure]:
    """Fill a front in a process of its own, so that nothing else is in what it grows by."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        counted, real = process.submit(_fill).result()
    note = f"of {_TWEETS:,} tweets with their JSON, the texts of shared/data if they are there"
    return [
        Figure("core.front.tweet.counted", counted, "B", _LARGEST, f"by the front, mean {note}"),
        Figure("core.front.tweet.resident", real, "B", _LARGEST, f"by which the process grew, mean {note}"),
        Figure("core.front.tweet.resident_over_counted", real / counted, "times", _HONEST),
    ]


def _fill() -> tuple[float, float]:
    """Bytes a tweet: counted, and resident."""
    front = Front(
        TimelineStore(), clock=Clock(), descriptors=described("aviary.api.tweets.v1.Tweet"), cursor_key=b"k" * 32
    )
    fills = _fills()
    # What the first fills take once: viewers, their maps, the interpreter's own.
    for _ in range(5):
        _put(front, next(fills))
    held, resident, counted = front.stats()["tweets"], _resident(), front.stats()["bytes"]
    for fill in fills:
        _put(front, fill)
    added = front.stats()["tweets"] - held
    return (front.stats()["bytes"] - counted) / added, (_resident() - resident) / added


def _put(front: Front, fill: Sequence[fragments_pb2.TweetFragment]) -> None:
    found = fragments_pb2.Fragments(tweets=fill).SerializeToString()
    front.put(_VIEWER, ids.pack(each.id for each in fill), found, front.now())


def _fills() -> Iterator[Sequence[fragments_pb2.TweetFragment]]:
    file = DATA / "tweets.tsv"
    texts = read_texts(file) if file.exists() else invent_texts(_AUTHORS, 2_000, Random(1))
    for start in range(0, _TWEETS, _BATCH):
        yield [_fragment(number, texts[number % len(texts)]) for number in range(start, start + _BATCH)]


def _fragment(number: int, said: str) -> fragments_pb2.TweetFragment:
    now_ms = 1_790_000_000_000 + number
    kept, entities = text.read(said)
    draft = Draft(author_id=1_000 + number % _AUTHORS, kind=Kind.ORIGINAL, text=kept, entities=entities, language="en")
    tweet_id = first_id_at(now_ms)
    body = encoding.fixed_part(draft) + encoding.minted_part(draft, tweet_id, now_ms)
    return fragments_pb2.TweetFragment.FromString(new_fragment(draft, tweet_id, body, flags=0, now_ms=now_ms))


def _resident() -> float:
    """Bytes, once what was let go is given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return processes.rss_mb([os.getpid()]) * 1e6


if __name__ == "__main__":
    print(table(measure()))
