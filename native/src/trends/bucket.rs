//! One span of time: its counters and its heaviest keys.

use crate::trends::hash::Places;
use crate::trends::heavy::Heavy;
use crate::trends::{MAX_DEPTH, Shape};

/// Counts keys of one span; holds nothing until it is opened.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    span: Option<u64>,
    counters: Counters,
    heavy: Heavy,
}

impl Bucket {
    /// Which span is counted.
    pub(super) fn span(&self) -> Option<u64> {
        self.span
    }

    /// Starts counting `span`, from zero unless it already does.
    pub(super) fn open(&mut self, span: u64, shape: Shape) {
        if self.span == Some(span) {
            return;
        }
        self.span = Some(span);
        self.counters.reset(shape);
        self.heavy = Heavy::default();
    }

    /// Counts each key so often as its count says.
    pub(super) fn add<'a>(&mut self, keys: impl Iterator<Item = (&'a str, u32)>, shape: Shape) {
        // With the number of rows known the loops over them unroll; a key costs half as much.
        match shape.depth {
            1 => self.add_to_rows::<1>(keys, shape),
            2 => self.add_to_rows::<2>(keys, shape),
            3 => self.add_to_rows::<3>(keys, shape),
            4 => self.add_to_rows::<4>(keys, shape),
            5 => self.add_to_rows::<5>(keys, shape),
            6 => self.add_to_rows::<6>(keys, shape),
            7 => self.add_to_rows::<7>(keys, shape),
            _ => self.add_to_rows::<MAX_DEPTH>(keys, shape),
        }
    }

    fn add_to_rows<'a, const ROWS: usize>(&mut self, keys: impl Iterator<Item = (&'a str, u32)>, shape: Shape) {
        for (key, times) in keys {
            let cells: [usize; ROWS] = Places::of(key).cells(shape.width);
            let (before, after) = self.counters.raise(cells, times);
            if self.heavy.concerns(before, after) {
                self.heavy.admit(key, shape.top, |key| self.counters.least(Places::of(key)));
            }
        }
    }

    /// The least of a key's counters.
    pub(super) fn count(&self, places: Places) -> u32 {
        self.counters.least(places)
    }

    /// The heaviest keys.
    pub(super) fn heavy_keys(&self, top: usize) -> impl Iterator<Item = &str> {
        let ranked = self.heavy.ranked(top, |key| self.count(Places::of(key)));
        ranked.into_iter().map(|(_, key)| key)
    }

    /// Adds the counts of a bucket of the same span and shape.
    pub(super) fn merge(&mut self, other: &Self, top: usize) {
        self.counters.add(&other.counters);
        let ours = std::mem::take(&mut self.heavy);
        for key in ours.keys().chain(other.heavy.keys()) {
            self.heavy.admit(key, top, |key| self.counters.least(Places::of(key)));
        }
    }
}

/// Rows of counters, one after another.
#[derive(Clone, Debug, Default)]
struct Counters {
    cells: Vec<u32>,
    width: usize,
    depth: usize,
}

impl Counters {
    fn reset(&mut self, shape: Shape) {
        (self.width, self.depth) = (shape.width, shape.depth);
        self.cells.clear();
        self.cells.resize(shape.width * shape.depth, 0);
    }

    fn least(&self, places: Places) -> u32 {
        let cells: [usize; MAX_DEPTH] = places.cells(self.width);
        cells[..self.depth].iter().map(|&cell| self.cells[cell]).min().unwrap_or(0)
    }

    // Conservative update: what stands higher than the key's count already has counted other keys too.
    #[inline]
    fn raise<const ROWS: usize>(&mut self, cells: [usize; ROWS], times: u32) -> (u32, u32) {
        let counts = cells.map(|cell| self.cells[cell]);
        let before = counts.into_iter().min().unwrap_or(0);
        let after = before.saturating_add(times);
        for (cell, count) in cells.into_iter().zip(counts) {
            self.cells[cell] = count.max(after);
        }
        (before, after)
    }

    fn add(&mut self, other: &Self) {
        for (ours, theirs) in self.cells.iter_mut().zip(&other.cells) {
            *ours = ours.saturating_add(*theirs);
        }
    }
}
