//! How many calls were answered how, and how long it took, for whoever scrapes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in microseconds; the last bucket has none.
pub const BOUNDS_US: [u64; 14] =
    [25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000];

/// What became of a call that could be answered here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// From what was held.
    Held,
    /// After what it missed was put.
    Filled,
    /// By the handlers.
    PassedOn,
    /// By nobody: a bug of ours.
    Panicked,
}

/// Counts of one call.
#[derive(Debug, Default)]
pub struct CallStats {
    outcomes: [AtomicU64; 4],
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    total_us: AtomicU64,
}

impl CallStats {
    pub(super) fn count(&self, outcome: Outcome, took: Duration) {
        let place = match outcome {
            Outcome::Held => 0,
            Outcome::Filled => 1,
            Outcome::PassedOn => 2,
            Outcome::Panicked => 3,
        };
        self.outcomes[place].fetch_add(1, Ordering::Relaxed);
        if matches!(outcome, Outcome::Held | Outcome::Filled) {
            let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            let bucket = BOUNDS_US.iter().position(|bound| us <= *bound).unwrap_or(BOUNDS_US.len());
            self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
            self.total_us.fetch_add(us, Ordering::Relaxed);
        }
    }

    /// Calls answered from what was held, after a fill, by the handlers, and by a panic.
    #[must_use]
    pub fn outcomes(&self) -> [u64; 4] {
        self.outcomes.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// Calls answered here by bucket, and their microseconds in all.
    #[must_use]
    pub fn latencies(&self) -> ([u64; BOUNDS_US.len() + 1], u64) {
        (self.buckets.each_ref().map(|count| count.load(Ordering::Relaxed)), self.total_us.load(Ordering::Relaxed))
    }
}
