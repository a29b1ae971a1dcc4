//! The store of warm timelines: many owners' lists, bounded in memory, shared by readers and fan-out.

use std::iter;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::row::{MAX_ID, Row};
use crate::timeline::list::{List, State};
use crate::timeline::merge::{Merged, Stretch, merge};
use crate::timeline::request::{Append, Limits, Page, Slot, Stats};
use crate::timeline::shard::Shard;

const MAX_SHARDS: usize = 64;
// A smaller share could not hold the lists of a handful of owners.
const MIN_SHARD_BYTES: usize = 1 << 20;

/// Warm timelines of many owners.
///
/// Owners are spread over up to 64 shards with a lock each; readers share a lock, and a fan-out
/// batch takes one owner's at a time, so neither waits for more than one step of the other.
#[derive(Debug)]
pub struct TimelineStore {
    limits: Limits,
    shards: Box<[RwLock<Shard>]>,
    last_token: AtomicU64,
}

impl TimelineStore {
    /// Makes an empty store.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let shards = (limits.max_bytes / MIN_SHARD_BYTES).clamp(1, MAX_SHARDS);
        Self { limits, shards: (0..shards).map(|_| RwLock::default()).collect(), last_token: AtomicU64::new(0) }
    }

    /// Adds every row to every owner's live list that is present, was read lately and reaches down to it.
    ///
    /// Repeating a row changes nothing. Returns how many entries were added. `O(owners · rows)`.
    pub fn append(&self, append: &Append<'_>, now_ms: u64) -> usize {
        let owners = append.owners.iter();
        owners.map(|&owner| self.append_one(owner, append, now_ms)).sum()
    }

    fn append_one(&self, owner: u64, append: &Append<'_>, now_ms: u64) -> usize {
        let Limits { capacity, idle_ttl_ms, .. } = self.limits;
        let mut shard = self.write(owner);
        let state = shard.get(owner, MAX_ID).map_or(State::Absent, |list| list.state(now_ms, idle_ttl_ms));
        if state == State::Absent {
            // It must stay absent from here on: a finish or a page with an earlier time would open a list with a hole.
            shard.retain_owned(owner, |list| list.upper != MAX_ID);
            return 0;
        }
        let added = shard.update(owner, MAX_ID, |list| {
            let wanted = list.read_within(append.read_within_ms, now_ms);
            if wanted { list.append(append.rows, capacity) } else { 0 }
        });
        shard.evict(self.shard_bytes());
        added.unwrap_or(0)
    }

    /// Installs an empty list that is being built, in the place of any older one; returns its token.
    pub fn begin(&self, slot: Slot, version: i64, now_ms: u64) -> u64 {
        let token = 1 + self.last_token.fetch_add(1, Ordering::Relaxed);
        let mut shard = self.write(slot.owner);
        shard.put(slot.owner, List::building(slot.upper, version, token, now_ms));
        shard.evict(self.shard_bytes());
        token
    }

    /// Adds the rebuild's rows to what was appended meanwhile and opens the list to readers.
    ///
    /// `rows` may come in any order; the list is then complete for ids from `floor` up. Returns false,
    /// changing nothing, when the list is no longer the one that `token` began or took too long. `O(n log n)`.
    pub fn finish(&self, slot: Slot, token: u64, rows: Vec<Row>, floor: u64, now_ms: u64) -> bool {
        let mut shard = self.write(slot.owner);
        let finished = shard.update(slot.owner, slot.upper, |list| {
            let in_time = list.state(now_ms, self.limits.idle_ttl_ms) == State::Building;
            let current = in_time && list.is_built_by(token);
            if current {
                list.finish(rows, floor, self.limits.capacity);
            }
            current
        });
        shard.evict(self.shard_bytes());
        finished.unwrap_or(false)
    }

    /// Gives up a rebuild: its list is absent at once.
    pub fn abort(&self, slot: Slot, token: u64) {
        let stays = |list: &List| list.upper != slot.upper || !list.is_built_by(token);
        self.write(slot.owner).retain_owned(slot.owner, stays);
    }

    /// Says whether a list can be read, is being built, or is absent: idle, of another version, or none.
    pub fn state(&self, slot: Slot, version: i64, now_ms: u64) -> State {
        let shard = self.read(slot.owner);
        let list = shard.get(slot.owner, slot.upper);
        list.map_or(State::Absent, |list| list.state_for(version, now_ms, self.limits.idle_ttl_ms))
    }

    /// Merges a ready list with what stands beside it; `None` when the list is not ready.
    ///
    /// Rows below the highest floor among them are left out, for others might be missing there.
    /// `O(lists + k · log lists)` for `k` rows examined, with a look-up in the sources for each.
    pub fn page(&self, slot: Slot, page: &Page<'_>, now_ms: u64) -> Option<Merged> {
        let shard = self.read(slot.owner);
        let list = shard.get(slot.owner, slot.upper)?;
        if list.state_for(page.version, now_ms, self.limits.idle_ttl_ms) != State::Ready {
            return None;
        }
        list.touch(now_ms);
        let lists = iter::once(list.stretch()).chain(page.beside.iter().copied());
        let below = page.below.min(slot.upper);
        Some(merge(lists, page.above, below, page.limit, |row| page.sources.takes(row)))
    }

    /// Hands these live lists to `read`, under the read locks of all shards concerned. `O(owners)`.
    ///
    /// `read` may ask other stores but not this one, which could wait for itself behind a writer.
    ///
    /// # Errors
    /// The owners whose lists are not ready, when there are such.
    pub fn with<T>(&self, owners: &[u64], now_ms: u64, read: impl FnOnce(&[Stretch<'_>]) -> T) -> Result<T, Vec<u64>> {
        let shards = self.read_all(owners);
        let (mut lists, mut unready) = (Vec::with_capacity(owners.len()), Vec::new());
        for &owner in owners {
            match self.ready(&shards, owner, now_ms) {
                Some(list) => lists.push(list.stretch()),
                None => unready.push(owner),
            }
        }
        if unready.is_empty() { Ok(read(&lists)) } else { Err(unready) }
    }

    /// Merges the ready live lists of many owners; lists that are not ready are passed over.
    ///
    /// Rows below the highest floor among them are left out, for others might be missing there.
    /// `O(owners + k · log owners)` for `k` rows examined, under the read locks of all shards concerned.
    pub fn merge(&self, owners: &[u64], above: u64, below: u64, limit: usize, now_ms: u64) -> Merged {
        let shards = self.read_all(owners);
        let lists = owners.iter().filter_map(|&owner| self.ready(&shards, owner, now_ms)).map(List::stretch);
        merge(lists, above, below, limit, |_| true)
    }

    /// A live list that can be read, which counts as read by that.
    fn ready<'a>(&self, shards: &'a Shards<'_>, owner: u64, now_ms: u64) -> Option<&'a List> {
        let list = shards.get(self.shard_of(owner)).get(owner, MAX_ID)?;
        let is_ready = list.state(now_ms, self.limits.idle_ttl_ms) == State::Ready;
        is_ready.then(|| list.touch(now_ms)).map(|()| list)
    }

    /// Forgets all lists of these owners; returns how many there were.
    pub fn forget(&self, owners: &[u64]) -> usize {
        owners.iter().map(|&owner| self.write(owner).retain_owned(owner, |_| false)).sum()
    }

    /// Forgets every list.
    pub fn clear(&self) {
        for shard in &self.shards {
            *lock_to_write(shard) = Shard::default();
        }
    }

    /// Stops serving ids in `low..=high` to an owner, of which some may be missing.
    ///
    /// The live list's floor rises above `high`; segments that reach into the range are forgotten.
    pub fn drop_range(&self, owner: u64, low: u64, high: u64) {
        let mut shard = self.write(owner);
        shard.update(owner, MAX_ID, |list| list.raise_floor(high.saturating_add(1)));
        shard.retain_owned(owner, |list| list.upper == MAX_ID || list.upper <= low || list.floor > high);
    }

    /// Forgets lists that count as absent; returns how many. `O(lists)`.
    pub fn forget_idle(&self, now_ms: u64) -> usize {
        let present = |list: &List| list.state(now_ms, self.limits.idle_ttl_ms) != State::Absent;
        self.shards.iter().map(|shard| lock_to_write(shard).retain(present)).sum()
    }

    /// Counts what is held. `O(lists)`.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for shard in &self.shards {
            let shard = lock_to_read(shard);
            stats.lists += shard.lists().count();
            stats.entries += shard.lists().map(|list| list.rows.len()).sum::<usize>();
            stats.bytes += shard.bytes();
        }
        stats
    }

    fn shard_bytes(&self) -> usize {
        self.limits.max_bytes / self.shards.len()
    }

    // By other bits than the map inside uses, or each map would fill only some of its buckets.
    fn shard_of(&self, owner: u64) -> usize {
        let spread = owner.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 32;
        usize::try_from(spread).unwrap_or(0) % self.shards.len()
    }

    fn read(&self, owner: u64) -> RwLockReadGuard<'_, Shard> {
        lock_to_read(&self.shards[self.shard_of(owner)])
    }

    fn write(&self, owner: u64) -> RwLockWriteGuard<'_, Shard> {
        lock_to_write(&self.shards[self.shard_of(owner)])
    }

    // Always in the order of the shards: a reader that waits holds only lower ones, so no circle can form.
    fn read_all(&self, owners: &[u64]) -> Shards<'_> {
        let wanted = owners.iter().fold(0, |wanted, &owner| wanted | 1 << self.shard_of(owner));
        let held = (0..self.shards.len()).filter(|at| wanted >> at & 1 == 1).map(|at| lock_to_read(&self.shards[at]));
        Shards { wanted, held: held.collect() }
    }
}

