"""Many tweets by many people, written straight into the files: what a page has to find its way through."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from tests.rpc.serving import Person, Serving

from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.tweets.store import Kind

_FIRST_AUTHOR, _FIRST_TWEET = 10_000, 1_000_000
_TWEET = (
    "INSERT INTO tweets (id, author_id, kind, ref_id, ref_author_id, quote_id, conversation_id, body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


class Multitude:
    """Half of the authors are followed by the reader, who is mentioned, likes and keeps every tenth tweet.

    In each twenty tweets there are two retweets of strangers, a quote and two
    replies to one tweet; the rest are originals with a hashtag.
    """

    tag = "busy"
    list_id = 0

    def __init__(self, served: Serving, reader: Person, *, tweets: int, authors: int) -> None:
        self._folder = served.platform.settings.data_dir
        self._reader = reader.id
        self._authors = range(_FIRST_AUTHOR, _FIRST_AUTHOR + authors)
        self._tweets = range(_FIRST_TWEET, _FIRST_TWEET + tweets)
        self.followed = authors // 2
        self.author = self._authors[0]
        self.parent = self._tweets[0]
        self.middle = self._tweets[len(self._tweets) // 2]

    def make(self) -> None:
        """Write people, follows, tweets and their indices."""
        with _file(self._folder / "users.db") as users:
            users.executemany(
                "INSERT INTO users (id, username, username_key, email, email_key, password_hash, display_name,"
                " created_ms) VALUES (?1, ?2, ?2, ?2, ?2, x'00', ?2, 0)",
                ((each, f"user{each}") for each in self._authors),
            )
        with _file(self._folder / "graph.db") as graph:
            graph.executemany(
                "INSERT INTO follows (follower_id, followee_id, active, follow_id) VALUES (?, ?, 1, ?)",
                ((self._reader, each, each) for each in self._authors[: self.followed]),
            )
            graph.execute(
                "INSERT INTO accounts (user_id, following, follow_version, sources_version) VALUES (?, ?, 1, 1)",
                (self._reader, self.followed),
            )
        with _file(self._folder / "tweets.db") as tweets:
            tweets.executemany(_TWEET, self._rows())
            self._index(tweets)

    def fill_list(self) -> None:
        """Put the followed on the reader's list."""
        with _file(self._folder / "graph.db") as graph:
            graph.executemany(
                "INSERT INTO list_bonds (kind, list_id, user_id, active, bond_id) VALUES (1, ?, ?, 1, ?)",
                ((self.list_id, each, each) for each in self._authors[: self.followed]),
            )

    def _rows(self) -> Iterator[tuple[int, int, int, int, int, int, int, bytes]]:
        for number, tweet in enumerate(self._tweets):
            # No factor in common with the twenty kinds, so that every author does everything.
            author, stranger = self._authors[7 * number % len(self._authors)], self._authors[-1]
            kind, ref, ref_author, quoted = Kind.ORIGINAL, 0, 0, 0
            match number % 20:
                case 5 | 15 if number > 20:
                    kind, ref, ref_author = Kind.RETWEET, tweet - 1, stranger
                case 4 | 14:
                    author = stranger
                case 9 if number > 20:
                    kind, quoted = Kind.QUOTE, tweet - 20
                case 11 | 12:
                    kind, ref, ref_author = Kind.REPLY, self.parent, self.author
            body = pb.Tweet(id=tweet, type=kind.name.lower(), conversation_id=tweet).SerializeToString()
            yield tweet, author, int(kind), ref, ref_author, quoted, tweet, body

    def _index(self, tweets: sqlite3.Connection) -> None:
        tweets.execute(
            "INSERT INTO retweets (original_id, user_id, retweet_id)"
            " SELECT ref_id, author_id, min(id) FROM tweets WHERE kind = 3 GROUP BY ref_id, author_id"
        )
        tenth = list(itertools.islice(self._tweets, 0, None, 10))
        mine = [(self._reader, tweet) for tweet in tenth]
        tweets.executemany("INSERT INTO mentions (user_id, tweet_id, active) VALUES (?, ?, 1)", mine)
        tweets.executemany("INSERT INTO likes (user_id, tweet_id, active, like_id) VALUES (?1, ?2, 1, ?2)", mine)
        tweets.executemany(
            "INSERT INTO bookmarks (user_id, tweet_id, active, bookmark_id) VALUES (?1, ?2, 1, ?2)", mine
        )
        tweets.executemany("INSERT INTO hashtags (tag, tweet_id) VALUES (?, ?)", ((self.tag, tweet) for tweet in tenth))


@contextmanager
def _file(path: object) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(str(path), isolation_level=None)) as connection:
        # Nothing of this has to outlive the test.
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-200000")
        connection.execute("BEGIN")
        yield connection
        connection.execute("COMMIT")
