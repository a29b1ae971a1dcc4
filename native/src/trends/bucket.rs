//! One span of time: its counters and its heaviest keys.

use crate::trends::Shape;
use crate::trends::hash::Places;
use crate::trends::heavy::Heavy;

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

    /// Counts a key `times` times.
    #[inline]
    pub(super) fn add(&mut self, key: &str, times: u32, top: usize) {
        let places = Places::of(key);
        let before = self.counters.least(places);
        let after = before.saturating_add(times);
        self.counters.raise(places, after);
        if self.heavy.concerns(before, after) {
            self.heavy.admit(key, top, |key| self.counters.least(Places::of(key)));
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

    #[inline]
    fn least(&self, places: Places) -> u32 {
        self.at(places).map(|cell| self.cells[cell]).min().unwrap_or(0)
    }

    // Conservative update: what stands higher already has counted other keys too.
    #[inline]
    fn raise(&mut self, places: Places, count: u32) {
        for cell in self.at(places) {
            self.cells[cell] = count.max(self.cells[cell]);
        }
    }

    // By addition: to cut the cells into rows would cost a division for each key.
    #[inline]
    fn at(&self, places: Places) -> impl Iterator<Item = usize> + use<> {
        let (width, mask) = (self.width, self.width.wrapping_sub(1));
        (0..self.depth).zip(places).map(move |(row, place)| row * width + (place & mask))
    }

    fn add(&mut self, other: &Self) {
        for (ours, theirs) in self.cells.iter_mut().zip(&other.cells) {
            *ours = ours.saturating_add(*theirs);
        }
    }
}
