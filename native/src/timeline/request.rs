//! What is asked of the store, and what it tells of itself.

use crate::row::Row;
use crate::timeline::merge::Stretch;
use crate::timeline::sources::Sources;

/// What a store may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows that a list keeps when it is trimmed, at a quarter more.
    pub capacity: usize,
    /// How long a list that nobody reads counts as present.
    pub idle_ttl_ms: u64,
    /// Bytes of all lists together; beyond them those read longest ago are forgotten.
    pub max_bytes: usize,
}

/// Which list: a reader's live one (`upper` is [`MAX_ID`](crate::row::MAX_ID)) or the segment of ids below `upper`.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// The reader.
    pub owner: u64,
    /// The bound below which the list's ids lie.
    pub upper: u64,
}

/// Rows to add to the live lists of many owners.
#[derive(Clone, Copy, Debug)]
pub struct Append<'a> {
    /// Whose lists.
    pub owners: &'a [u64],
    /// What to add to each.
    pub rows: &'a [Row],
    /// Only to lists read within so many milliseconds.
    pub read_within_ms: u64,
}

/// What a reader wants of a list.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The follow version that the list must have.
    pub version: i64,
    /// Whose tweets are taken.
    pub sources: &'a Sources,
    /// What is merged in: lists of authors who are pulled at read.
    pub beside: &'a [Stretch<'a>],
    /// Ids below this bound only.
    pub below: u64,
    /// Ids above this bound only.
    pub above: u64,
    /// At most so many rows.
    pub limit: usize,
}

/// What a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Lists, building and idle ones included.
    pub lists: usize,
    /// Rows in them.
    pub entries: usize,
    /// Bytes allocated for them.
    pub bytes: usize,
}
