//! Tokens that the services have verified, by their hashes.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use blake2::Digest;
use blake2::digest::consts::U16;

const MOST: usize = 100_000;

type Hash = [u8; 16];

/// Whom a token is of, and until when, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bearer {
    pub(crate) user: u64,
    pub(crate) session: u64,
    pub(crate) expires_s: f64,
}

/// Verified tokens; beyond a bound those that expired go, and then all.
#[derive(Debug, Default)]
pub(crate) struct Tokens(RwLock<HashMap<Hash, Bearer>>);

impl Tokens {
    pub(crate) fn know(&self, token: &str, bearer: Bearer, now_s: f64) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, held| held.expires_s > now_s);
            if known.len() >= MOST {
                known.clear();
            }
        }
        known.insert(hash(token), bearer);
    }

    pub(crate) fn bearer(&self, token: &str, now_s: f64) -> Option<Bearer> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&hash(token)).copied().filter(|bearer| bearer.expires_s > now_s)
    }
}

fn hash(token: &str) -> Hash {
    blake2::Blake2b::<U16>::digest(token.as_bytes()).into()
}
