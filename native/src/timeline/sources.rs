//! The people whose tweets a reader takes.

use std::fmt;

use crate::row::Row;

/// A fixed set of user ids, sorted, eight bytes each.
///
/// ```
/// use aviary_native::timeline::Sources;
/// let sources = Sources::new(vec![5, 1, 5]);
/// assert!(sources.contains(5) && !sources.contains(2));
/// assert_eq!(sources.ids(), [1, 5]);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Sources {
    ids: Box<[u64]>,
}

impl Sources {
    /// Makes a set of ids given in any order, repeats allowed. `O(n log n)`.
    #[must_use]
    pub fn new(mut ids: Vec<u64>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        Self { ids: ids.into() }
    }

    /// Whether `id` is in the set. `O(log n)`.
    #[must_use]
    pub fn contains(&self, id: u64) -> bool {
        self.ids.binary_search(&id).is_ok()
    }

    /// Whether a row belongs to a home of these sources: by one of them, no reply to a stranger, no retweet of what
    /// belongs by itself.
    ///
    /// Decided by the row alone, so a page depends neither on its size nor on what was read before.
    #[must_use]
    pub fn takes(&self, row: &Row) -> bool {
        let repeats_its_own = || row.is_retweet() && !row.repeats_a_reply() && self.contains(row.ref_author());
        self.contains(row.author()) && !self.answers_a_stranger(row) && !repeats_its_own()
    }

    /// Keeps what belongs to a home of these sources, or would if some of them left: no replies to strangers.
    pub fn screen(&self, rows: &mut Vec<Row>) {
        rows.retain(|row| !self.answers_a_stranger(row));
    }

    fn answers_a_stranger(&self, row: &Row) -> bool {
        row.is_reply() && !self.contains(row.ref_author())
    }

    /// The ids, ascending.
    #[must_use]
    pub fn ids(&self) -> &[u64] {
        &self.ids
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Sources({} ids)", self.ids.len())
    }
}