/// Some of the shards, locked to read.
#[derive(Debug)]
struct Shards<'a> {
    // A bit a shard: there are 64 at most.
    wanted: u64,
    held: Vec<RwLockReadGuard<'a, Shard>>,
}

impl Shards<'_> {
    fn get(&self, at: usize) -> &Shard {
        let lower = self.wanted & ((1 << at) - 1);
        &self.held[usize::try_from(lower.count_ones()).unwrap_or(0)]
    }
}

// A panic in the middle of a change cannot leave a list that lies: at worst it lacks an append that also failed.
fn lock_to_read(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

fn lock_to_write(shard: &RwLock<Shard>) -> RwLockWriteGuard<'_, Shard> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row;

    fn store(lists: &[Vec<Row>], floor: u64) -> TimelineStore {
        let store = TimelineStore::new(Limits { capacity: 1_000, idle_ttl_ms: 1_000, max_bytes: 64 << 20 });
        for (owner, rows) in (0..).zip(lists) {
            let slot = Slot { owner, upper: MAX_ID };
            let token = store.begin(slot, 0, 0);
            assert!(store.finish(slot, token, rows.clone(), floor, 0));
        }
        store
    }

    #[test]
    fn the_newest_of_many_are_those_of_one_list_of_all() {
        let mut chance = 1_u64;
        let mut draw = |most: u64| {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (chance >> 33) % most
        };
        for _ in 0..300 {
            let row = |tweet, author_word| Row { tweet, author_word, ref_tweet_word: 0, ref_author_word: 0 };
            let lists: Vec<Vec<Row>> = (0..=draw(70))
                .map(|author| {
                    let mut rows: Vec<Row> = (0..draw(9)).map(|_| row(10 + draw(400), author)).collect();
                    row::order(&mut rows);
                    rows
                })
                .collect();
            let (above, below, limit) = (draw(60), 100 + draw(400), 1 + usize::try_from(draw(30)).unwrap());
            let owners: Vec<u64> = (0..lists.len() as u64).collect();
            let keep = |row: &Row| !row.tweet.is_multiple_of(3);
            let found = store(&lists, 5).with(&owners, 0, |lists| merge(lists.to_vec(), above, below, limit, keep));
            let found = found.unwrap();
            let mut ids: Vec<u64> = lists.iter().flatten().map(|row| row.tweet).collect();
            ids.retain(|id| (above.max(4) + 1..below).contains(id) && !id.is_multiple_of(3));
            ids.sort_unstable();
            ids.dedup();
            ids.reverse();
            // All of them down to its reach, and as many as are wanted unless there are no more.
            let shown: Vec<u64> = found.rows.iter().map(|row| row.tweet).collect();
            let due: Vec<u64> = ids.iter().copied().take_while(|id| *id >= found.reach).collect();
            assert_eq!(shown, due);
            assert!(shown.len() == limit || found.reach == above.max(4) + 1);
        }
    }

    #[test]
    fn lists_that_are_not_ready_are_named() {
        let store = store(&[vec![], vec![]], 1);
        store.begin(Slot { owner: 9, upper: MAX_ID }, 0, 0);
        assert_eq!(store.with(&[0, 9, 1, 7], 0, |lists| lists.len()), Err(vec![9, 7]));
        assert_eq!(store.with(&[0, 1], 0, |lists| lists.len()), Ok(2));
        assert_eq!(store.merge(&[0, 9, 1, 7], 0, MAX_ID, 5, 0), Merged { rows: vec![], reach: 1 });
    }
}
