//! What calls wait for, on its way to those who do it: a queue, and a byte on a socket that wakes its reader.

use std::collections::HashMap;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

#[derive(Debug)]
struct Queue<W, A> {
    wanted: Vec<(u64, W)>,
    waiting: HashMap<u64, oneshot::Sender<A>>,
    tickets: u64,
}

/// Wishes of one kind, each with a ticket, and who waits for their answers.
#[derive(Debug)]
pub(crate) struct Wishes<W, A> {
    queue: Mutex<Queue<W, A>>,
    bell: Arc<UnixStream>,
    most: usize,
}

impl<W, A> Wishes<W, A> {
    /// `bell` is written a byte to whenever there is something to take where there was nothing; no more than `most`
    /// wait, for who is behind is not given more to do.
    pub(crate) fn new(bell: Arc<UnixStream>, most: usize) -> Self {
        let queue = Queue { wanted: Vec::new(), waiting: HashMap::new(), tickets: 0 };
        Self { queue: Mutex::new(queue), bell, most }
    }

    /// Leaves a wish; nothing is answered when too many wait already.
    pub(crate) fn ask(&self, wish: W) -> Option<oneshot::Receiver<A>> {
        let mut queue = self.lock();
        if queue.waiting.len() >= self.most {
            return None;
        }
        queue.tickets += 1;
        let ticket = queue.tickets;
        let (done, answer) = oneshot::channel();
        queue.waiting.insert(ticket, done);
        queue.wanted.push((ticket, wish));
        if queue.wanted.len() == 1 {
            // A bell whose buffer is full rings already; one whose other end is gone has nobody to hear it.
            let _ = (&*self.bell).write(&[1]);
        }
        Some(answer)
    }

    /// Takes all that is wanted, with its tickets.
    pub(crate) fn take(&self) -> Vec<(u64, W)> {
        std::mem::take(&mut self.lock().wanted)
    }

    /// Answers a wish.
    pub(crate) fn done(&self, ticket: u64, answer: A) {
        if let Some(waiting) = self.lock().waiting.remove(&ticket) {
            // Whoever asked may have gone.
            let _ = waiting.send(answer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue<W, A>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
