//! Merging ordered lists: newest first, each id once, down to where the answer is complete.

use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use crate::row::{self, Row};
use crate::timeline::packed::Packed;

/// What a merge gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Rows, newest first, each id once.
    pub rows: Vec<Row>,
    /// The id down to which, inclusive, `rows` misses nothing.
    pub reach: u64,
}

/// A list as it is merged with others.
#[derive(Clone, Copy, Debug)]
pub struct Stretch<'a> {
    /// Its rows.
    pub rows: &'a Packed,
    /// The id from which on, inclusive, none is missing.
    pub floor: u64,
}

/// Merges what lists have between two bounds and `keep` accepts, down to where none of them may miss something.
///
/// Builds a heap of list heads and pops it: `O(lists + k · log lists)` for `k` rows examined.
pub fn merge<'a>(
    lists: impl IntoIterator<Item = Stretch<'a>>,
    above: u64,
    below: u64,
    limit: usize,
    keep: impl Fn(&Row) -> bool,
) -> Merged {
    let mut floor = above.saturating_add(1);
    let walk = |list: Stretch<'a>| {
        floor = floor.max(list.floor);
        let mut walk = list.rows.newest_first();
        walk.skip_from(below);
        walk
    };
    let mut lists: Vec<_> = lists.into_iter().map(walk).collect();
    let heads = lists.iter().enumerate().filter_map(|(at, list)| Some((list.peek()?, at)));
    let mut heap: BinaryHeap<(u64, usize)> = heads.collect();
    let mut rows = Vec::with_capacity(limit.min(1024));
    let mut examined = 0;
    while let Some(mut head) = heap.peek_mut()
        && head.0 >= floor
    {
        let (id, at) = *head;
        if id != examined && rows.len() == limit {
            // With a limit of 0 nothing was examined: the answer is complete above what comes first.
            let reach = if examined == 0 { id + 1 } else { examined };
            return Merged { rows, reach };
        }
        let row = lists[at].next().filter(|row| id != examined && keep(row));
        rows.extend(row);
        examined = id;
        match lists[at].peek() {
            Some(next) => head.0 = next,
            None => drop(PeekMut::pop(head)),
        }
    }
    Merged { rows, reach: floor }
}

/// Merges rows in any order: those with ids in (`above`, `below`), newest first, each id once.
///
/// `O(n log n)` in the rows that are in range.
///
/// ```
/// use aviary_native::row::Row;
/// use aviary_native::timeline::merge_rows;
/// let row = |tweet| Row { tweet, author_word: 1, ref_tweet_word: 0, ref_author_word: 0 };
/// let rows = merge_rows([row(1), row(9), row(4), row(9), row(7)], 1, 9, 5);
/// assert_eq!(rows, [row(7), row(4)]);
/// ```
pub fn merge_rows(rows: impl IntoIterator<Item = Row>, above: u64, below: u64, limit: usize) -> Vec<Row> {
    let in_range = |row: &Row| above < row.tweet && row.tweet < below;
    let mut rows: Vec<Row> = rows.into_iter().filter(in_range).collect();
    row::order(&mut rows);
    rows.truncate(limit);
    rows
}
