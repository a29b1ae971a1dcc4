//! A timeline entry as it crosses borders: 32 bytes, four little-endian words.
//!
//! | word | bits 0-62 | bit 63 |
//! | --- | --- | --- |
//! | 0 | tweet | must be 0 |
//! | 1 | author | the tweet has media |
//! | 2 | referenced tweet: what is retweeted or replied to, else 0 | the tweet is a retweet |
//! | 3 | author of the referenced tweet, else 0 | the retweeted original is itself a reply |

use std::fmt;

/// Bytes of one row at the border.
pub const ROW_BYTES: usize = 32;
/// The spare bit of each word.
pub const FLAG: u64 = 1 << 63;
/// One more than the largest id of a tweet; as an upper bound, "no bound".
pub const MAX_ID: u64 = FLAG - 1;

/// One timeline entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The tweet's id.
    pub tweet: u64,
    /// The author's id and, in bit 63, whether there is media.
    pub author_word: u64,
    /// The referenced tweet's id and, in bit 63, whether this is a retweet.
    pub ref_tweet_word: u64,
    /// The referenced tweet's author and, in bit 63, whether a retweeted original is a reply.
    pub ref_author_word: u64,
}

/// Bytes that are not rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowError {
    /// The length is no multiple of [`ROW_BYTES`].
    Length(usize),
    /// The tweet's id is 0, [`MAX_ID`] or more.
    Id(u64),
}

impl fmt::Display for RowError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => write!(out, "{length} bytes of rows; a row has {ROW_BYTES}"),
            Self::Id(id) => write!(out, "tweet id {id} in a row; ids are from 1 to {}", MAX_ID - 1),
        }
    }
}

impl Row {
    /// The author's id.
    #[must_use]
    pub const fn author(&self) -> u64 {
        self.author_word & !FLAG
    }

    /// The author of the referenced tweet, 0 without one.
    #[must_use]
    pub const fn ref_author(&self) -> u64 {
        self.ref_author_word & !FLAG
    }

    /// Whether this is a retweet.
    #[must_use]
    pub const fn is_retweet(&self) -> bool {
        self.ref_tweet_word & FLAG != 0
    }

    /// Whether this is a reply.
    #[must_use]
    pub const fn is_reply(&self) -> bool {
        !self.is_retweet() && self.ref_tweet_word != 0
    }

    /// Whether the retweeted original is a reply.
    #[must_use]
    pub const fn repeats_a_reply(&self) -> bool {
        self.ref_author_word & FLAG != 0
    }

    /// Whether nothing is referenced, so that two words hold the row.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.ref_tweet_word == 0 && self.ref_author_word == 0
    }

    fn from_bytes(bytes: &[u8; ROW_BYTES]) -> Result<Self, RowError> {
        let (words, _) = bytes.as_chunks::<8>();
        let row = Self {
            tweet: u64::from_le_bytes(words[0]),
            author_word: u64::from_le_bytes(words[1]),
            ref_tweet_word: u64::from_le_bytes(words[2]),
            ref_author_word: u64::from_le_bytes(words[3]),
        };
        if row.tweet == 0 || row.tweet >= MAX_ID {
            return Err(RowError::Id(row.tweet));
        }
        Ok(row)
    }

    fn to_bytes(self) -> [u8; ROW_BYTES] {
        let mut bytes = [0; ROW_BYTES];
        let words = [self.tweet, self.author_word, self.ref_tweet_word, self.ref_author_word];
        for (slot, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *slot = word.to_le_bytes();
        }
        bytes
    }
}

/// Reads rows from their bytes, in the order given.
///
/// # Errors
/// [`RowError`] when the length or an id is not possible.
///
/// ```
/// use aviary_native::row::{decode, encode};
/// let bytes = [[9u64, 1, 0, 0], [5, 2, 9, 1]].concat().iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<_>>();
/// let rows = decode(&bytes).unwrap();
/// assert!(rows[1].is_reply() && rows[1].ref_author() == 1);
/// assert_eq!(encode(&rows), bytes);
/// ```
pub fn decode(bytes: &[u8]) -> Result<Vec<Row>, RowError> {
    let (chunks, rest) = bytes.as_chunks::<ROW_BYTES>();
    if !rest.is_empty() {
        return Err(RowError::Length(bytes.len()));
    }
    chunks.iter().map(Row::from_bytes).collect()
}

/// Writes rows as bytes, the reverse of [`decode`].
#[must_use]
pub fn encode(rows: &[Row]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(rows.len() * ROW_BYTES);
    for row in rows {
        bytes.extend_from_slice(&row.to_bytes());
    }
    bytes
}

/// Puts rows in timeline order: newest first, each id once.
///
/// `O(n log n)`. Of rows with the same id the first given is kept.
pub fn order(rows: &mut Vec<Row>) {
    rows.sort_by_key(|row| std::cmp::Reverse(row.tweet));
    rows.dedup_by_key(|row| row.tweet);
}
