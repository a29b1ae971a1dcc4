//! Snowflake ids: 41 bits of milliseconds, 10 bits of worker, 12 bits of sequence.
//!
//! Twitter's scheme of 2010 with an epoch of our own. Ids of one generator rise strictly, whatever
//! the clock does: when it steps back the last time is kept, and when a millisecond's 4,096 ids are
//! used up the generator runs into the next, never more than [`MAX_AHEAD_MS`] ahead of the clock.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::clock::boottime_ns;

/// 2024-01-01T00:00:00Z in milliseconds since 1970: the instant at which ids begin.
pub const EPOCH_MS: u64 = 1_704_067_200_000;
/// The number of distinct workers.
pub const WORKERS: u64 = 1 << WORKER_BITS;
/// How far the ids' time may run ahead of the clock.
pub const MAX_AHEAD_MS: u64 = 1_000;
/// The most ids of one batch: they span 256 ms, well within what may be run ahead.
pub const MAX_BATCH: u64 = 1 << 20;

const WORKER_BITS: u32 = 10;
const SEQUENCE_BITS: u32 = 12;
const TIME_SHIFT: u32 = WORKER_BITS + SEQUENCE_BITS;
const SEQUENCES: u64 = 1 << SEQUENCE_BITS;
const LAST_TIME: u64 = (1 << 41) - 1;

/// Why no ids were minted. Nothing was consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MintError {
    /// The clock must advance by so many milliseconds first.
    Ahead(u64),
    /// The lease on the worker number has ended.
    LeaseExpired,
    /// The time does not fit into 41 bits.
    OutOfTime,
    /// More than [`MAX_BATCH`] ids were asked for.
    BatchTooLarge(u64),
}

impl fmt::Display for MintError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ahead(wait) => {
                write!(out, "ids are {MAX_AHEAD_MS} ms ahead of a clock that must advance by {wait} ms first")
            }
            Self::LeaseExpired => write!(out, "the lease on this worker number has expired"),
            Self::OutOfTime => write!(out, "the time does not fit into the 41 bits of an id"),
            Self::BatchTooLarge(n) => write!(out, "{n} ids were asked for; a batch holds at most {MAX_BATCH}"),
        }
    }
}

/// A run of consecutive ids, minted but not yet written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    tick: u64,
    worker: u64,
    len: u64,
}

impl Run {
    /// Iterates over the ids, rising.
    ///
    /// # Panics
    /// Never: the length of a run is bounded by [`MAX_BATCH`].
    #[must_use]
    pub fn ids(self) -> impl ExactSizeIterator<Item = u64> {
        let len = u32::try_from(self.len).expect("a run is at most MAX_BATCH long");
        (0..len).map(move |step| {
            let tick = self.tick + u64::from(step);
            let (time, sequence) = (tick >> SEQUENCE_BITS, tick & (SEQUENCES - 1));
            time << TIME_SHIFT | self.worker << SEQUENCE_BITS | sequence
        })
    }
}

/// Mints strictly rising ids for one worker number; any number of threads may share it.
///
/// ```
/// use aviary_native::snowflake::{EPOCH_MS, Generator, time_ms};
/// let generator = Generator::new(7).unwrap();
/// let ids: Vec<u64> = generator.mint(3, EPOCH_MS + 5).unwrap().ids().collect();
/// assert!(ids.is_sorted() && ids.iter().all(|&id| time_ms(id) == EPOCH_MS + 5));
/// ```
#[derive(Debug)]
pub struct Generator {
    worker: u64,
    // The next id's time and sequence as one number: the carry of a full sequence is an addition.
    next_tick: Mutex<u64>,
    lease_ns: AtomicU64,
}

impl Generator {
    /// Returns a generator for `worker`, or `None` when the number is not below [`WORKERS`].
    #[must_use]
    pub fn new(worker: u64) -> Option<Self> {
        (worker < WORKERS).then(|| Self {
            worker,
            // Not 0, for id 0 means "none" everywhere.
            next_tick: Mutex::new(1),
            lease_ns: AtomicU64::new(u64::MAX),
        })
    }

