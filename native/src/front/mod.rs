//! Hot reads from what is held: homes, user timelines and single tweets, spliced from fragments.
//!
//! Whoever has the stores puts fragments here and tells of every change by its event, before the change is
//! acknowledged. A fill notes the clock of invalidations before it reads the store; what changed since then is not
//! kept. So an answer from here is one that the stores could have given at the moment at which it was asked for.

mod cache;
mod cursor;
mod events;
mod fragment;
mod news;
mod pages;
pub mod rule;
mod splice;
mod stamps;
mod viewer;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use prost::Message;

use crate::clock::BusinessClock;
use crate::front::cache::Cache;
use crate::front::cursor::Cursors;
use crate::front::fragment::{Fill, Person, Printers, Tweet};
use crate::front::news::Heard;
use crate::front::stamps::Stamps;
use crate::front::viewer::{Choices, Home, Viewer};
use crate::json::ShapeError;
use crate::row::Row;
use crate::snowflake::{MAX_AHEAD_MS, first_id_at};
use crate::timeline::{Append, Limits, Slot, Sources, TimelineStore};
use crate::wire::Malformed;

pub use pages::Ask;
pub use splice::Format;

/// What a front may hold, in bytes; author lists also in rows each.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Tweets.
    pub tweets: usize,
    /// People's cards.
    pub people: usize,
    /// Viewers.
    pub viewers: usize,
    /// Authors' own lists.
    pub authors: usize,
    /// The newest tweets that an author's list keeps.
    pub author_rows: usize,
}

/// What must be put before a page can be had from here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Miss {
    /// Whose tweets belong to the viewer's home, or the list of them.
    pub home: bool,
    /// What the viewer chose not to be shown.
    pub choices: bool,
    /// Lists of these authors' own tweets.
    pub authors: Vec<u64>,
    /// Tweets, with what is inside them, their authors, and how the viewer stands to both.
    pub tweets: Vec<u64>,
    /// The earliest retweets, by the viewer's sources, of these originals.
    pub originals: Vec<u64>,
    /// Nothing that could be put would do: the page is one for the handlers.
    pub is_declined: bool,
}

