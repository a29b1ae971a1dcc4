"""The tables of the tweets keyspace.

No partition grows for ever. A list, whose rows stand by falling id under their
owner, is cut into buckets by the time in those ids: of a person by months, of a
tweet by its age, of a hashtag by hours (`listings.py`). What is looked up by
tweet and person is cut by the tweet's month or by a hash of the person.
"""

from __future__ import annotations

FIRST: tuple[str, ...] = (
    # The truth about each. `deleted_ms` is null until it is deleted; `lineage` is what it replies to, and that to,
    # nearest first, packed: as far up as one row tells.
    """CREATE TABLE IF NOT EXISTS tweets (
        id bigint PRIMARY KEY,
        author_id bigint, kind int, ref_id bigint, ref_author_id bigint, flags int, quote_id bigint,
        conversation_id bigint, audience int, version int, body blob, lineage blob, deleted_ms bigint
    )""",
    # Which buckets of a list hold rows. A page goes from one to the next, over months without any.
    """CREATE TABLE IF NOT EXISTS buckets (
        list text, owner text, bucket int, PRIMARY KEY ((list, owner), bucket)
    ) WITH CLUSTERING ORDER BY (bucket DESC)""",
    # At 300 tweets in three hours, 72,000 rows a month.
    """CREATE TABLE IF NOT EXISTS tweets_by_author (
        author_id bigint, bucket int, id bigint,
        kind int, ref_id bigint, ref_author_id bigint, flags int, deleted boolean,
        PRIMARY KEY ((author_id, bucket), id)
    ) WITH CLUSTERING ORDER BY (id DESC)""",
    # Lists of one tweet: ten minutes a bucket while it is new, so that a thousand a second make 600,000 rows.
    """CREATE TABLE IF NOT EXISTS replies (
        tweet_id bigint, bucket int, id bigint, deleted boolean,
        PRIMARY KEY ((tweet_id, bucket), id)
    ) WITH CLUSTERING ORDER BY (id DESC)""",
    """CREATE TABLE IF NOT EXISTS quotes (
        tweet_id bigint, bucket int, id bigint, deleted boolean,
        PRIMARY KEY ((tweet_id, bucket), id)
    ) WITH CLUSTERING ORDER BY (id DESC)""",
    # The replies of a conversation, at any depth. A row outlives its tweet, so that what hangs below keeps its place.
    """CREATE TABLE IF NOT EXISTS conversations (
        conversation_id bigint, bucket int, id bigint, ref_id bigint, lineage blob, deleted boolean,
        PRIMARY KEY ((conversation_id, bucket), id)
    ) WITH CLUSTERING ORDER BY (id DESC)""",
    # The truth about likes, bookmarks and retweets, by the month of the tweet that they are of, so that a page asks one
    # partition for all three. like_id and bookmark_id are the place of the newest such mark in both its lists, and stay
    # when it is taken back. A row of a list counts only while the truth names its place: of two likes at once one does.
    # retweet_id is the retweet that exists, 0 when it was undone. Cells are null where there never was such a thing.
    """CREATE TABLE IF NOT EXISTS stances (
        user_id bigint, month int, tweet_id bigint,
        like_id bigint, liked boolean, bookmark_id bigint, bookmarked boolean, retweet_id bigint,
        PRIMARY KEY ((user_id, month), tweet_id)
    )""",
    """CREATE TABLE IF NOT EXISTS retweets_by_tweet (
        tweet_id bigint, bucket int, id bigint, user_id bigint, active boolean,
        PRIMARY KEY ((tweet_id, bucket), id)
    ) WITH CLUSTERING ORDER BY (id DESC)""",
    """CREATE TABLE IF NOT EXISTS likes_by_user (
        user_id bigint, bucket int, id bigint, tweet_id bigint, active boolean,
        PRIMARY KEY ((user_id, bucket), id)
    ) WITH CLUSTERING ORDER BY (id DESC)""",
    """CREATE TABLE IF NOT EXISTS likes_by_tweet (
        tweet_id bigint, bucket int, id bigint, user_id bigint, active boolean,
        PRIMARY KEY ((tweet_id, bucket), id)
    ) WITH CLUSTERING ORDER BY (id DESC)""",
    """CREATE TABLE IF NOT EXISTS bookmarks_by_user (
        user_id bigint, bucket int, id bigint, tweet_id bigint, active boolean,
        PRIMARY KEY ((user_id, bucket), id)
    ) WITH CLUSTERING ORDER BY (id DESC)""",
    """CREATE TABLE IF NOT EXISTS bookmarks_by_tweet (
        tweet_id bigint, bucket int, id bigint, user_id bigint, active boolean,
        PRIMARY KEY ((tweet_id, bucket), id)
    ) WITH CLUSTERING ORDER BY (id DESC)""",
    # The id is the tweet's. A tweet's own list tells whom it named at any time: nobody is told twice, and a text names
    # few.
    """CREATE TABLE IF NOT EXISTS mentions (
        user_id bigint, bucket int, id bigint, active boolean,
        PRIMARY KEY ((user_id, bucket), id)
    ) WITH CLUSTERING ORDER BY (id DESC)""",
    """CREATE TABLE IF NOT EXISTS mentions_by_tweet (
        tweet_id bigint, user_id bigint, PRIMARY KEY (tweet_id, user_id)
    )""",
    # By hours: a tag in one of a hundred tweets of the busiest hour has 720,000 rows. A tweet's tags are in its text.
    """CREATE TABLE IF NOT EXISTS hashtags (
        tag text, bucket int, id bigint,
        PRIMARY KEY ((tag, bucket), id)
    ) WITH CLUSTERING ORDER BY (id DESC)""",
    # 0 for nothing.
    "CREATE TABLE IF NOT EXISTS pins (user_id bigint PRIMARY KEY, tweet_id bigint)",
    # The texts that edits replaced; their number is limited.
    """CREATE TABLE IF NOT EXISTS edits (
        tweet_id bigint, version int, body blob, PRIMARY KEY (tweet_id, version)
    )""",
    # The tweets of a thread, for the repeat of its key; they live as long as that.
    """CREATE TABLE IF NOT EXISTS threads (
        first_id bigint, place int, tweet_id bigint, PRIMARY KEY (first_id, place)
    )""",
    # What a deleted tweet referred to, for those who hear of it when its row is gone; ids of tweets alone.
    """CREATE TABLE IF NOT EXISTS referred (
        tweet_id bigint PRIMARY KEY, kind int, ref_id bigint, quote_id bigint
    )""",
    """CREATE TABLE IF NOT EXISTS polls (
        tweet_id bigint PRIMARY KEY, ends_ms bigint, options list<text>, closed boolean
    )""",
    """CREATE TABLE IF NOT EXISTS votes (
        tweet_id bigint, shard int, user_id bigint, option int,
        PRIMARY KEY ((tweet_id, shard), user_id)
    )""",
    """CREATE TABLE IF NOT EXISTS votes_by_user (
        user_id bigint, bucket int, id bigint, option int,
        PRIMARY KEY ((user_id, bucket), id)
    ) WITH CLUSTERING ORDER BY (id DESC)""",
    # `noted_ms` is the moment under which the diary has it, 0 for none. A person has at most 1,000 on each shelf.
    """CREATE TABLE IF NOT EXISTS drafts (
        id bigint PRIMARY KEY,
        user_id bigint, body blob, publish_ms bigint, failure text, source text, created_ms bigint, updated_ms bigint,
        noted_ms bigint
    )""",
    """CREATE TABLE IF NOT EXISTS drafts_by_user (
        user_id bigint, publish_ms bigint, id bigint, PRIMARY KEY (user_id, publish_ms, id)
    ) WITH CLUSTERING ORDER BY (publish_ms DESC, id DESC)""",
    # Polls that end, tweets that are to be published, and deleted ones that are to be removed for good, by minutes
    # (`due.py`). At a thousand a second, 15,000 a partition.
    """CREATE TABLE IF NOT EXISTS diary (
        kind text, bucket int, shard int, due_ms bigint, id bigint, owner_id bigint,
        PRIMARY KEY ((kind, bucket, shard), due_ms, id)
    )""",
    # Which buckets of a day ever held something.
    """CREATE TABLE IF NOT EXISTS diary_buckets (
        kind text, day int, bucket int, PRIMARY KEY ((kind, day), bucket)
    )""",
    "CREATE TABLE IF NOT EXISTS diary_read (kind text PRIMARY KEY, at_ms bigint)",
    # The moment of this write is that of the tables' making: a diary holds nothing older.
    "INSERT INTO schema_version (name, version) VALUES ('born', 0) IF NOT EXISTS",
)
