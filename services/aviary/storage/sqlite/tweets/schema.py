"""The tables of the tweets' file."""

from __future__ import annotations

FIRST = """
CREATE TABLE tweets (
    id INTEGER PRIMARY KEY,
    author_id INTEGER NOT NULL,
    -- 0 original, 1 reply, 2 quote, 3 retweet.
    kind INTEGER NOT NULL,
    -- The tweet replied to or retweeted, and its author.
    ref_id INTEGER NOT NULL DEFAULT 0,
    ref_author_id INTEGER NOT NULL DEFAULT 0,
    -- Bits: 1 has media, 2 the retweeted original is a reply, 4 sensitive, 8 has a poll.
    flags INTEGER NOT NULL DEFAULT 0,
    quote_id INTEGER NOT NULL DEFAULT 0,
    conversation_id INTEGER NOT NULL,
    -- What it says, encoded at each write as aviary.api.tweets.v1.Tweet.
    body BLOB NOT NULL,
    deleted_ms INTEGER NOT NULL DEFAULT 0,
    likes INTEGER NOT NULL DEFAULT 0,
    retweets INTEGER NOT NULL DEFAULT 0,
    replies INTEGER NOT NULL DEFAULT 0,
    quotes INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX tweets_by_author ON tweets (author_id, id, ref_id, ref_author_id, kind, flags) WHERE deleted_ms = 0;
CREATE INDEX replies ON tweets (ref_id, id) WHERE kind = 1 AND deleted_ms = 0;
-- One row a person and original; retweet_id is the retweet that exists, 0 when it was undone.
CREATE TABLE retweets (
    original_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    retweet_id INTEGER NOT NULL,
    PRIMARY KEY (original_id, user_id)
) WITHOUT ROWID;
CREATE INDEX retweets_by_id ON retweets (original_id, retweet_id, user_id) WHERE retweet_id > 0;
CREATE TABLE likes (
    user_id INTEGER NOT NULL,
    tweet_id INTEGER NOT NULL,
    active INTEGER NOT NULL,
    PRIMARY KEY (user_id, tweet_id)
) WITHOUT ROWID;
CREATE TABLE authors (
    user_id INTEGER PRIMARY KEY,
    tweets INTEGER NOT NULL DEFAULT 0,
    likes INTEGER NOT NULL DEFAULT 0
);
"""

SECOND = """
-- Who may reply: 0 everyone, 1 whom the author follows, 2 the mentioned.
ALTER TABLE tweets ADD COLUMN audience INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tweets ADD COLUMN bookmarks INTEGER NOT NULL DEFAULT 0;
-- 1 as written, one more with each edit.
ALTER TABLE tweets ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
CREATE INDEX quotes ON tweets (quote_id, id) WHERE quote_id > 0 AND deleted_ms = 0;
CREATE INDEX conversations ON tweets (conversation_id, id) WHERE kind <> 3 AND deleted_ms = 0;
CREATE INDEX tweets_deleted ON tweets (deleted_ms) WHERE deleted_ms > 0;
-- Where removed replies stood: what hangs below them keeps its place in the conversation.
CREATE TABLE places (
    conversation_id INTEGER NOT NULL,
    tweet_id INTEGER NOT NULL,
    ref_id INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, tweet_id)
) WITHOUT ROWID;
CREATE INDEX tweets_deleted_by_author ON tweets (author_id, id) WHERE deleted_ms > 0;
-- The texts that edits replaced.
CREATE TABLE edits (
    tweet_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (tweet_id, version)
) WITHOUT ROWID;
CREATE TABLE mentions (
    user_id INTEGER NOT NULL,
    tweet_id INTEGER NOT NULL,
    -- 0 once an edit has taken the name out; the row stays, for nobody is told twice.
    active INTEGER NOT NULL,
    PRIMARY KEY (user_id, tweet_id)
) WITHOUT ROWID;
CREATE INDEX mentions_by_tweet ON mentions (tweet_id, user_id);
CREATE TABLE hashtags (
    tag TEXT NOT NULL,
    tweet_id INTEGER NOT NULL,
    PRIMARY KEY (tag, tweet_id)
) WITHOUT ROWID;
CREATE INDEX hashtags_by_tweet ON hashtags (tweet_id, tag);
-- The tweets of a thread, for the repeat of its key; forgotten with that.
CREATE TABLE threads (
    first_id INTEGER NOT NULL,
    tweet_id INTEGER NOT NULL,
    PRIMARY KEY (first_id, tweet_id)
) WITHOUT ROWID;
CREATE TRIGGER threads_forgotten AFTER DELETE ON claims BEGIN
    DELETE FROM threads WHERE first_id = old.result;
END;
CREATE TABLE liked (
    user_id INTEGER NOT NULL,
    tweet_id INTEGER NOT NULL,
    active INTEGER NOT NULL,
    -- Rises with each like; lists are paged by it, newest first.
    like_id INTEGER NOT NULL,
    PRIMARY KEY (user_id, tweet_id)
) WITHOUT ROWID;
INSERT INTO liked SELECT user_id, tweet_id, active, row_number() OVER (ORDER BY tweet_id, user_id) FROM likes;
DROP TABLE likes;
ALTER TABLE liked RENAME TO likes;
CREATE INDEX likes_by_user ON likes (user_id, like_id, tweet_id) WHERE active;
CREATE INDEX likes_by_tweet ON likes (tweet_id, like_id, user_id) WHERE active;
CREATE INDEX likes_undone ON likes (tweet_id) WHERE NOT active;
CREATE TABLE bookmarks (
    user_id INTEGER NOT NULL,
    tweet_id INTEGER NOT NULL,
    active INTEGER NOT NULL,
    bookmark_id INTEGER NOT NULL,
    PRIMARY KEY (user_id, tweet_id)
) WITHOUT ROWID;
CREATE INDEX bookmarks_by_user ON bookmarks (user_id, bookmark_id, tweet_id) WHERE active;
CREATE INDEX bookmarks_by_tweet ON bookmarks (tweet_id);
CREATE TABLE pins (user_id INTEGER PRIMARY KEY, tweet_id INTEGER NOT NULL);
CREATE TABLE polls (
    tweet_id INTEGER PRIMARY KEY,
    ends_ms INTEGER NOT NULL,
    -- 1 once its end was told; votes are refused from ends_ms on.
    closed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX polls_open ON polls (ends_ms) WHERE NOT closed;
CREATE TABLE poll_options (
    tweet_id INTEGER NOT NULL,
    option INTEGER NOT NULL,
    text TEXT NOT NULL,
    votes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tweet_id, option)
) WITHOUT ROWID;
CREATE TABLE votes (
    tweet_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    option INTEGER NOT NULL,
    PRIMARY KEY (tweet_id, user_id)
) WITHOUT ROWID;
CREATE INDEX votes_by_user ON votes (user_id, tweet_id);
CREATE TABLE drafts (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL,
    -- When to publish; 0 for a draft.
    publish_ms INTEGER NOT NULL,
    -- Encoded as aviary.api.tweets.v1.TweetInput.
    body BLOB NOT NULL,
    failure TEXT NOT NULL DEFAULT '',
    -- The client that sent it.
    source TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
);
CREATE INDEX drafts_by_user ON drafts (user_id, id) WHERE publish_ms = 0;
CREATE INDEX scheduled_by_user ON drafts (user_id, publish_ms, id) WHERE publish_ms > 0;
CREATE INDEX scheduled_due ON drafts (publish_ms) WHERE publish_ms > 0 AND failure = '';
"""
