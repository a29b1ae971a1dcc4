//! Maps by id: one multiplication, for ids are minted here, so nobody can aim for collisions.

use std::hash::{BuildHasherDefault, Hasher};

/// Builds the hashers of a map by id.
pub type ById = BuildHasherDefault<IdHasher>;

/// Spreads an id over all bits.
#[derive(Debug, Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        let product = u128::from(self.0 ^ id) * 0x9E37_79B9_7F4A_7C15;
        #[expect(clippy::cast_possible_truncation, reason = "both halves are folded into one")]
        let folded = (product >> 64) as u64 ^ product as u64;
        self.0 = folded;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
