"""What a file of tweets that an older Aviary wrote becomes when it is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.contract.conftest import OpenDatabase
from tests.contract.stores import stores_in
from tests.contract.tweets import ADA, BOB, CYD

from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.clock import Clock
from aviary.storage.sqlite import schema


def write_first_schema(path: Path, bodies: dict[int, pb.Tweet], *, deleted: int, retweet: int) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(schema.MIGRATIONS["tweets"][0].script + "PRAGMA user_version = 1;")
    connection.executemany(
        "INSERT INTO tweets (id, author_id, kind, conversation_id, body, deleted_ms) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (tweet_id, ADA, 3 if tweet_id == retweet else 0, tweet_id, body.SerializeToString(), tweet_id == deleted)
            for tweet_id, body in bodies.items()
        ],
    )
    connection.executemany("INSERT INTO likes VALUES (?, ?, 1)", [(BOB, 12), (BOB, 11), (CYD, 11)])
    connection.commit()
    connection.close()


def naming(*people: int, tags: tuple[str, ...] = ()) -> pb.Tweet:
    return pb.Tweet(
        content="hello",
        entities=pb.Entities(
            mentions=[pb.Mention(username="x", user_id=user_id) for user_id in people],
            hashtags=[pb.Hashtag(tag=tag) for tag in tags],
        ),
    )


async def test_tweets_of_an_older_file_are_found_by_whom_and_what_they_name(
    open_database: OpenDatabase, tmp_path: Path, clock: Clock
) -> None:
    bodies = {
        11: naming(BOB, BOB, 0, tags=("Tea", "tea")),
        12: naming(BOB, CYD, tags=("coffee",)),
        13: naming(BOB, tags=("tea",)),
        14: pb.Tweet(type="retweet"),
    }
    write_first_schema(tmp_path / "tweets.db", bodies, deleted=13, retweet=14)
    database = open_database("tweets")
    kept = stores_in(database, clock).tweets

    assert (await kept.mentions(BOB), await kept.mentions(CYD)) == ([12, 11], [12])
    assert (await kept.tagged("TEA"), await kept.tagged("coffee")) == ([11], [12])
    assert await kept.happened() == []
    assert (await kept.store.load([11, 12], viewer_id=BOB)).liked == frozenset({11, 12})
    assert (await kept.one(11)).version == 1


async def test_a_file_of_many_tweets_is_brought_up_in_batches(open_database: OpenDatabase, tmp_path: Path) -> None:
    bodies = {tweet_id: naming(BOB, tags=(f"tag{tweet_id % 7}",)) for tweet_id in range(1, 2_502)}
    write_first_schema(tmp_path / "tweets.db", bodies, deleted=0, retweet=0)
    database = open_database("tweets")

    def count(connection: sqlite3.Connection) -> tuple[int, int]:
        (mentions,) = connection.execute("SELECT count(*) FROM mentions WHERE active").fetchone()
        (hashtags,) = connection.execute("SELECT count(*) FROM hashtags").fetchone()
        return mentions, hashtags

    assert await database.read(count) == (2_501, 2_501)
