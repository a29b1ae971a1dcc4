//! What pages miss, on its way to whoever fills it: a queue, and a byte on a socket that wakes its reader.

use std::collections::HashMap;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::front::Miss;

// As many as may wait; a service that is behind is not given more to do twice.
const MOST: usize = 256;

/// A miss that waits to be filled.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) ticket: u64,
    pub(crate) viewer: u64,
    pub(crate) miss: Miss,
}

#[derive(Debug, Default)]
struct Queue {
    wanted: Vec<Wanted>,
    waiting: HashMap<u64, oneshot::Sender<bool>>,
    tickets: u64,
}

#[derive(Debug)]
pub(crate) struct Misses {
    queue: Mutex<Queue>,
    bell: UnixStream,
}

impl Misses {
    /// `bell` is written a byte to whenever there is something to take where there was nothing.
    pub(crate) fn new(bell: UnixStream) -> Self {
        Self { queue: Mutex::default(), bell }
    }

    /// Asks for what a page misses. True is answered when it was put; nothing when too much waits already.
    pub(crate) fn ask(&self, viewer: u64, miss: Miss) -> Option<oneshot::Receiver<bool>> {
        let mut queue = self.lock();
        if queue.waiting.len() >= MOST {
            return None;
        }
        queue.tickets += 1;
        let ticket = queue.tickets;
        let (done, answer) = oneshot::channel();
        queue.waiting.insert(ticket, done);
        queue.wanted.push(Wanted { ticket, viewer, miss });
        if queue.wanted.len() == 1 {
            // A bell whose buffer is full rings already; one whose other end is gone has nobody to hear it.
            let _ = (&self.bell).write(&[1]);
        }
        Some(answer)
    }

    /// Takes all that is wanted.
    pub(crate) fn take(&self) -> Vec<Wanted> {
        std::mem::take(&mut self.lock().wanted)
    }

    /// Says that a miss was filled, or could not be.
    pub(crate) fn done(&self, ticket: u64, is_put: bool) {
        if let Some(waiting) = self.lock().waiting.remove(&ticket) {
            // Whoever asked may have gone.
            let _ = waiting.send(is_put);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
