//! Tokens that the services have verified, by their hashes.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

const MOST: usize = 100_000;

type Hash = [u8; SHA256_OUTPUT_LEN];

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
    digest(&SHA256, token.as_bytes()).as_ref().try_into().expect("the length of this digest")
}
