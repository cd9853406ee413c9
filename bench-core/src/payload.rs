//! Payload bytes: a pool made at set-up, of which every message's payload is a range.
//!
//! In process the range is read at both ends (so the bytes are touched, as a real program would);
//! over a broker the bytes travel and are compared at the far end. How long payloads are is the workload's business.

use crate::message::Message;
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Span over which payloads start; larger than the first-level cache of the machines this was built on would
/// measure memory instead of transports.
const SPREAD_LEN: usize = 16 * 1024;

/// Random bytes from which payloads are taken.
#[derive(Clone, Debug)]
pub struct Pool {
    bytes: Box<[u8]>,
    max_len: u32,
}

impl Pool {
    /// A pool for payloads of up to `max_len` bytes, filled from `seed`.
    #[must_use]
    pub fn new(seed: u64, max_len: u32) -> Self {
        let len = if max_len == 0 { 0 } else { SPREAD_LEN + max_len as usize };
        let mut bytes = vec![0; len].into_boxed_slice();
        StdRng::seed_from_u64(seed).fill(&mut bytes[..]);
        Self { bytes, max_len }
    }

    /// The longest payload it serves, in bytes.
    #[must_use]
    pub const fn max_len(&self) -> u32 {
        self.max_len
    }

    /// The payload of a message. Shorter than asked if the header was damaged and asks for more than there is.
    #[inline]
    #[must_use]
    pub fn payload(&self, message: &Message) -> &[u8] {
        if message.payload_len == 0 || self.bytes.is_empty() {
            return &[];
        }
        let from = (message.number as usize).wrapping_mul(64) % SPREAD_LEN;
        let to = (from + message.payload_len as usize).min(self.bytes.len());
        &self.bytes[from..to]
    }

    /// Reads every byte of the payload of a message; 0 for an empty one.
    #[inline]
    #[must_use]
    pub(crate) fn digest(&self, message: &Message) -> u32 {
        if message.payload_len == 0 { 0 } else { digest(self.payload(message)) }
    }
}

/// Digest of payload bytes, four independent accumulators wide so that reading, not hashing, is what it costs.
#[must_use]
pub(crate) fn digest(bytes: &[u8]) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let word = |eight: &[u8]| {
        let mut word = [0; 8];
        word[..eight.len()].copy_from_slice(eight);
        u64::from_le_bytes(word)
    };
    let mut sums = [bytes.len() as u64, 1, 2, 3];
    let mut blocks = bytes.chunks_exact(32);
    for block in &mut blocks {
        for (sum, eight) in sums.iter_mut().zip(block.chunks_exact(8)) {
            *sum = (*sum ^ word(eight)).wrapping_mul(FACTOR);
        }
    }
    for eight in blocks.remainder().chunks(8) {
        sums[0] = (sums[0] ^ word(eight)).wrapping_mul(FACTOR).rotate_left(23);
    }
    let sum = sums.into_iter().fold(0_u64, |all, sum| (all ^ sum ^ (sum >> 29)).wrapping_mul(FACTOR));
    (sum >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_counts() {
        for len in [1_usize, 7, 8, 31, 32, 33, 100] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let whole = digest(&bytes);
            for at in 0..len {
                let mut other = bytes.clone();
                other[at] ^= 0x10;
                assert_ne!(digest(&other), whole, "byte {at} of {len}");
            }
            assert_ne!(digest(&bytes[..len - 1]), whole);
        }
    }

    #[test]
    fn a_damaged_length_is_no_panic() {
        let pool = Pool::new(1, 64);
        let message = Message::start(0, u32::MAX, 0, 0, u32::MAX);
        assert!(pool.payload(&message).len() <= SPREAD_LEN + 64);
    }
}
