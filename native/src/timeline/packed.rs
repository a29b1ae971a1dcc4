//! Rows of one list, packed into 16 or 32 bytes each and kept in order of their ids.

use crate::row::{FLAG, Row};

const PLAIN_WORDS: usize = 2;
const LONG_WORDS: usize = 4;
const ID: u64 = !FLAG;

/// An ordered set of rows in one allocation of words.
///
/// An entry ends with its tweet's word, whose bit 63 tells whether four words belong to it or two:
/// `[author, tweet]` or `[ref_author, ref_tweet, author, tweet|FLAG]`. Entries ascend, so the newest
/// is at the end, where appends land and where reads begin; entries are therefore walked backwards.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    words: Vec<u64>,
    len: usize,
    plain: usize,
}

impl Packed {
    /// Packs rows given in any order; of a repeated id the first given stays. `O(n log n)`.
    #[must_use]
    pub fn from_rows(mut rows: Vec<Row>) -> Self {
        crate::row::order(&mut rows);
        let plain = rows.iter().filter(|row| row.is_plain()).count();
        let words = plain * PLAIN_WORDS + (rows.len() - plain) * LONG_WORDS;
        let mut packed = Self { words: Vec::with_capacity(words), len: rows.len(), plain };
        for row in rows.iter().rev() {
            packed.words.extend_from_slice(entry(row, &mut [0; LONG_WORDS]));
        }
        packed
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes allocated.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }

    /// Adds a row unless its id is held already; says whether it was added.
    ///
    /// `O(1)` for the newest id; else the newer entries are walked and moved, a few microseconds at worst
    /// for the sizes kept here. Ids arrive almost in order, so sorting at each read would cost far more.
    pub fn insert(&mut self, row: &Row) -> bool {
        let mut at = self.words.len();
        while let Some(&word) = self.words[..at].last() {
            let id = word & ID;
            if id == row.tweet {
                return false;
            }
            if id < row.tweet {
                break;
            }
            at -= width(word);
        }
        let mut buffer = [0; LONG_WORDS];
        let entry = entry(row, &mut buffer);
        self.reserve(entry.len());
        self.words.splice(at..at, entry.iter().copied());
        self.len += 1;
        self.plain += usize::from(row.is_plain());
        true
    }

    /// Keeps the newest `keep` rows and returns the oldest id kept; `None` when none had to go.
    pub fn keep_newest(&mut self, keep: usize) -> Option<u64> {
        if self.len <= keep {
            return None;
        }
        let mut kept = self.newest_first();
        let oldest = kept.by_ref().take(keep).last().map(|row| row.tweet);
        self.cut(kept.words.len());
        oldest
    }

    /// Forgets every row whose id is below `floor`.
    pub fn drop_below(&mut self, floor: u64) {
        let mut kept = self.newest_first();
        kept.skip_from(floor);
        self.cut(kept.words.len());
    }

    /// Walks the rows, newest first.
    #[must_use]
    pub fn newest_first(&self) -> Descending<'_> {
        Descending { words: &self.words, all_plain: self.plain == self.len }
    }

    fn cut(&mut self, words: usize) {
        let gone = Descending { words: &self.words[..words], all_plain: false };
        let (len, plain) = gone.fold((0, 0), |(len, plain), row| (len + 1, plain + usize::from(row.is_plain())));
        self.words.drain(..words);
        self.len -= len;
        self.plain -= plain;
    }

    // A quarter more at a time, where Vec would double: memory is what bounds the number of warm lists.
    fn reserve(&mut self, words: usize) {
        if self.words.capacity() - self.words.len() < words {
            let step = (self.words.len() / 4).max(4 * LONG_WORDS);
            self.words.reserve_exact(step);
        }
    }
}

/// A walk over packed rows, newest first.
#[derive(Clone, Debug)]
pub struct Descending<'a> {
    words: &'a [u64],
    all_plain: bool,
}

