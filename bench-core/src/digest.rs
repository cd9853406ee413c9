//! The digest of bytes, for the seals of payloads and application headers.

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
