//! The invalidation clock: what a fill read before a change must not be kept after it.

use std::sync::atomic::{AtomicU64, Ordering};

const SLOTS: usize = 1 << 14;

/// When each of many keys was last invalidated, by a clock that ticks with every invalidation.
///
/// Keys share 16,384 slots, so now and then a fill is thrown away for another key's sake; it is never kept wrongly.
#[derive(Debug)]
pub(super) struct Stamps {
    clock: AtomicU64,
    // When all of them were.
    floor: AtomicU64,
    slots: Box<[AtomicU64]>,
}

impl Default for Stamps {
    fn default() -> Self {
        Self {
            clock: AtomicU64::new(0),
            floor: AtomicU64::new(0),
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Stamps {
    /// What a fill notes before it reads a store.
    pub(super) fn now(&self) -> u64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// Says that the key changed. What is held of it must be changed after this, under the lock that a fill takes.
    pub(super) fn mark(&self, key: u64) {
        let now = self.clock.fetch_add(1, Ordering::SeqCst) + 1;
        self.slot(key).fetch_max(now, Ordering::SeqCst);
    }

    /// Says that anything may have changed.
    pub(super) fn mark_all(&self) {
        let now = self.clock.fetch_add(1, Ordering::SeqCst) + 1;
        self.floor.fetch_max(now, Ordering::SeqCst);
    }

    /// The same by another clock's time.
    pub(super) fn mark_at(&self, key: u64, now: u64) {
        self.slot(key).fetch_max(now, Ordering::SeqCst);
    }

    /// Whether the key did not change since `then`; asked under the lock under which the fill is put.
    pub(super) fn is_current(&self, key: u64, then: u64) -> bool {
        self.floor.load(Ordering::SeqCst) <= then && self.slot(key).load(Ordering::SeqCst) <= then
    }

    fn slot(&self, key: u64) -> &AtomicU64 {
        let spread = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        &self.slots[usize::try_from(spread).unwrap_or(0) % SLOTS]
    }
}