impl Miss {
    fn declined() -> Self {
        Self { is_declined: true, ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A home's sources as a fill brings them.
#[derive(Debug)]
pub struct HomeFill {
    /// The viewer and those whom they follow and don't mute.
    pub sources: Vec<u64>,
    /// The version of the viewer's follows, which their home list must have.
    pub follow_version: i64,
    /// Those of the sources whom the read itself asks.
    pub pulled: Vec<u64>,
    /// Business time at which the sources change by themselves, 0 for never.
    pub valid_until_ms: u64,
}

/// Fragments, authors' lists and viewers, and the home lists that others append to.
#[derive(Debug)]
pub struct Front {
    lists: Arc<TimelineStore>,
    authors: TimelineStore,
    tweets: Cache<Tweet>,
    people: Cache<Person>,
    viewers: Cache<Arc<Viewer>>,
    stamps: Stamps,
    // Of retweets that went, by their originals; all of them when an account changes.
    retweets: Stamps,
    accounts_at: AtomicU64,
    tiers_at: AtomicU64,
    // The highest id that anybody told of.
    newest: AtomicU64,
    clock: Arc<BusinessClock>,
    printers: Printers,
    cursors: Cursors,
    // What other processes tell, where there are any.
    news: Option<Mutex<Heard>>,
}

impl Front {
    /// Makes an empty front over the home lists of a process.
    ///
    /// `is_shared` says that other processes write as well: what they tell comes late, out of order and twice, so it
    /// makes things stale and is never taken for their state; counts are told of by themselves.
    ///
    /// # Errors
    /// [`ShapeError`] when `descriptors`, a `FileDescriptorSet`, lack tweets or users. `None` for a key that is too long.
    pub fn new(
        lists: Arc<TimelineStore>,
        clock: Arc<BusinessClock>,
        room: Room,
        descriptors: &[u8],
        cursor_key: &[u8],
        is_shared: bool,
    ) -> Result<Option<Self>, ShapeError> {
        let printers = Printers::new(descriptors)?;
        let limits = Limits { capacity: room.author_rows, idle_ttl_ms: u64::MAX, max_bytes: room.authors };
        Ok(Cursors::new(cursor_key).map(|cursors| Self {
            lists,
            authors: TimelineStore::new(limits),
            tweets: Cache::new(room.tweets),
            people: Cache::new(room.people),
            viewers: Cache::new(room.viewers),
            stamps: Stamps::default(),
            retweets: Stamps::default(),
            accounts_at: AtomicU64::new(0),
            tiers_at: AtomicU64::new(0),
            newest: AtomicU64::new(0),
            clock,
            printers,
            cursors,
            news: is_shared.then(Mutex::default),
        }))
    }

    /// The clock of invalidations, which a fill notes before it reads a store.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.stamps.now()
    }

    /// Puts fragments that were read for a viewer after `then`; `asked` are the tweets that were asked for.
    ///
    /// What changed since then is left out.
    ///
    /// # Errors
    /// [`Malformed`] when `fill` is no aviary.api.tweets.v1.Fragments; a part may have been put.
    pub fn put(&self, viewer_id: u64, asked: &[u64], fill: &[u8], then: u64) -> Result<(), Malformed> {
        let fill = Fill::decode(fill).map_err(|_| Malformed)?;
        let viewer = self.viewers.get(viewer_id).unwrap_or_else(|| self.meet(viewer_id));
        let top = self.top();
        {
            let mut state = viewer.lock();
            if self.stamps.is_current(viewer_id, then) {
                let (hides_sensitive, mutes_words) = (fill.hides_sensitive, fill.mutes_words);
                state.choices = Some(Choices { hides_sensitive, mutes_words });
            }
            for person in &fill.people {
                let id = person.id.cast_unsigned();
                if self.stamps.is_current(pair(viewer_id, id), then) {
                    state.keep_standing(id, person.standing.to_le_bytes()[0]);
                }
            }
            for tweet in &fill.tweets {
                let id = tweet.id.cast_unsigned();
                if self.stamps.is_current(pair(viewer_id, id), then) {
                    state.keep_stance(id, tweet.stance.to_le_bytes()[0], top);
                }
            }
        }
        self.weigh(viewer_id, &viewer);
        for person in &fill.people {
            let id = person.id.cast_unsigned();
            let person = self.printers.person(person)?;
            let bytes = person.bytes();
            self.people.put(id, person, bytes, || self.stamps.is_current(id, then));
        }
        let found: Vec<u64> = fill.tweets.iter().map(|tweet| tweet.id.cast_unsigned()).collect();
        for tweet in fill.tweets {
            self.put_tweet(tweet, then)?;
        }
        for &id in asked.iter().filter(|id| !found.contains(id)) {
            self.tweets.put(id, Tweet::Gone, Tweet::Gone.bytes(), || self.stamps.is_current(id, then));
        }
        Ok(())
    }

    fn put_tweet(&self, fill: fragment::TweetFill, then: u64) -> Result<(), Malformed> {
        let id = fill.id.cast_unsigned();
        let tweet = self.printers.tweet(fill)?;
        let bytes = tweet.bytes();
        self.tweets.put(id, tweet, bytes, || self.stamps.is_current(id, then));
        Ok(())
    }

    /// Puts whose tweets belong to a home, as read after `then`.
    pub fn put_home(&self, viewer_id: u64, fill: HomeFill, then: u64) {
        let home = Home {
            sources: Sources::new(fill.sources),
            follow_version: fill.follow_version,
            pulled: fill.pulled.into(),
            valid_until_ms: fill.valid_until_ms,
            read_at: then,
        };
        let viewer = self.viewers.get(viewer_id).unwrap_or_else(|| self.meet(viewer_id));
        let mut state = viewer.lock();
        if self.stamps.is_current(viewer_id, then) {
            if state.home.as_ref().is_none_or(|held| held.sources != home.sources) {
                // What was found of retweets is of other sources.
                state.forget_home();
            }
            state.home = Some(Arc::new(home));
        }
        drop(state);
        self.weigh(viewer_id, &viewer);
    }

    /// Puts for originals the earliest retweets, 0 for none, by the viewer's sources, as read after `then`.
    pub fn put_earliest(&self, viewer_id: u64, originals: &[u64], retweets: &[u64], then: u64) {
        let viewer = self.viewers.get(viewer_id).unwrap_or_else(|| self.meet(viewer_id));
        let mut state = viewer.lock();
        // By other sources they would be others.
        if self.stamps.is_current(viewer_id, then) {
            for (&original, &retweet) in originals.iter().zip(retweets) {
                state.keep_earliest(original, retweet, then);
            }
        }
        drop(state);
        self.weigh(viewer_id, &viewer);
    }

    /// Begins a list of an author's own tweets: what is committed from here on lands in it. Returns its token.
    pub fn begin_author(&self, author: u64, now_ms: u64) -> u64 {
        self.authors.begin(own(author), 0, now_ms)
    }

    /// Opens the list, complete from `floor` up.
    pub fn finish_author(&self, author: u64, token: u64, rows: Vec<Row>, floor: u64, now_ms: u64) -> bool {
        self.authors.finish(own(author), token, rows, floor, now_ms)
    }

    /// Gives the list up.
    pub fn abort_author(&self, author: u64, token: u64) {
        self.authors.abort(own(author), token);
    }

    /// The version of the follows that a viewer's home is held by; nothing when it is not.
    #[must_use]
    pub fn follow_version(&self, viewer_id: u64) -> Option<i64> {
        self.viewers.get(viewer_id)?.lock().home.as_ref().map(|home| home.follow_version)
    }

    /// Holds a copy of a home list that is kept elsewhere, complete from `floor` up.
    pub fn copy_list(&self, viewer_id: u64, version: i64, rows: Vec<Row>, floor: u64, now_ms: u64) {
        let token = self.lists.begin(own(viewer_id), version, now_ms);
        self.lists.finish(own(viewer_id), token, rows, floor, now_ms);
    }

    /// Adds rows to a copy; those that it has already change nothing.
    pub fn add_to_copy(&self, viewer_id: u64, rows: &[Row], now_ms: u64) {
        self.lists.append(&Append { owners: &[viewer_id], rows, read_within_ms: u64::MAX }, now_ms);
    }

    /// Drops a copy.
    pub fn drop_copy(&self, viewer_id: u64) {
        self.lists.forget(&[viewer_id]);
    }

    /// Says that authors changed their tiers: whom a home asks is read anew.
    pub fn tiers_changed(&self) {
        self.stamps.mark(0);
        self.tiers_at.store(self.stamps.now(), Ordering::SeqCst);
    }

    /// Forgets everything but the home lists, also what is on its way here.
    pub fn clear(&self) {
        self.stamps.mark_all();
        self.tiers_changed();
        self.accounts_at.store(self.stamps.now(), Ordering::SeqCst);
        self.authors.clear();
        self.tweets.clear();
        self.people.clear();
        self.viewers.clear();
    }

    /// Tweets, people and viewers held, and the bytes of them all with the authors' lists.
    #[must_use]
    pub fn held(&self) -> (usize, usize, usize, usize) {
        let bytes = self.tweets.bytes() + self.people.bytes() + self.viewers.bytes() + self.authors.stats().bytes;
        (self.tweets.len(), self.people.len(), self.viewers.len(), bytes)
    }

    /// The home lists that this is over.
    #[cfg(test)]
    pub(crate) fn lists(&self) -> &TimelineStore {
        &self.lists
    }

    fn meet(&self, id: u64) -> Arc<Viewer> {
        let viewer = Arc::new(Viewer::new(self.top()));
        let bytes = viewer.lock().bytes();
        self.viewers.put_new(id, Arc::clone(&viewer), bytes);
        // Of two that met at once the one that is held hears of events.
        self.viewers.get(id).unwrap_or(viewer)
    }

    /// Accounts for what a viewer has come to.
    fn weigh(&self, id: u64, viewer: &Arc<Viewer>) {
        let bytes = viewer.lock().bytes();
        self.viewers.reweigh(id, bytes, |held| Arc::ptr_eq(held, viewer));
    }

    /// Says that there are ids up to this one: a clock that was set back may be behind them.
    pub fn know_newest(&self, id: u64) {
        self.newest.fetch_max(id, Ordering::SeqCst);
    }

    /// Above every id that was minted until now: ids run at most a second ahead of their clock.
    fn top(&self) -> u64 {
        let skew_ms = if self.is_shared() { news::SKEW_MS } else { 0 };
        let by_clock = first_id_at(self.clock.now_ms() + MAX_AHEAD_MS + skew_ms + 1).unwrap_or(u64::MAX);
        by_clock.max(self.newest.load(Ordering::SeqCst).saturating_add(1))
    }

    fn append_own(&self, row: Row, now_ms: u64) {
        let append = Append { owners: &[row.author()], rows: &[row], read_within_ms: u64::MAX };
        self.authors.append(&append, now_ms);
    }

    fn tiers_stand_since(&self, then: u64) -> bool {
        self.tiers_at.load(Ordering::SeqCst) <= then
    }

    fn retweets_stand_since(&self, original: u64, then: u64) -> bool {
        self.accounts_at.load(Ordering::SeqCst) <= then && self.retweets.is_current(original, then)
    }
}

fn own(author: u64) -> Slot {
    Slot { owner: author, upper: crate::row::MAX_ID }
}

/// What stands for both together among the stamps.
fn pair(viewer: u64, other: u64) -> u64 {
    viewer.rotate_left(32) ^ other
}
