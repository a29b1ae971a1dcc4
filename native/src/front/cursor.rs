//! The positions at which pages go on, as Python's `Cursors` writes and reads them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blake2::Blake2bMac;
use blake2::digest::Mac;
use blake2::digest::consts::U8;

const PAYLOAD: usize = 16;
const TAG: usize = 8;

type Sealer = Blake2bMac<U8>;

/// Seals positions with a key of the deployment, each for one list of one caller.
pub(super) struct Cursors(Box<[u8]>);

impl std::fmt::Debug for Cursors {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Cursors")
    }
}

impl Cursors {
    /// `key` has up to 64 bytes.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        <Sealer as Mac>::new_from_slice(key).ok().map(|_| Self(key.into()))
    }

    pub(super) fn encode(&self, scope: &str, position: u64) -> String {
        let mut raw = [0; PAYLOAD + TAG];
        raw[..8].copy_from_slice(&position.to_le_bytes());
        let tag = self.mac(scope, &raw[..PAYLOAD]).finalize().into_bytes();
        raw[PAYLOAD..].copy_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(raw)
    }

    /// The position and the hint beside it; nothing for what was not sealed for this list.
    pub(super) fn decode(&self, scope: &str, cursor: &str) -> Option<(u64, u64)> {
        let raw: [u8; PAYLOAD + TAG] = URL_SAFE_NO_PAD.decode(cursor).ok()?.try_into().ok()?;
        self.mac(scope, &raw[..PAYLOAD]).verify_slice(&raw[PAYLOAD..]).ok()?;
        let (words, _) = raw.as_chunks::<8>();
        Some((u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])))
    }

    fn mac(&self, scope: &str, payload: &[u8]) -> Sealer {
        let mut mac =
            <Sealer as Mac>::new_from_slice(&self.0).expect("a key whose length was tried when this was made");
        mac.update(scope.as_bytes());
        mac.update(b"\0");
        mac.update(payload);
        mac
    }
}
