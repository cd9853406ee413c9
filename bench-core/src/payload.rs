//! Payload bytes. A pool is made at set-up, and the payload of every message is a range of it.
//!
//! In process the range is read at both ends, so that the bytes are touched as in a real program (`--touch inside`).
//! Over a broker the bytes travel and are compared at the receiver in any case. The workload chooses the sizes. The
//! pool also holds the text of application headers (`headers`).

mod seal;

use crate::{
    digest::digest,
    headers::{HeaderPool, Shape},
    message::Message,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{fmt, str::FromStr};

/// Span over which payloads start; larger than the first-level cache of the machines this was built on would
/// measure memory instead of transports.
const SPREAD_LEN: usize = 16 * 1024;

/// Bytes of a stretch of compressible content: some random ones, then zeros. Short enough that payloads of several KiB have the
/// ratio that was asked for, long enough that what a compressor spends on a run does not matter much.
const STRETCH_LEN: usize = 1024;

/// About what a compressor (deflate) spends on telling of a run of zeros, in bytes.
const RUN_LEN: f64 = 5.0;

/// The content of payloads.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Content {
    /// Random bytes: nothing to compress.
    #[default]
    Random,
    /// Zeros.
    Zero,
    /// Random bytes and zeros, so many times as long as they are compressed, 1 to 20: within 10 % in payloads of 16 KiB and
    /// more, less in shorter ones.
    Compressible(f64),
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random => f.write_str("random"),
            Self::Zero => f.write_str("zero"),
            Self::Compressible(ratio) => write!(f, "compressible:{ratio}"),
        }
    }
}

impl FromStr for Content {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ratio = text.strip_prefix("compressible:").map(|ratio| ratio.trim().parse());
        match (text, ratio) {
            ("random", _) => Ok(Self::Random),
            ("zero", _) => Ok(Self::Zero),
            (_, Some(Ok(ratio))) if (1.0..=20.0).contains(&ratio) => Ok(Self::Compressible(ratio)),
            (_, Some(_)) => {
                Err(format!("`{text}`: the ratio is no number from 1 to 20, such as compressible:4"))
            }
            _ => Err(format!(
                "`{text}` is no content: random, zero or compressible:RATIO, such as compressible:4"
            )),
        }
    }
}

/// Whether the bytes of payloads and application headers are read on the measured path of transports that do not move them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Touch {
    /// When a message is sealed and when it is checked.
    #[default]
    Inside,
    /// Never: seals are of the message's own 48 bytes alone.
    Outside,
}

impl fmt::Display for Touch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inside => "inside",
            Self::Outside => "outside",
        })
    }
}

impl FromStr for Touch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "inside" => Ok(Self::Inside),
            "outside" => Ok(Self::Outside),
            _ => Err(format!("`{text}` is neither inside nor outside")),
        }
    }
}

/// Bytes from which payloads and the values of application headers are taken.
#[derive(Clone, Debug)]
pub struct Pool {
    bytes: Box<[u8]>,
    max_len: u32,
    /// All ones if payloads and headers are sealed, else zero: one test of a length under it answers for empty ones too.
    sealed_mask: u32,
    /// Bytes of application headers that go into every seal.
    sealed_headers_len: u32,
    headers: HeaderPool,
}

impl Pool {
    /// A pool for payloads of up to `max_len` bytes, filled with random bytes from `seed`.
    #[must_use]
    pub fn new(seed: u64, max_len: u32) -> Self {
        Self::of(seed, max_len, Content::Random, Touch::Inside)
    }

    /// A pool for payloads of up to `max_len` bytes of some content, drawn from `seed`.
    #[must_use]
    pub fn of(seed: u64, max_len: u32, content: Content, touch: Touch) -> Self {
        let len = if max_len == 0 { 0 } else { SPREAD_LEN + max_len as usize };
        let mut bytes = vec![0; len].into_boxed_slice();
        let mut generator = StdRng::seed_from_u64(seed);
        match content {
            Content::Random => generator.fill(&mut bytes[..]),
            Content::Zero => {}
            Content::Compressible(ratio) => {
                let compressed_len = STRETCH_LEN as f64 / ratio.max(1.0);
                // At one there is no run to tell of.
                let random_len = if ratio > 1.0 { compressed_len - RUN_LEN } else { compressed_len };
                for stretch in bytes.chunks_mut(STRETCH_LEN) {
                    let random_len = (random_len.round() as usize).min(stretch.len());
                    generator.fill(&mut stretch[..random_len]);
                }
            }
        }
        let sealed_mask = if touch == Touch::Inside { u32::MAX } else { 0 };
        Self { bytes, max_len, sealed_mask, sealed_headers_len: 0, headers: HeaderPool::default() }
    }

    /// A pool that says how long payloads and headers may be and holds no bytes: for a run that is only to be planned. A
    /// payload of it is empty.
    #[must_use]
    pub fn planned(max_len: u32, headers: Shape) -> Self {
        Self {
            bytes: Box::default(),
            max_len,
            sealed_mask: 0,
            sealed_headers_len: 0,
            headers: HeaderPool::planned(headers),
        }
    }