impl Descending<'_> {
    /// The id of the row that `next` would give.
    #[must_use]
    pub fn peek(&self) -> Option<u64> {
        self.words.last().map(|word| word & ID)
    }

    /// Skips every row whose id is `bound` or above.
    ///
    /// `O(log n)` in a list of plain rows only; where widths differ the skipped rows are walked.
    pub fn skip_from(&mut self, bound: u64) {
        if self.all_plain && self.peek().is_some_and(|id| id >= bound) {
            let (entries, _) = self.words.as_chunks::<PLAIN_WORDS>();
            let below = entries.partition_point(|[_, tweet]| *tweet < bound);
            self.words = &self.words[..below * PLAIN_WORDS];
        }
        while let Some(&word) = self.words.last()
            && word & ID >= bound
        {
            self.words = &self.words[..self.words.len() - width(word)];
        }
    }
}

impl Iterator for Descending<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let (row, rest) = match *self.words {
            [ref rest @ .., ref_author_word, ref_tweet_word, author_word, tweet] if tweet & FLAG != 0 => {
                (Row { tweet: tweet & ID, author_word, ref_tweet_word, ref_author_word }, rest)
            }
            [ref rest @ .., author_word, tweet] => {
                (Row { tweet, author_word, ref_tweet_word: 0, ref_author_word: 0 }, rest)
            }
            _ => return None,
        };
        self.words = rest;
        Some(row)
    }
}

const fn width(tweet_word: u64) -> usize {
    if tweet_word & FLAG == 0 { PLAIN_WORDS } else { LONG_WORDS }
}

fn entry<'a>(row: &Row, buffer: &'a mut [u64; LONG_WORDS]) -> &'a [u64] {
    if row.is_plain() {
        buffer[..PLAIN_WORDS].copy_from_slice(&[row.author_word, row.tweet]);
        return &buffer[..PLAIN_WORDS];
    }
    *buffer = [row.ref_author_word, row.ref_tweet_word, row.author_word, row.tweet | FLAG];
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(tweet: u64) -> Row {
        Row { tweet, author_word: 1, ref_tweet_word: 0, ref_author_word: 0 }
    }

    fn reply(tweet: u64) -> Row {
        Row { tweet, author_word: 1 | FLAG, ref_tweet_word: 3, ref_author_word: 4 }
    }

    #[test]
    fn rows_come_back_newest_first_whatever_order_and_width_they_had() {
        let mut packed = Packed::default();
        let rows = [plain(5), reply(2), plain(9), reply(7), plain(1)];
        assert!(rows.iter().all(|row| packed.insert(row)));
        assert!(rows.iter().all(|row| !packed.insert(row)));

        let walked: Vec<Row> = packed.newest_first().collect();

        assert_eq!(walked, [plain(9), reply(7), plain(5), reply(2), plain(1)]);
        assert_eq!(packed.words.len(), 3 * PLAIN_WORDS + 2 * LONG_WORDS);
    }

    #[test]
    fn trimming_keeps_the_newest_and_names_the_oldest_kept() {
        let mut packed = Packed::from_rows(vec![plain(1), reply(2), plain(3), reply(4)]);
        assert_eq!(packed.keep_newest(4), None);
        assert_eq!(packed.keep_newest(3), Some(2));
        packed.drop_below(3);
        assert_eq!(packed.newest_first().collect::<Vec<_>>(), [reply(4), plain(3)]);
        assert_eq!((packed.len(), packed.plain), (2, 1));
    }

    #[test]
    fn skipping_agrees_between_plain_and_mixed_lists() {
        let all_plain = Packed::from_rows((1..50).map(plain).collect());
        let mixed = Packed::from_rows((1..50).map(|id| if id % 3 == 0 { reply(id) } else { plain(id) }).collect());
        for bound in 0..60 {
            for packed in [&all_plain, &mixed] {
                let mut walk = packed.newest_first();
                walk.skip_from(bound);
                assert_eq!(walk.peek(), bound.checked_sub(1).filter(|&id| id > 0).map(|id| id.min(49)));
            }
        }
    }
}
