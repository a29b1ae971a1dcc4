//! What an event changes here: fragments that it makes stale go, and what it tells of is kept.

use std::sync::atomic::Ordering;

use prost::Message;

use crate::front::fragment::{Tweet, TweetFill};
use crate::front::viewer::{BOOKMARKED, LIKED, RETWEETED, State};
use crate::front::{Front, pair};
use crate::row::{FLAG, Row};
use crate::wire::Malformed;

/// aviary.events.v1.Event, as far as it matters here.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Event {
    #[prost(int64, tag = "1")]
    pub(super) id: i64,
    #[prost(int32, tag = "2")]
    kind: i32,
    #[prost(int64, tag = "3")]
    key: i64,
    #[prost(int64, tag = "4")]
    entity_id: i64,
    #[prost(int64, tag = "7")]
    actor_id: i64,
    #[prost(int64, tag = "9")]
    target_id: i64,
    #[prost(message, optional, tag = "10")]
    tweet: Option<Entry>,
}

/// aviary.events.v1.TweetEntry.
#[derive(Clone, Copy, PartialEq, Message)]
struct Entry {
    #[prost(int64, tag = "1")]
    tweet_id: i64,
    #[prost(int64, tag = "2")]
    author_id: i64,
    #[prost(int64, tag = "3")]
    ref_tweet_id: i64,
    #[prost(int64, tag = "4")]
    ref_author_id: i64,
    #[prost(bool, tag = "5")]
    is_retweet: bool,
    #[prost(bool, tag = "6")]
    ref_is_reply: bool,
    #[prost(bool, tag = "7")]
    has_media: bool,
    #[prost(int64, tag = "8")]
    quoted_tweet_id: i64,
}

// aviary.events.v1.EventType.
const USER_UPDATED: i32 = 2;
const USER_SUSPENDED: i32 = 5;
const USER_DELETED: i32 = 9;
const FOLLOWED: i32 = 10;
const UNFOLLOWED: i32 = 11;
const BLOCKED: i32 = 14;
const UNMUTED: i32 = 17;
const TWEET_CREATED: i32 = 20;
const TWEET_DELETED: i32 = 21;
const TWEET_LIKED: i32 = 22;
const TWEET_UNLIKED: i32 = 23;
const TWEET_EDITED: i32 = 24;
const BOOKMARKED_: i32 = 26;
const UNBOOKMARKED: i32 = 27;
const VOTED: i32 = 30;

impl Front {
    /// Takes in an event, an encoded aviary.events.v1.Event, before what it tells of is acknowledged.
    ///
    /// `made` is the tweet that it made, an encoded aviary.api.tweets.v1.TweetFragment, or empty.
    ///
    /// # Errors
    /// [`Malformed`] when one of them is none.
    pub fn apply(&self, event: &[u8], made: &[u8], now_ms: u64) -> Result<(), Malformed> {
        self.take_in(&Event::decode(event).map_err(|_| Malformed)?, now_ms);
        // At its place among the events: a later one of the same write may change it already.
        if !made.is_empty() {
            let fill = TweetFill::decode(made).map_err(|_| Malformed)?;
            self.put_tweet(fill, self.now())?;
        }
        Ok(())
    }

    pub(super) fn take_in(&self, event: &Event, now_ms: u64) {
        let (entity, actor) = (event.entity_id.cast_unsigned(), event.actor_id.cast_unsigned());
        let (key, target) = (event.key.cast_unsigned(), event.target_id.cast_unsigned());
        match event.kind {
            TWEET_CREATED => self.created(event.tweet.unwrap_or_default(), now_ms),
            TWEET_DELETED => self.deleted(event.tweet.unwrap_or_default()),
            TWEET_EDITED => self.forget_tweet(entity),
            TWEET_LIKED => self.engaged(entity, actor, LIKED, true),
            TWEET_UNLIKED => self.engaged(entity, actor, LIKED, false),
            BOOKMARKED_ => self.engaged(entity, actor, BOOKMARKED, true),
            UNBOOKMARKED => self.engaged(entity, actor, BOOKMARKED, false),
            VOTED => {
                self.uncount(entity);
                self.stamps.mark(pair(actor, entity));
                // For what, the event doesn't tell.
                self.with_viewer(actor, |state| state.forget_stance(entity));
            }
            USER_UPDATED => self.account_changed(entity),
            USER_SUSPENDED..=USER_DELETED => {
                self.account_changed(entity);
                // Whose retweet is the earliest is asked of those whose accounts stand.
                self.accounts_at.store(self.stamps.now(), Ordering::SeqCst);
            }
            FOLLOWED | UNFOLLOWED | BLOCKED..=UNMUTED => self.relation_changed(key, target),
            _ => {}
        }
    }

