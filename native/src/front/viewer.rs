//! What is held of somebody who reads: whose tweets make their home, and how they stand to people and tweets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::hash::ById;
use crate::timeline::Sources;

/// Bits of a stance.
pub(super) const LIKED: u8 = 1;
pub(super) const RETWEETED: u8 = 2;
pub(super) const BOOKMARKED: u8 = 4;
/// The option voted for stands from [`OPTION_SHIFT`] up.
pub(super) const VOTED: u8 = 8;
pub(super) const OPTION_SHIFT: u32 = 4;
// No stance that there is: a poll has at most four options.
const UNKNOWN: u8 = u8::MAX;
/// Bits of a standing, those of aviary.api.graph.v1.Standings.
pub(super) const FOLLOWING: u8 = 1;
pub(super) const APART: u8 = 4 | 8;
pub(super) const MUTING: u8 = 16;
// Entries of a map at most: a reader who goes on and on begins anew.
const MOST: usize = 2_048;

/// Whose tweets belong to a home, as of some versions.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) sources: Sources,
    pub(super) follow_version: i64,
    /// Those whom the read itself asks, the viewer among them.
    pub(super) pulled: Box<[u64]>,
    /// 0 for as long as nothing changes.
    pub(super) valid_until_ms: u64,
    /// When it was read, by the clock of invalidations.
    pub(super) read_at: u64,
}

/// What the viewer chose not to be shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choices {
    pub(super) hides_sensitive: bool,
    pub(super) mutes_words: bool,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) home: Option<Arc<Home>>,
    pub(super) choices: Option<Choices>,
    standings: HashMap<u64, u8, ById>,
    stances: HashMap<u64, u8, ById>,
    /// For an original the earliest retweet by a source, 0 for none, and when that was read.
    earliest: HashMap<u64, (u64, u64), ById>,
    /// Of tweets from here up every stance is held: they are younger than this.
    complete_from: u64,
}

#[derive(Debug)]
pub(super) struct Viewer(Mutex<State>);

impl Viewer {
    /// `complete_from` is above every id that was minted until now.
    pub(super) fn new(complete_from: u64) -> Self {
        Self(Mutex::new(State { complete_from, ..State::default() }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What it takes, about: a map keeps up to twice the room that its entries need.
    pub(super) fn bytes(&self) -> usize {
        let sources = self.home.as_ref().map_or(0, |home| home.sources.ids().len() + home.pulled.len());
        512 + 8 * sources + 24 * (self.standings.len() + self.stances.len()) + 40 * self.earliest.len()
    }

    pub(super) fn standing(&self, person: u64) -> Option<u8> {
        self.standings.get(&person).copied()
    }

    pub(super) fn keep_standing(&mut self, person: u64, bits: u8) {
        make_room(&mut self.standings);
        self.standings.insert(person, bits);
    }

    pub(super) fn forget_standing(&mut self, person: u64) {
        self.standings.remove(&person);
    }

    pub(super) fn stance(&self, tweet: u64) -> Option<u8> {
        match self.stances.get(&tweet) {
            Some(&UNKNOWN) => None,
            Some(&held) => Some(held),
            None => (tweet >= self.complete_from).then_some(0),
        }
    }

    /// Keeps a stance; `top` is above every id that was minted until now.
    pub(super) fn keep_stance(&mut self, tweet: u64, bits: u8, top: u64) {
        if self.stances.len() >= MOST {
            self.stances.clear();
            self.complete_from = top;
        }
        self.stances.insert(tweet, bits);
    }

    /// Sets or clears bits of a stance that is known.
    pub(super) fn change_stance(&mut self, tweet: u64, bits: u8, is_set: bool) {
        if let Some(held) = self.stance(tweet) {
            self.stances.insert(tweet, if is_set { held | bits } else { held & !bits });
        }
    }

    /// A stance changed to what nobody tells.
    pub(super) fn forget_stance(&mut self, tweet: u64) {
        self.stances.insert(tweet, UNKNOWN);
    }

    pub(super) fn earliest(&self, original: u64) -> Option<(u64, u64)> {
        self.earliest.get(&original).copied()
    }

    pub(super) fn keep_earliest(&mut self, original: u64, retweet: u64, read_at: u64) {
        make_room(&mut self.earliest);
        self.earliest.insert(original, (retweet, read_at));
    }

    pub(super) fn forget_home(&mut self) {
        self.home = None;
        self.earliest.clear();
    }

    pub(super) fn forget_choices(&mut self) {
        self.choices = None;
    }
}

fn make_room<V>(map: &mut HashMap<u64, V, ById>) {
    if map.len() >= MOST {
        map.clear();
    }
}