    /// The same with application headers for every message, their values drawn from `seed`.
    #[must_use]
    pub fn with_headers(self, seed: u64, shape: Shape) -> Self {
        let sealed_headers_len = shape.values_len() & self.sealed_mask;
        Self { sealed_headers_len, headers: HeaderPool::new(seed, shape), ..self }
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

    /// The application headers that messages have.
    #[must_use]
    pub const fn headers(&self) -> Shape {
        self.headers.shape()
    }

    pub(crate) const fn header_pool(&self) -> &HeaderPool {
        &self.headers
    }

    /// Bytes of application headers that go into the seal of every message.
    #[inline]
    pub(crate) const fn sealed_headers_len(&self) -> u32 {
        self.sealed_headers_len
    }

    /// What goes into the seal of a message: reads every byte of its payload and of its application headers. 0, and nothing
    /// is read, if there are none or they are not to be touched.
    #[inline]
    #[must_use]
    pub(crate) fn sealed(&self, message: &Message) -> u32 {
        let payload =
            if message.payload_len & self.sealed_mask == 0 { 0 } else { digest(self.payload(message)) };
        if self.sealed_headers_len == 0 { payload } else { payload ^ self.headers.sealed(message) }
    }

    /// What bytes that travelled are compared with: reads every byte of the payload, touched or not; 0 for an empty one.
    #[must_use]
    pub(crate) fn travelled(&self, message: &Message) -> u32 {
        if message.payload_len == 0 { 0 } else { digest(self.payload(message)) }
    }
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
    fn content_and_touch_are_read_as_they_are_written() {
        for text in ["random", "zero", "compressible:1", "compressible:2.5", "compressible:20"] {
            assert_eq!(text.parse::<Content>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "zeros",
            "compressible",
            "compressible:",
            "compressible:0.9",
            "compressible:21",
            "compressible:nan",
        ] {
            let said = bad.parse::<Content>().unwrap_err();
            assert!(said.contains(&format!("`{bad}`")) && said.contains("compressible:4"), "{said}");
        }
        for text in ["inside", "outside"] {
            assert_eq!(text.parse::<Touch>().unwrap().to_string(), text);
        }
        assert!("out".parse::<Touch>().is_err_and(|said| said == "`out` is neither inside nor outside"));
    }

    #[test]
    fn content_compresses_as_it_says() {
        let ratio = |content: Content, len: u32| {
            let pool = Pool::of(3, len, content, Touch::Inside);
            let (mut original, mut compressed) = (0, 0);
            for number in 0..4 {
                let message = Message::start(0, number * 7, 0, 0, len);
                let mut to = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
                std::io::Write::write_all(&mut to, pool.payload(&message)).unwrap();
                original += len;
                compressed += to.finish().unwrap().len();
            }
            f64::from(original) / compressed as f64
        };
        for len in [16 << 10, 128 << 10] {
            for asked in [1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 8.0, 12.0, 20.0] {
                let found = ratio(Content::Compressible(asked), len);
                assert!((found / asked - 1.0).abs() < 0.1, "{asked} was asked for, {len} bytes have {found}");
            }
            assert!((ratio(Content::Random, len) - 1.0).abs() < 0.01);
            assert!(ratio(Content::Zero, len) > 100.0);
        }
    }

    #[test]
    fn a_payload_that_is_not_touched_is_in_no_seal() {
        let seal = |seed, touch| {
            let pool = Pool::of(seed, 64, Content::Random, touch);
            let mut message = Message::start(0, 5, 0, 0, 64);
            message.stamp(10, &pool);
            assert!(message.intact(&pool));
            message
        };
        let intact =
            |message: Message, seed, touch| message.intact(&Pool::of(seed, 64, Content::Random, touch));
        // Other bytes at the far end are noticed only if they are looked at.
        assert!(!intact(seal(1, Touch::Inside), 2, Touch::Inside));
        assert!(intact(seal(1, Touch::Outside), 2, Touch::Outside));
        let mut damaged = seal(1, Touch::Outside);
        damaged.key ^= 1;
        assert!(!intact(damaged, 1, Touch::Outside), "the message itself is sealed either way");
    }

    #[test]
    fn headers_are_in_the_seal_if_they_are_touched() {
        let pool = |seed, touch, payload_len| {
            let shape = Shape::new(2, 20).unwrap();
            Pool::of(1, payload_len, Content::Random, touch).with_headers(seed, shape)
        };
        for payload_len in [0, 64] {
            let intact = |touch, seed| {
                let mut message = Message::start(0, 5, 0, 0, payload_len);
                message.stamp(10, &pool(1, touch, payload_len));
                message.intact(&pool(seed, touch, payload_len))
            };
            assert!(intact(Touch::Inside, 1) && intact(Touch::Outside, 1));
            // Other values at the far end are noticed only if they are looked at.
            assert!(!intact(Touch::Inside, 2));
            assert!(intact(Touch::Outside, 2));
        }
    }

    #[test]
    fn headers_move_no_payload() {
        let (without, message) = (Pool::new(1, 64), Message::start(0, 5, 0, 0, 64));
        let with = without.clone().with_headers(1, Shape::new(2, 20).unwrap());
        assert_eq!(with.payload(&message), without.payload(&message));
    }

    #[test]
    fn a_damaged_length_is_no_panic() {
        let pool = Pool::new(1, 64);
        let message = Message::start(0, u32::MAX, 0, 0, u32::MAX);
        assert!(pool.payload(&message).len() <= SPREAD_LEN + 64);
    }
}