    /// Refuses every mint after `deadline_ns` on the boot clock.
    pub fn lease_until(&self, deadline_ns: u64) {
        self.lease_ns.store(deadline_ns, Ordering::Release);
    }

    /// Mints `len` ids at wall time `now_ms`; all or none.
    ///
    /// `O(1)`: the ids are computed when the run is iterated, outside the lock.
    ///
    /// # Errors
    /// [`MintError`]; `Ahead` says for how long to wait before trying again.
    pub fn mint(&self, len: u64, now_ms: u64) -> Result<Run, MintError> {
        if len > MAX_BATCH {
            return Err(MintError::BatchTooLarge(len));
        }
        let now = now_ms.saturating_sub(EPOCH_MS);
        if now > LAST_TIME {
            return Err(MintError::OutOfTime);
        }
        let mut next_tick = self.next_tick.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_lease()?;
        let tick = (*next_tick).max(now << SEQUENCE_BITS);
        let last_time = (tick + len.saturating_sub(1)) >> SEQUENCE_BITS;
        if last_time > LAST_TIME {
            return Err(MintError::OutOfTime);
        }
        if last_time > now + MAX_AHEAD_MS {
            return Err(MintError::Ahead(last_time - now - MAX_AHEAD_MS));
        }
        *next_tick = tick + len;
        Ok(Run { tick, worker: self.worker, len })
    }

    fn check_lease(&self) -> Result<(), MintError> {
        let deadline = self.lease_ns.load(Ordering::Acquire);
        if deadline != u64::MAX && boottime_ns() > deadline {
            return Err(MintError::LeaseExpired);
        }
        Ok(())
    }
}

/// Returns the wall time of an id, in milliseconds since 1970.
#[must_use]
pub const fn time_ms(id: u64) -> u64 {
    (id >> TIME_SHIFT) + EPOCH_MS
}

/// Returns the smallest id that can be minted at `ms`, or `None` when its time does not fit.
///
/// Times before the epoch give 0, so that "since" bounds need no special case.
///
/// ```
/// use aviary_native::snowflake::{EPOCH_MS, first_id_at, time_ms};
/// assert_eq!(time_ms(first_id_at(EPOCH_MS + 9).unwrap()), EPOCH_MS + 9);
/// assert_eq!(first_id_at(0), Some(0));
/// ```
#[must_use]
pub const fn first_id_at(ms: u64) -> Option<u64> {
    let time = ms.saturating_sub(EPOCH_MS);
    if time > LAST_TIME { None } else { Some(time << TIME_SHIFT) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(generator: &Generator, len: u64, now_ms: u64) -> Vec<u64> {
        generator.mint(len, now_ms).unwrap().ids().collect()
    }

    #[test]
    fn a_full_sequence_runs_into_the_next_millisecond() {
        let generator = Generator::new(1).unwrap();
        let minted = ids(&generator, SEQUENCES + 1, EPOCH_MS + 1);
        assert!(minted.is_sorted_by(|a, b| a < b));
        assert_eq!(time_ms(minted[minted.len() - 1]), EPOCH_MS + 2);
    }

    #[test]
    fn a_clock_that_steps_back_keeps_the_last_time() {
        let generator = Generator::new(1).unwrap();
        let before = ids(&generator, 1, EPOCH_MS + 500)[0];
        let after = ids(&generator, 1, EPOCH_MS + 100)[0];
        assert!(after > before);
        assert_eq!(time_ms(after), EPOCH_MS + 500);
    }

    #[test]
    fn more_than_a_second_ahead_is_refused_and_consumes_nothing() {
        let generator = Generator::new(1).unwrap();
        ids(&generator, 1, EPOCH_MS + 5_000);
        assert_eq!(generator.mint(1, EPOCH_MS + 3_999), Err(MintError::Ahead(1)));
        assert_eq!(ids(&generator, 1, EPOCH_MS + 4_000)[0] & (SEQUENCES - 1), 1);
    }

    #[test]
    fn an_expired_lease_refuses() {
        let generator = Generator::new(1).unwrap();
        generator.lease_until(0);
        assert_eq!(generator.mint(1, EPOCH_MS), Err(MintError::LeaseExpired));
    }
}
