//! Rate limits: an exact sliding window for each subject.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A limit: at most `count` units in any `window_s` seconds.
#[derive(Clone, Copy, Debug)]
pub struct Limit<'a> {
    /// Whose windows are apart from those of other limits.
    pub name: &'a str,
    /// Units a window.
    pub count: usize,
    /// Seconds.
    pub window_s: f64,
}

/// What is left of a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// Whether the units were taken.
    pub allowed: bool,
    /// Units left.
    pub remaining: usize,
    /// Until the oldest unit leaves the window or, refused, until so many have left as are wanted.
    pub reset_s: f64,
    /// Gives the units back; 0 when none were taken.
    pub token: u64,
}

#[derive(Debug, Default)]
struct Window {
    // When each unit was taken, and for which token.
    spent: VecDeque<(f64, u64)>,
    used_s: f64,
}

#[derive(Debug, Default)]
struct Windows {
    by_subject: HashMap<String, Window>,
    tokens: u64,
}

/// Windows of many subjects; those unused longest are forgotten above a bound.
#[derive(Debug)]
pub struct RateLimits {
    windows: Mutex<Windows>,
    most: usize,
}

impl RateLimits {
    /// Keeps at most so many windows.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { windows: Mutex::default(), most }
    }

    /// Takes so many units, or none when that would be more than the limit. `O(1)` amortised a unit.
    pub fn spend(&self, limit: Limit<'_>, subject: &str, units: usize, now_s: f64) -> Usage {
        let mut windows = self.lock();
        if windows.by_subject.len() >= self.most {
            windows.make_room(self.most);
        }
        let token = windows.tokens + 1;
        let window = windows.by_subject.entry(key(limit.name, subject)).or_default();
        window.used_s = now_s;
        while window.spent.front().is_some_and(|(at, _)| *at <= now_s - limit.window_s) {
            window.spent.pop_front();
        }
        let left = limit.count.saturating_sub(window.spent.len());
        if units > left {
            // So many of the oldest must leave the window first.
            let last = (units - left).min(window.spent.len()).saturating_sub(1);
            return Usage { allowed: false, remaining: left, reset_s: reset_s(limit, window, now_s, last), token: 0 };
        }
        window.spent.extend(std::iter::repeat_n((now_s, token), units));
        let usage = Usage { allowed: true, remaining: left - units, reset_s: reset_s(limit, window, now_s, 0), token };
        windows.tokens = token;
        usage
    }

    /// Gives back every unit that the token took; unknown tokens are ignored.
    pub fn refund(&self, name: &str, subject: &str, token: u64) {
        if let Some(window) = self.lock().by_subject.get_mut(&key(name, subject)) {
            window.spent.retain(|(_, taken)| *taken != token);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Windows {
    /// Forgets an eighth of the windows, those unused longest, so that the search is paid seldom.
    fn make_room(&mut self, most: usize) {
        let mut used: Vec<f64> = self.by_subject.values().map(|window| window.used_s).collect();
        let place = (most / 8).min(used.len().saturating_sub(1));
        let (_, limit, _) = used.select_nth_unstable_by(place, f64::total_cmp);
        let limit = *limit;
        self.by_subject.retain(|_, window| window.used_s > limit);
    }
}

fn key(name: &str, subject: &str) -> String {
    [name, subject].join("\0")
}

fn reset_s(limit: Limit<'_>, window: &Window, now_s: f64, place: usize) -> f64 {
    // The age first: adding the window to the clock's reading rounds, and a reset beyond the window would be told.
    window.spent.get(place).map_or(limit.window_s, |(at, _)| limit.window_s - (now_s - at))
}
