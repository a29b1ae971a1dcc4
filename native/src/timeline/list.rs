//! One reader's list: its rows and the header that says what they are good for.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::row::Row;
use crate::timeline::merge::Stretch;
use crate::timeline::packed::Packed;

/// How long a rebuild may take before its list counts as absent.
pub const BUILD_LIMIT_MS: u64 = 10_000;

/// What a list can be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is none that counts: rebuild it.
    Absent,
    /// A rebuild is under way; appends land, reads don't.
    Building,
    /// Complete for every id from its floor up.
    Ready,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Building { token: u64, since_ms: u64 },
    Ready,
}

/// A list of rows that is complete for ids in `floor..upper`.
#[derive(Debug)]
pub(super) struct List {
    pub(super) upper: u64,
    pub(super) floor: u64,
    pub(super) rows: Packed,
    version: i64,
    phase: Phase,
    // Atomic, for readers of one shard hold its lock together.
    read_ms: AtomicU64,
}

impl List {
    pub(super) fn building(upper: u64, version: i64, token: u64, now_ms: u64) -> Self {
        Self {
            upper,
            floor: 0,
            rows: Packed::default(),
            version,
            phase: Phase::Building { token, since_ms: now_ms },
            read_ms: AtomicU64::new(now_ms),
        }
    }

    pub(super) fn state(&self, now_ms: u64, idle_ttl_ms: u64) -> State {
        match self.phase {
            _ if !self.read_within(idle_ttl_ms, now_ms) => State::Absent,
            Phase::Building { since_ms, .. } if now_ms.saturating_sub(since_ms) > BUILD_LIMIT_MS => State::Absent,
            Phase::Building { .. } => State::Building,
            Phase::Ready => State::Ready,
        }
    }

    pub(super) fn state_for(&self, version: i64, now_ms: u64, idle_ttl_ms: u64) -> State {
        if self.version == version { self.state(now_ms, idle_ttl_ms) } else { State::Absent }
    }

    pub(super) fn is_built_by(&self, wanted: u64) -> bool {
        matches!(self.phase, Phase::Building { token, .. } if token == wanted)
    }

    pub(super) fn read_ms(&self) -> u64 {
        self.read_ms.load(Ordering::Relaxed)
    }

    pub(super) fn read_within(&self, span_ms: u64, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.read_ms()) <= span_ms
    }

    pub(super) fn touch(&self, now_ms: u64) {
        // Written only when it changes, or each reader would take the list's memory away from all others.
        if self.read_ms() < now_ms {
            self.read_ms.fetch_max(now_ms, Ordering::Relaxed);
        }
    }

    pub(super) fn stretch(&self) -> Stretch<'_> {
        Stretch { rows: &self.rows, floor: self.floor }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.rows.bytes()
    }

    /// Adds what is at or above the floor and not held yet; returns how many rows that were.
    pub(super) fn append(&mut self, rows: &[Row], capacity: usize) -> usize {
        let fresh = rows.iter().filter(|row| row.tweet >= self.floor);
        let added = fresh.filter(|row| self.rows.insert(row)).count();
        self.compact(capacity);
        added
    }

    /// Joins the rebuild's rows with those appended meanwhile and opens the list to readers.
    pub(super) fn finish(&mut self, rows: Vec<Row>, floor: u64, capacity: usize) {
        // The floor may have risen while building: by compaction, or over a hole in what was appended.
        self.floor = self.floor.max(floor);
        let (floor, upper) = (self.floor, self.upper);
        let mut all: Vec<Row> = self.rows.newest_first().collect();
        all.extend(rows);
        all.retain(|row| floor <= row.tweet && row.tweet < upper);
        self.rows = Packed::from_rows(all);
        self.phase = Phase::Ready;
        self.compact(capacity);
    }

    /// Makes the list complete only above `high`, so that nothing at or below it is served from here.
    pub(super) fn raise_floor(&mut self, floor: u64) {
        if floor > self.floor {
            self.floor = floor;
            self.rows.drop_below(floor);
        }
    }

    // At a quarter more than the capacity, so that trimming costs little per append.
    fn compact(&mut self, capacity: usize) {
        if self.rows.len() > capacity + capacity / 4
            && let Some(oldest) = self.rows.keep_newest(capacity)
        {
            self.floor = oldest;
        }
    }
}
