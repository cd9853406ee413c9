//! Application headers: names and values that every message carries beside its payload, like those of NATS, Kafka or
//! AMQP. They are not the 48 bytes of the message itself, which are in `message`.
//!
//! Values are ranges of a text made at set-up. The values of one message are one range, cut into as many parts as there
//! are headers. In process that range is read wherever payload bytes are read. `wire` says how a broker carries
//! headers.

use crate::{digest::digest, message::Message};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// The most headers a message has. Which have come is noted in the bits of one word.
pub const MAX_COUNT: u32 = u64::BITS;

/// The longest value, in bytes.
pub const MAX_VALUE_LEN: u32 = 4 << 10;

/// What all names begin with; a number from 1 follows. Headers with other names are a broker's own.
const PREFIX: &str = "drumpost-";

/// Span over which values start: half of that of payloads, so that both fit into a first-level cache.
const SPREAD_LEN: usize = 8 * 1024;

/// From the start of one flow's values to that of the next. Odd, so every place of the span is used before one comes again.
const STEP: usize = 61;

/// Apart from what payloads are drawn from.
const SEED_OFFSET: u64 = 0x6865_6164_6572_7321;

/// How many headers a message has, and how long their values are. By default none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    count: u32,
    value_len: u32,
}

impl Shape {
    /// No headers.
    pub const NONE: Self = Self { count: 0, value_len: 0 };

    /// `count` headers, 1 to [`MAX_COUNT`], with values of `value_len` bytes, at most [`MAX_VALUE_LEN`]; else `None`.
    #[must_use]
    pub const fn new(count: u32, value_len: u32) -> Option<Self> {
        if count >= 1 && count <= MAX_COUNT && value_len <= MAX_VALUE_LEN {
            Some(Self { count, value_len })
        } else {
            None
        }
    }

    /// How many a message has.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }

    /// How long each value is, in bytes.
    #[must_use]
    pub const fn value_len(self) -> u32 {
        self.value_len
    }

    /// All values of a message together, in bytes.
    pub(crate) const fn values_len(self) -> u32 {
        self.count * self.value_len
    }
}

/// Names, and the text that values are taken from.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderPool {
    shape: Shape,
    names: Box<[Box<str>]>,
    text: Box<str>,
}

impl HeaderPool {
    pub(crate) fn new(seed: u64, shape: Shape) -> Self {
        let len = if shape.values_len() == 0 { 0 } else { SPREAD_LEN + shape.values_len() as usize };
        let mut generator = StdRng::seed_from_u64(seed ^ SEED_OFFSET);
        // Printable and no blank: brokers whose headers are lines cut blanks off.
        let text: String = (0..len).map(|_| char::from(generator.random_range(b'!'..=b'~'))).collect();
        let names = (1..=shape.count).map(|number| format!("{PREFIX}{number}").into()).collect();
        Self { shape, names, text: text.into() }
    }

    /// Without names and values: see [`crate::payload::Pool::planned`].
    pub(crate) fn planned(shape: Shape) -> Self {
        Self { shape, ..Self::default() }
    }

    pub(crate) const fn shape(&self) -> Shape {
        self.shape
    }

    /// All values of a message, one after the other.
    fn values(&self, message: &Message) -> &str {
        if self.text.is_empty() {
            return "";
        }
        let from = (message.number as usize).wrapping_mul(STEP) % SPREAD_LEN;
        &self.text[from..from + self.shape.values_len() as usize]
    }

    /// Names and values of a message.
    pub(crate) fn of<'a>(
        &'a self,
        message: &Message,
    ) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + use<'a> {
        let (values, len) = (self.values(message), self.shape.value_len as usize);
        self.names.iter().enumerate().map(move |(at, name)| (&**name, &values[at * len..(at + 1) * len]))
    }

    /// What goes into a seal: reads every byte of a message's values.
    pub(crate) fn sealed(&self, message: &Message) -> u32 {
        // Turned, so that values and a payload of the same bytes do not make up for each other.
        digest(self.values(message).as_bytes()).rotate_left(16)
    }

    /// Whether those of `received` that are ours are those of `message`: each once, as they were sent, and no more.
    pub(crate) fn are<N: AsRef<str>, V: AsRef<[u8]>>(
        &self,
        message: &Message,
        received: impl IntoIterator<Item = (N, V)>,
    ) -> bool {
        let (values, len) = (self.values(message).as_bytes(), self.shape.value_len as usize);
        let mut missing = u64::MAX.checked_shr(MAX_COUNT - self.shape.count).unwrap_or(0);
        for (name, value) in received {
            let Some(number) = name.as_ref().strip_prefix(PREFIX) else { continue };
            let at = number.parse::<usize>().unwrap_or(0).wrapping_sub(1);
            // A number can be written in several ways, a name in one.
            let is_awaited =
                self.names.get(at).is_some_and(|own| **own == *name.as_ref() && missing >> at & 1 == 1);
            if !is_awaited || *value.as_ref() != values[at * len..(at + 1) * len] {
                return false;
            }
            missing &= !(1 << at);
        }
        missing == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u32) -> Message {
        Message::start(0, number, 0, 0, 0)
    }

    #[test]
    fn shapes_have_bounds() {
        for (count, value_len) in [(0, 1), (65, 1), (1, 4097)] {
            assert_eq!(Shape::new(count, value_len), None);
        }
        for (count, value_len) in [(1, 0), (64, 4096)] {
            let shape = Shape::new(count, value_len).unwrap();
            assert_eq!((shape.count(), shape.value_len()), (count, value_len));
        }
    }

    #[test]
    fn values_are_printable_and_vary_with_message_and_seed() {
        let shape = Shape::new(3, 32).unwrap();
        let pool = HeaderPool::new(1, shape);
        let mut seen = std::collections::HashSet::new();
        for number in 0..5_000 {
            let message = message(number);
            let of: Vec<_> = pool.of(&message).collect();
            assert_eq!(
                of.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
                ["drumpost-1", "drumpost-2", "drumpost-3"]
            );
            for (_, value) in of {
                assert!(value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_graphic()), "{value}");
            }
            assert!(seen.insert(pool.values(&message).to_owned()), "message {number} has another's values");
        }
        assert_eq!(HeaderPool::new(1, shape).text, pool.text);
        assert_ne!(HeaderPool::new(2, shape).text, pool.text);
    }

    #[test]
    fn the_largest_number_and_the_most_headers_are_no_panic() {
        for shape in [Shape::NONE, Shape::new(64, 4096).unwrap(), Shape::new(64, 0).unwrap()] {
            let pool = HeaderPool::new(1, shape);
            let message = message(u32::MAX);
            assert_eq!(pool.of(&message).len(), shape.count() as usize);
            assert!(pool.are(&message, pool.of(&message)));
            assert_eq!(pool.values(&message).len(), shape.values_len() as usize);
        }
    }

    #[test]
    fn every_byte_of_every_value_is_sealed() {
        let pool = HeaderPool::new(1, Shape::new(5, 13).unwrap());
        let message = message(7);
        let from = 7 * STEP;
        for at in from - 1..=from + 5 * 13 {
            let mut text = pool.text.to_string().into_bytes();
            text[at] = if text[at] == b'!' { b'~' } else { b'!' };
            let other = HeaderPool { text: String::from_utf8(text).unwrap().into(), ..pool.clone() };
            let is_ours = (from..from + 5 * 13).contains(&at);
            assert_eq!(other.sealed(&message) != pool.sealed(&message), is_ours, "byte {at}");
        }
    }
}
