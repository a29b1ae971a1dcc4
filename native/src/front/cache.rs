//! A bounded map of ids, shared by readers: what was not asked for lately goes first.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::hash::ById;

const SHARDS: usize = 64;

#[derive(Debug)]
struct Entry<V> {
    value: V,
    bytes: usize,
    // Set by readers, who share the lock; cleared by the hand that looks for what may go.
    was_read: AtomicBool,
}

#[derive(Debug)]
struct Shard<V> {
    entries: HashMap<u64, Entry<V>, ById>,
    // In the order of their coming, where the hand goes round (second chance: Corbató's CLOCK).
    order: VecDeque<u64>,
    bytes: usize,
}

impl<V> Default for Shard<V> {
    fn default() -> Self {
        Self { entries: HashMap::default(), order: VecDeque::new(), bytes: 0 }
    }
}

/// Values by id, within so many bytes, over 64 shards with a lock each.
#[derive(Debug)]
pub(super) struct Cache<V> {
    shards: Box<[RwLock<Shard<V>>]>,
    most_bytes: usize,
    bytes: AtomicUsize,
}

impl<V: Clone> Cache<V> {
    pub(super) fn new(most_bytes: usize) -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        Self { shards, most_bytes, bytes: AtomicUsize::new(0) }
    }

    pub(super) fn get(&self, id: u64) -> Option<V> {
        let shard = self.shard(id).read().unwrap_or_else(PoisonError::into_inner);
        let entry = shard.entries.get(&id)?;
        // Written once, or each reader would take the entry's memory away from all others.
        if !entry.was_read.load(Ordering::Relaxed) {
            entry.was_read.store(true, Ordering::Relaxed);
        }
        Some(entry.value.clone())
    }

    /// Puts a value if `is_current` says, under the lock, that it may still be put.
    pub(super) fn put(&self, id: u64, value: V, bytes: usize, is_current: impl FnOnce() -> bool) {
        self.change(id, |shard| {
            if is_current() {
                shard.put(id, value, bytes);
            }
        });
    }

    /// Puts a value unless there is one.
    pub(super) fn put_new(&self, id: u64, value: V, bytes: usize) {
        self.change(id, |shard| {
            if !shard.entries.contains_key(&id) {
                shard.put(id, value, bytes);
            }
        });
    }

    /// Changes what a value counts for, if it is the one that is meant.
    pub(super) fn reweigh(&self, id: u64, bytes: usize, is_meant: impl FnOnce(&V) -> bool) {
        self.change(id, |shard| {
            if let Some(entry) = shard.entries.get_mut(&id).filter(|entry| is_meant(&entry.value)) {
                shard.bytes = shard.bytes - entry.bytes + bytes;
                entry.bytes = bytes;
            }
        });
    }

    /// Changes a value in place, if it is held.
    pub(super) fn update(&self, id: u64, change: impl FnOnce(&mut V)) {
        self.change(id, |shard| {
            if let Some(entry) = shard.entries.get_mut(&id) {
                change(&mut entry.value);
            }
        });
    }

    pub(super) fn remove(&self, id: u64) {
        self.change(id, |shard| shard.remove(id));
    }

    pub(super) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            self.bytes.fetch_sub(shard.bytes, Ordering::Relaxed);
            *shard = Shard::default();
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn len(&self) -> usize {
        let shards = self.shards.iter();
        shards.map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).entries.len()).sum()
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Shard<V>)) {
        let mut shard = self.shard(id).write().unwrap_or_else(PoisonError::into_inner);
        let before = shard.bytes;
        change(&mut shard);
        shard.shrink(self.most_bytes / SHARDS);
        // Wrapping: what shrinks adds a negative number.
        self.bytes.fetch_add(shard.bytes.wrapping_sub(before), Ordering::Relaxed);
    }

    // By other bits than the map inside uses.
    fn shard(&self, id: u64) -> &RwLock<Shard<V>> {
        let spread = id.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 32;
        &self.shards[usize::try_from(spread).unwrap_or(0) % SHARDS]
    }
}

impl<V> Shard<V> {
    fn put(&mut self, id: u64, value: V, bytes: usize) {
        let entry = Entry { value, bytes, was_read: AtomicBool::new(false) };
        match self.entries.insert(id, entry) {
            Some(before) => self.bytes -= before.bytes,
            None => self.order.push_back(id),
        }
        self.bytes += bytes;
    }

    // Its place in the order stays until the hand comes by.
    fn remove(&mut self, id: u64) {
        if let Some(entry) = self.entries.remove(&id) {
            self.bytes -= entry.bytes;
            // A place a removal is left behind, so a shard full of them is swept.
            if self.order.len() > 2 * self.entries.len() + 64 {
                let entries = &self.entries;
                let mut seen = HashSet::<u64, ById>::default();
                self.order.retain(|id| entries.contains_key(id) && seen.insert(*id));
            }
        }
    }

    fn shrink(&mut self, most_bytes: usize) {
        while self.bytes > most_bytes {
            let Some(id) = self.order.pop_front() else { return };
            match self.entries.get_mut(&id).map(|entry| std::mem::take(entry.was_read.get_mut())) {
                Some(true) => self.order.push_back(id),
                Some(false) => self.remove(id),
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_stays_and_the_rest_makes_room() {
        let cache = Cache::new(SHARDS * 100);
        for id in 0..10_000 {
            cache.put(id, id, 10, || true);
            assert_eq!(cache.get(7).is_some(), id >= 7);
        }
        assert!(cache.bytes() <= SHARDS * 100);
        assert_eq!(cache.bytes(), cache.len() * 10);
        assert!(cache.len() > SHARDS * 5);
    }

    #[test]
    fn bytes_are_those_of_what_is_held_whatever_happens() {
        let cache = Cache::new(SHARDS * 1_000);
        let mut chance = 1_u64;
        for _ in 0..50_000 {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (id, kind) = (chance >> 33 & 1_023, chance >> 60);
            match kind {
                0..8 => cache.put(id, id, 8, || kind != 3),
                8..12 => cache.remove(id),
                12 => cache.update(id, |value| *value += 1),
                _ => assert!(cache.get(id).is_none_or(|value| value >= id)),
            }
        }
        assert_eq!(cache.bytes(), cache.len() * 8);
        cache.clear();
        assert_eq!((cache.bytes(), cache.len()), (0, 0));
    }
}
