//! Sessions and users that are refused though their tokens are still valid.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::hash::ById;

const TIDY_AT: usize = 10_000;

/// Ids with the time, in seconds since 1970, until which they are refused.
#[derive(Debug)]
pub struct DenyList(RwLock<Denied>);

#[derive(Debug)]
struct Denied {
    until: HashMap<u64, f64, ById>,
    tidy_at: usize,
}

impl Default for DenyList {
    fn default() -> Self {
        Self(RwLock::new(Denied { until: HashMap::default(), tidy_at: TIDY_AT }))
    }
}

impl DenyList {
    /// Refuses an id for so many seconds from `now_s`. `O(1)` amortised: what is over is swept now and then.
    pub fn refuse(&self, id: u64, for_s: f64, now_s: f64) {
        let mut denied = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if denied.until.len() >= denied.tidy_at {
            denied.until.retain(|_, until| *until > now_s);
            // Twice what is left, so that sweeping costs each entry a constant.
            denied.tidy_at = TIDY_AT.max(2 * denied.until.len());
        }
        denied.until.insert(id, now_s + for_s);
    }

    /// Whether the id is refused.
    #[must_use]
    pub fn contains(&self, id: u64, now_s: f64) -> bool {
        let denied = self.0.read().unwrap_or_else(PoisonError::into_inner);
        denied.until.get(&id).is_some_and(|until| *until > now_s)
    }
}
