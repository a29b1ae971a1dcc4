//! Where a key counts in each row.

const SEED: u64 = 0x243F_6A88_85A3_08D3;
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A key's places, one a row.
///
/// Two halves of one hash stand for as many as there are rows: Kirsch and Mitzenmacher,
/// *Less hashing, same performance* (2006).
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    first: u64,
    step: u64,
}

impl Places {
    #[inline]
    pub(super) fn of(key: &str) -> Self {
        let hash = hash(key.as_bytes());
        Self { first: hash, step: (hash >> 32) | 1 }
    }

    /// Returns the key's cell in each of the first rows of `width` cells, a power of two.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "what is cut off the mask would cut off too")]
    pub(super) fn cells<const ROWS: usize>(self, width: usize) -> [usize; ROWS] {
        std::array::from_fn(|row| {
            let place = self.first.wrapping_add(self.step.wrapping_mul(row as u64)) as usize;
            row * width + (place & (width - 1))
        })
    }
}

// Sixteen bytes a step through folded 128-bit products, as wyhash does. Not keyed: sketches of several processes are
// merged, and whoever aims for collisions wins only an overstated count for a tag that moderation sees.
#[inline]
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = SEED ^ bytes.len() as u64;
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk::<16>() {
        let (words, _) = chunk.as_chunks::<8>();
        hash = fold(hash ^ u64::from_le_bytes(words[0]), SPREAD ^ u64::from_le_bytes(words[1]));
        rest = after;
    }
    let (head, tail) = ends(rest);
    fold(fold(hash ^ head, SPREAD ^ tail), SEED)
}

// The first and the last bytes, which overlap where there are few: no loop over single bytes.
#[inline]
fn ends(bytes: &[u8]) -> (u64, u64) {
    if let (Some(head), Some(tail)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return (u64::from_le_bytes(*head), u64::from_le_bytes(*tail));
    }
    if let (Some(head), Some(tail)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return (u64::from(u32::from_le_bytes(*head)), u64::from(u32::from_le_bytes(*tail)));
    }
    match *bytes {
        [] => (0, 0),
        [first, .., last] => (u64::from(first) << 8 | u64::from(last), u64::from(bytes[bytes.len() / 2])),
        [only] => (u64::from(only), 0),
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "both halves are folded into one")]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn short_and_similar_keys_have_places_of_their_own() {
        let mut keys: Vec<String> = (0..5_000).map(|n| format!("tag{n}")).collect();
        keys.extend((0..40).map(|n| "a".repeat(n)));
        keys.extend((0..26).flat_map(|n| [format!("{}b", char::from(b'a' + n)), format!("b{}", char::from(b'a' + n))]));
        let distinct: HashSet<&String> = keys.iter().collect();
        let hashes: HashSet<u64> = distinct.iter().map(|key| hash(key.as_bytes())).collect();
        assert_eq!(hashes.len(), distinct.len());
    }

    #[test]
    fn places_fill_a_row_evenly() {
        let mut row = [0_u32; 64];
        for n in 0..64_000 {
            let [_, _, cell] = Places::of(&format!("tag{n}")).cells(64);
            row[cell - 128] += 1;
        }
        assert!(row.iter().all(|count| (800..1200).contains(count)), "{row:?}");
    }
}
