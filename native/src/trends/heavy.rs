//! The heaviest keys of one bucket.

use std::collections::HashSet;

/// Remembers which keys are about the heaviest; how heavy, the bucket's counters know.
///
/// Twice as many as wanted are let in before the lighter half goes, so that a key costs `O(1)` amortised.
#[derive(Clone, Debug, Default)]
pub(super) struct Heavy {
    keys: HashSet<Box<str>>,
    // Keys that come to no more than this are not among the heaviest.
    threshold: u32,
}

/// Looking a key up at each use would cost more than counting it. One that other keys' counts have lifted over the
/// threshold is let in when its own uses next cross a multiple of this.
const LOOK_EVERY: u32 = 64;

impl Heavy {
    /// Whether a key whose count rises from `before` to `after` should be let in, if it is not known.
    #[inline]
    pub(super) fn concerns(&self, before: u32, after: u32) -> bool {
        after > self.threshold && (before <= self.threshold || before / LOOK_EVERY != after / LOOK_EVERY)
    }

    /// Lets a key in.
    #[cold]
    pub(super) fn admit(&mut self, key: &str, top: usize, count: impl Fn(&str) -> u32) {
        if !self.keys.contains(key) {
            self.keys.insert(key.into());
        }
        if self.keys.len() > 2 * top {
            self.prune(top, count);
        }
    }

    /// The heaviest keys, heaviest first.
    pub(super) fn ranked(&self, top: usize, count: impl Fn(&str) -> u32) -> Vec<(u32, &str)> {
        let mut ranked: Vec<(u32, &str)> = self.keys.iter().map(|key| (count(key), &**key)).collect();
        ranked.sort_unstable_by(|(a, x), (b, y)| b.cmp(a).then(x.cmp(y)));
        ranked.truncate(top);
        ranked
    }

    /// Every key that is remembered.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| &**key)
    }

    fn prune(&mut self, top: usize, count: impl Fn(&str) -> u32) {
        let ranked = self.ranked(top, count);
        let threshold = ranked.last().map_or(0, |&(count, _)| count);
        self.keys = ranked.into_iter().map(|(_, key)| key.into()).collect();
        self.threshold = threshold;
    }
}
