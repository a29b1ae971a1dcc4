//! A part of the store under one lock, with its share of the memory.

use std::collections::HashMap;

use crate::hash::ById;
use crate::row::MAX_ID;
use crate::timeline::list::List;

/// One owner's lists: the live one, and read-only segments of older tweets.
#[derive(Debug, Default)]
pub(super) struct Owned {
    live: Option<List>,
    deep: Vec<List>,
}

impl Owned {
    pub(super) fn get(&self, upper: u64) -> Option<&List> {
        if upper == MAX_ID { self.live.as_ref() } else { self.deep.iter().find(|list| list.upper == upper) }
    }

    fn get_mut(&mut self, upper: u64) -> Option<&mut List> {
        if upper == MAX_ID { self.live.as_mut() } else { self.deep.iter_mut().find(|list| list.upper == upper) }
    }

    fn put(&mut self, list: List) {
        self.retain(|held| held.upper != list.upper);
        if list.upper == MAX_ID { self.live = Some(list) } else { self.deep.push(list) }
    }

    fn retain(&mut self, keep: impl Fn(&List) -> bool) {
        self.live = self.live.take().filter(&keep);
        self.deep.retain(keep);
    }

    pub(super) fn lists(&self) -> impl Iterator<Item = &List> {
        self.live.iter().chain(&self.deep)
    }
}

/// Lists by owner, with the bytes they take.
#[derive(Debug, Default)]
pub(super) struct Shard {
    owners: HashMap<u64, Owned, ById>,
    bytes: usize,
}

impl Shard {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn lists(&self) -> impl Iterator<Item = &List> {
        self.owners.values().flat_map(Owned::lists)
    }

    pub(super) fn get(&self, owner: u64, upper: u64) -> Option<&List> {
        self.owners.get(&owner)?.get(upper)
    }

    pub(super) fn put(&mut self, owner: u64, list: List) {
        self.change(owner, |owned| owned.put(list));
    }

    /// Changes a list in place and keeps account of its bytes.
    pub(super) fn update<T>(&mut self, owner: u64, upper: u64, change: impl FnOnce(&mut List) -> T) -> Option<T> {
        let list = self.owners.get_mut(&owner)?.get_mut(upper)?;
        let before = list.bytes();
        let result = change(list);
        self.bytes = self.bytes + list.bytes() - before;
        Some(result)
    }

    /// Keeps those lists of an owner that `keep` accepts; returns how many went.
    pub(super) fn retain_owned(&mut self, owner: u64, keep: impl Fn(&List) -> bool) -> usize {
        if !self.owners.contains_key(&owner) {
            return 0;
        }
        self.change(owner, |owned| {
            let before = owned.lists().count();
            owned.retain(keep);
            before - owned.lists().count()
        })
    }

    /// Keeps those lists of all owners that `keep` accepts; returns how many went.
    pub(super) fn retain(&mut self, keep: impl Fn(&List) -> bool) -> usize {
        let before = self.lists().count();
        self.owners.retain(|_, owned| {
            owned.retain(&keep);
            owned.lists().next().is_some()
        });
        self.bytes = self.owners.values().map(owned_bytes).sum();
        before - self.lists().count()
    }

    /// Forgets the lists read longest ago until at most `max_bytes` are held; returns how many went.
    ///
    /// An eighth more than needed goes at once, so that the search is paid seldom.
    pub(super) fn evict(&mut self, max_bytes: usize) -> usize {
        if self.bytes <= max_bytes {
            return 0;
        }
        let mut by_age: Vec<(u64, usize)> = self.lists().map(|list| (list.read_ms(), list.bytes())).collect();
        by_age.sort_unstable();
        let mut excess = self.bytes.saturating_sub(max_bytes - max_bytes / 8);
        let mut newest_gone = 0;
        for (read_ms, bytes) in by_age {
            newest_gone = read_ms;
            excess = excess.saturating_sub(bytes);
            if excess == 0 {
                break;
            }
        }
        self.retain(|list| list.read_ms() > newest_gone)
    }

    fn change<T>(&mut self, owner: u64, change: impl FnOnce(&mut Owned) -> T) -> T {
        let owned = self.owners.entry(owner).or_default();
        let before = owned_bytes(owned);
        let result = change(owned);
        let after = owned_bytes(owned);
        self.bytes = self.bytes + after - before;
        if owned.lists().next().is_none() {
            self.owners.remove(&owner);
        }
        result
    }
}

fn owned_bytes(owned: &Owned) -> usize {
    owned.lists().map(List::bytes).sum()
}