    fn created(&self, entry: Entry, now_ms: u64) {
        let (author, ref_id) = (entry.author_id.cast_unsigned(), entry.ref_tweet_id.cast_unsigned());
        self.know_newest(entry.tweet_id.cast_unsigned());
        self.append_own(row(&entry), now_ms);
        self.uncount(ref_id);
        self.uncount(entry.quoted_tweet_id.cast_unsigned());
        if entry.is_retweet {
            self.change_stance(author, ref_id, RETWEETED, true);
        }
    }

    fn deleted(&self, entry: Entry) {
        let (id, author, ref_id) =
            (entry.tweet_id.cast_unsigned(), entry.author_id.cast_unsigned(), entry.ref_tweet_id.cast_unsigned());
        self.stamps.mark(id);
        self.tweets.put(id, Tweet::Gone, Tweet::Gone.bytes(), || true);
        self.uncount(ref_id);
        self.uncount(entry.quoted_tweet_id.cast_unsigned());
        if entry.is_retweet {
            // By the one clock that fills note.
            self.retweets.mark_at(ref_id, self.stamps.now());
            self.change_stance(author, ref_id, RETWEETED, false);
        }
    }

    fn engaged(&self, tweet: u64, actor: u64, bit: u8, is_set: bool) {
        self.uncount(tweet);
        self.change_stance(actor, tweet, bit, is_set);
    }

    /// What others change of a tweet changed.
    fn uncount(&self, tweet: u64) {
        // Where counts follow the events, they have not changed yet, and tell so when they have.
        if !self.is_shared() {
            self.recount(tweet);
        }
    }

    pub(super) fn recount(&self, tweet: u64) {
        if tweet != 0 {
            self.stamps.mark(tweet);
            self.tweets.update(tweet, |held| {
                if let Tweet::Here { live, .. } = held {
                    *live = None;
                }
            });
        }
    }

    fn forget_tweet(&self, tweet: u64) {
        self.stamps.mark(tweet);
        self.tweets.remove(tweet);
    }

    fn change_stance(&self, viewer: u64, tweet: u64, bit: u8, is_set: bool) {
        self.stamps.mark(pair(viewer, tweet));
        self.with_viewer(viewer, |state| {
            if self.is_shared() {
                // Of a like and its undoing in two processes the later one may be told of first.
                state.forget_stance(tweet);
            } else {
                state.change_stance(tweet, bit, is_set);
            }
        });
    }

    fn account_changed(&self, user: u64) {
        self.stamps.mark(user);
        self.people.remove(user);
        self.with_viewer(user, State::forget_choices);
    }

    fn relation_changed(&self, user: u64, other: u64) {
        for (one, another) in [(user, other), (other, user)] {
            self.stamps.mark(pair(one, another));
            self.with_viewer(one, |state| state.forget_standing(another));
        }
        // A block ends follows, each of which has its own event.
        self.stamps.mark(user);
        self.with_viewer(user, State::forget_home);
    }

    fn with_viewer(&self, id: u64, change: impl FnOnce(&mut State)) {
        if let Some(viewer) = self.viewers.get(id) {
            change(&mut viewer.lock());
        }
    }
}

fn row(entry: &Entry) -> Row {
    let flag = |word: i64, is_set: bool| word.cast_unsigned() | if is_set { FLAG } else { 0 };
    Row {
        tweet: entry.tweet_id.cast_unsigned(),
        author_word: flag(entry.author_id, entry.has_media),
        ref_tweet_word: flag(entry.ref_tweet_id, entry.is_retweet),
        ref_author_word: flag(entry.ref_author_id, entry.ref_is_reply),
    }
}
