//! The clocks of the core: wall time for ids, boot time for leases, and business time, which tests may move.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

// A lease must run out while the machine sleeps. Elsewhere than on Linux the monotonic clock is the nearest thing.
#[cfg(target_os = "linux")]
const BOOT_CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const BOOT_CLOCK: ClockId = ClockId::Monotonic;

/// Returns the system's wall clock in milliseconds since 1970; 0 when it stands before that.
#[must_use]
pub fn system_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or(Duration::ZERO).as_millis()).unwrap_or(u64::MAX)
}

/// Returns nanoseconds since the machine booted, suspension included.
///
/// ```
/// use aviary_native::clock::boottime_ns;
/// let before = boottime_ns();
/// assert!(boottime_ns() >= before);
/// ```
#[must_use]
pub fn boottime_ns() -> u64 {
    let time = clock_gettime(BOOT_CLOCK);
    let (seconds, nanos) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// Business time: the wall clock plus an offset that only grows, so that tests can move it; it never steps back.
#[derive(Debug, Default)]
pub struct BusinessClock {
    offset_ms: AtomicU64,
    last_ms: AtomicU64,
}

impl BusinessClock {
    /// Milliseconds since 1970, never less than before.
    pub fn now_ms(&self) -> u64 {
        let now = system_ms().saturating_add(self.offset_ms.load(Ordering::SeqCst));
        now.max(self.last_ms.fetch_max(now, Ordering::SeqCst))
    }

    /// Moves it forward.
    pub fn advance(&self, ms: u64) {
        self.offset_ms.fetch_add(ms, Ordering::SeqCst);
    }
}
