//! What the processes of a fleet tell each other's fronts.
//!
//! A writer tells of its events before it acknowledges them, and whoever publishes them tells again, in case the writer
//! died. Both make what is held stale, so that order and repeats do not matter.

use std::collections::{HashSet, VecDeque};
use std::sync::PoisonError;

use prost::Message;

use crate::front::Front;
use crate::front::events::Event;
use crate::hash::ById;
use crate::wire::Malformed;

/// Of the clocks of two processes.
pub(super) const SKEW_MS: u64 = 10_000;
// An event's second telling comes within seconds of the first.
const REMEMBERED: usize = 16_384;

const EVENT: u8 = b'e';
const COUNTED: u8 = b'c';
const TIERS: u8 = b't';

/// The ids of the events that were heard of lately.
#[derive(Debug, Default)]
pub(super) struct Heard {
    ids: HashSet<u64, ById>,
    order: VecDeque<u64>,
}

impl Heard {
    fn is_new(&mut self, id: u64) -> bool {
        if !self.ids.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

impl Front {
    /// Whether other processes write what is held here.
    pub(super) const fn is_shared(&self) -> bool {
        self.news.is_some()
    }

    /// Takes in one piece of news: `e` and an encoded aviary.events.v1.Event, `c` and the ids of tweets whose counts
    /// changed, eight bytes each in little endian, or `t` when authors changed their tiers.
    ///
    /// # Errors
    /// [`Malformed`] for anything else.
    pub fn hear(&self, piece: &[u8], now_ms: u64) -> Result<(), Malformed> {
        match piece.split_first() {
            Some((&EVENT, event)) => self.hear_event(&Event::decode(event).map_err(|_| Malformed)?, now_ms),
            Some((&COUNTED, ids)) => {
                let (ids, rest) = ids.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(Malformed);
                }
                for id in ids {
                    self.recount(u64::from_le_bytes(*id));
                }
            }
            Some((&TIERS, [])) => self.tiers_changed(),
            _ => return Err(Malformed),
        }
        Ok(())
    }

    fn hear_event(&self, event: &Event, now_ms: u64) {
        let is_new = self
            .news
            .as_ref()
            .is_none_or(|heard| heard.lock().unwrap_or_else(PoisonError::into_inner).is_new(event.id.cast_unsigned()));
        if is_new {
            self.take_in(event, now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_lately_is_known_and_the_rest_forgotten() {
        let mut heard = Heard::default();
        for id in 0..2 * REMEMBERED as u64 {
            assert!(heard.is_new(id));
            assert!(!heard.is_new(id));
        }
        assert_eq!((heard.ids.len(), heard.order.len()), (REMEMBERED, REMEMBERED));
        assert!(heard.is_new(0));
    }
}
