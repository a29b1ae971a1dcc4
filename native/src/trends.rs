//! Counting what people talk about: a count-min sketch for each five minutes, and its heaviest keys.
//!
//! Count-min: Cormode and Muthukrishnan, *An improved data stream summary* (2005), with conservative
//! update (Estan and Varghese, 2002): only the counters that are the key's minimum rise, so that a
//! key's estimate takes in far less of what other keys count.
//!
//! **Error.** Within a bucket that counted `n`, an estimate is never below the true count, and above
//! it by more than `e · n / width` with a probability of at most `e^-depth`. A window's estimate is the
//! sum of its buckets', so the bounds add up. The defaults (65,536 × 4) overstate by more than 0.005 %
//! of the bucket's traffic in fewer than 2 of 100 keys.

mod bucket;
mod hash;
mod heavy;

use bucket::Bucket;
use hash::Places;

/// The most rows of a sketch: with 8, one estimate in 3,000 is off by more than the bound.
pub const MAX_DEPTH: usize = 8;

/// The shape of a sketch. Two can be merged when theirs are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Counters in a row, a power of two.
    pub width: usize,
    /// Rows, each with its own hash, at most [`MAX_DEPTH`].
    pub depth: usize,
    /// Seconds in a bucket.
    pub bucket_s: u64,
    /// Buckets kept.
    pub buckets: usize,
    /// Heaviest keys remembered in a bucket.
    pub top: usize,
}

/// Counts of keys over the last `buckets` spans of `bucket_s` seconds.
///
/// ```
/// use aviary_native::trends::{Shape, TrendSketch};
/// let shape = Shape { width: 1024, depth: 4, bucket_s: 300, buckets: 24, top: 10 };
/// let mut sketch = TrendSketch::new(shape);
/// sketch.add(&["rust", "rust", "tea"], &[], 1_000);
/// assert_eq!(sketch.estimate("rust", 1_200, 600), 2);
/// assert_eq!(sketch.top(1, 1_200, 600), [("rust".to_owned(), 2)]);
/// ```
#[derive(Clone, Debug)]
pub struct TrendSketch {
    shape: Shape,
    ring: Vec<Bucket>,
}

impl TrendSketch {
    /// Makes an empty sketch: `4 · width · depth` bytes for each bucket, taken when it is first used.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self { shape, ring: vec![Bucket::default(); shape.buckets] }
    }

    /// The sketch's shape.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Counts each key, `counts[i]` times or once where `counts` is empty, at time `now_s`.
    ///
    /// Late keys go to the bucket of their time, or nowhere when the ring has moved past it.
    /// Returns whether they were counted. `O(keys · depth)`.
    pub fn add(&mut self, keys: &[impl AsRef<str>], counts: &[u32], now_s: u64) -> bool {
        let span = now_s / self.shape.bucket_s;
        let shape = self.shape;
        let Some(bucket) = self.bucket_for(span) else {
            return false;
        };
        let counts = counts.iter().copied().chain(std::iter::repeat(1));
        bucket.add(keys.iter().map(AsRef::as_ref).zip(counts), shape);
        true
    }

    /// Estimates how often a key was counted in the buckets that overlap the last `window_s` seconds.
    ///
    /// Never less than the truth; see the module for how much more. `O(buckets · depth)`.
    #[must_use]
    pub fn estimate(&self, key: &str, now_s: u64, window_s: u64) -> u64 {
        let places = Places::of(key);
        self.window(now_s, window_s).map(|bucket| u64::from(bucket.count(places))).sum()
    }

    /// Returns the `k` keys with the highest estimates in a window, highest first, then by name.
    ///
    /// Chosen among the keys that were among the heaviest `top` of some bucket in it: a key that is in the
    /// window's first `top` but in no single bucket's is missed. `O(buckets² · top · depth)` at worst.
    #[must_use]
    pub fn top(&self, k: usize, now_s: u64, window_s: u64) -> Vec<(String, u64)> {
        let heavy = self.window(now_s, window_s).flat_map(|bucket| bucket.heavy_keys(self.shape.top));
        let mut keys: Vec<&str> = heavy.collect();
        keys.sort_unstable();
        keys.dedup();
        let mut ranked: Vec<(u64, &str)> =
            keys.into_iter().map(|key| (self.estimate(key, now_s, window_s), key)).collect();
        ranked.sort_unstable_by(|(a, x), (b, y)| b.cmp(a).then(x.cmp(y)));
        ranked.truncate(k);
        ranked.into_iter().map(|(count, key)| (key.to_owned(), count)).collect()
    }

    /// Adds another sketch's counts, bucket by bucket, as if this one had counted everything.
    ///
    /// Returns false, changing nothing, when the shapes differ. `O(buckets · width · depth)`.
    pub fn merge(&mut self, other: &Self) -> bool {
        if self.shape != other.shape {
            return false;
        }
        let top = self.shape.top;
        for theirs in &other.ring {
            if let Some(ours) = theirs.span().and_then(|span| self.bucket_for(span)) {
                ours.merge(theirs, top);
            }
        }
        true
    }

    // The bucket that counts `span`, emptied of what it counted a round ago; None when the ring has moved past it.
    fn bucket_for(&mut self, span: u64) -> Option<&mut Bucket> {
        let newest = self.ring.iter().filter_map(Bucket::span).max().unwrap_or(span);
        if newest.saturating_sub(span) >= length(self.shape) {
            return None;
        }
        let at = self.place(span);
        let bucket = &mut self.ring[at];
        bucket.open(span, self.shape);
        Some(bucket)
    }

    fn window(&self, now_s: u64, window_s: u64) -> impl Iterator<Item = &Bucket> {
        let newest = now_s / self.shape.bucket_s;
        let oldest = now_s.saturating_sub(window_s.saturating_sub(1)) / self.shape.bucket_s;
        let oldest = oldest.max((newest + 1).saturating_sub(length(self.shape)));
        let spans = (oldest..=newest).take(if window_s == 0 { 0 } else { self.shape.buckets });
        spans.filter_map(|span| Some(&self.ring[self.place(span)]).filter(|bucket| bucket.span() == Some(span)))
    }

    fn place(&self, span: u64) -> usize {
        usize::try_from(span % length(self.shape)).unwrap_or(0)
    }
}

fn length(shape: Shape) -> u64 {
    shape.buckets as u64
}
