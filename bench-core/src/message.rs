//! The message that every transport carries: 48 bytes, the same for all of them.
//!
//! Lives here: its layout, its time stamps and the digest of its fields. Does not live here: its bytes on a wire (`wire`), its
//! payload (`payload`), the seal over both (`payload::seal`) and its application headers (`headers`).

/// The kind of a message (`OrderPlaced`), as an index into the scenario's kinds; 0 is [`Kind::START`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub u16);

impl Kind {
    /// The kind that a load passes to a service to start a flow. It never travels.
    pub const START: Kind = Kind(0);
}

/// The longest time a stamp can hold, in nanoseconds since the clock's epoch: 48 bits, 78 hours.
pub const STAMP_MAX_NS: u64 = (1 << 48) - 1;

/// How long a trial may last, in nanoseconds since the clock's epoch. It ends as failed before stamps run out of bits and
/// begin at zero again: an hour is left for what was under way.
pub const TRIAL_MAX_NS: u64 = STAMP_MAX_NS - 3_600_000_000_000;

/// One message. `Copy`, 48 bytes, no pointers.
///
/// Three 48-bit stamps share their words with three 16-bit lane numbers, so that a message carries when its flow
/// was due, when the flow was first handed to a transport, and when this hop was: response, service and hop
/// time come out at the flow's end without a table of flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Message {
    due_producer: u64,
    sent_reply_to: u64,
    first_origin: u64,
    /// Number of the flow at its origin; with [`Message::origin`] the correlation identifier.
    pub number: u32,
    /// Number of this message among those its producer sent to its destination.
    pub seq: u32,
    /// Key that orders, partitions and decides (a payment's card, say).
    pub key: u32,
    /// Length of the payload in bytes; the bytes are a range of the pool ([`crate::payload::Pool`]).
    pub payload_len: u32,
    check: u32,
    /// The kind of the message.
    pub kind: Kind,
    /// Destination it travels to, as an index into the wiring.
    pub destination: u16,
}

/// Bytes of one [`Message`], in memory and on the wire.
pub const MESSAGE_LEN: usize = 48;
const _: () = assert!(size_of::<Message>() == MESSAGE_LEN);

const ID_BITS: u32 = 16;
const ID_MASK: u64 = (1 << ID_BITS) - 1;
/// Stamp of what was not offered yet.
pub(crate) const NOT_SENT: u64 = STAMP_MAX_NS;

/// The stamp of a word that has one.
#[inline]
pub(crate) const fn stamp_of(word: u64) -> u64 {
    word >> ID_BITS
}

const fn with_stamp(word: u64, stamp_ns: u64) -> u64 {
    (stamp_ns << ID_BITS) | (word & ID_MASK)
}

const fn with_id(word: u64, id: u16) -> u64 {
    (word & !ID_MASK) | id as u64
}

impl Message {
    /// The start of a flow, as the load gives it to a handler; `due_ns` is when it was planned.
    #[must_use]
    pub fn start(origin: u16, number: u32, due_ns: u64, key: u32, payload_len: u32) -> Self {
        Self {
            due_producer: with_stamp(u64::from(origin), due_ns),
            first_origin: with_stamp(u64::from(origin), NOT_SENT),
            number,
            key,
            payload_len,
            kind: Kind::START,
            ..Self::default()
        }
    }

    /// Makes a start that of another flow of the same origin.
    #[inline]
    pub(crate) fn restart(&mut self, number: u32, due_ns: u64, key: u32, payload_len: u32) {
        self.due_producer = with_stamp(self.due_producer, due_ns);
        self.number = number;
        self.key = key;
        self.payload_len = payload_len;
    }

    /// When the flow was planned, in ns since the clock's epoch.
    #[must_use]
    pub const fn due_ns(&self) -> u64 {
        stamp_of(self.due_producer)
    }

    /// When this hop was handed to the transport, in ns since the clock's epoch.
    #[must_use]
    pub const fn sent_ns(&self) -> u64 {
        stamp_of(self.sent_reply_to)
    }

    /// When the flow's first message was handed to the transport, in ns since the clock's epoch.
    #[must_use]
    pub const fn first_sent_ns(&self) -> u64 {
        stamp_of(self.first_origin)
    }

    /// Lane that sent this message.
    #[must_use]
    pub const fn producer(&self) -> u16 {
        (self.due_producer & ID_MASK) as u16
    }

    /// The service instance that waits for the reply to this request, carried on into the reply. Instances and their lanes have the
    /// same numbers, those of [`crate::wiring::Wiring`].
    #[must_use]
    pub const fn reply_to(&self) -> u16 {
        (self.sent_reply_to & ID_MASK) as u16
    }

    /// Producer and destination: the same for all messages of one stream.
    #[inline]
    pub(crate) const fn stream(&self) -> u64 {
        (self.due_producer & ID_MASK) << ID_BITS | self.destination as u64
    }

    /// First stamp and origin: the same for flows that one lane handed over together.
    #[inline]
    pub(crate) const fn first_sent_and_origin(&self) -> u64 {
        self.first_origin
    }

    /// Lane whose load started the flow.
    #[must_use]
    pub const fn origin(&self) -> u16 {
        (self.first_origin & ID_MASK) as u16
    }

    /// The message that `self` causes: same flow, new hop, not yet stamped. Lanes make every message this way; it is
    /// public for loops written by hand, which are what the engine is measured against.
    #[inline]
    #[must_use]
    pub fn caused(&self, kind: Kind, destination: u16, producer: u16, seq: u32) -> Self {
        Self {
            due_producer: with_id(self.due_producer, producer),
            // Of a flow's first message, and of no other, this is as the flow's first stamp.
            sent_reply_to: with_stamp(self.sent_reply_to, NOT_SENT),
            kind,
            destination,
            seq,
            ..*self
        }
    }

    /// Says which lane waits for the reply to this request.
    #[inline]
    pub fn set_reply_to(&mut self, lane: u16) {
        self.sent_reply_to = with_id(self.sent_reply_to, lane);
    }

    /// Stamps the hop as handed over at `now_ns`, and the flow too if this is its first hop. Its seal is then out of date.
    #[inline]
    pub(crate) fn set_stamps(&mut self, now_ns: u64) {
        if self.first_sent_ns() == self.sent_ns() {
            self.first_origin = with_stamp(self.first_origin, now_ns);
        }
        self.sent_reply_to = with_stamp(self.sent_reply_to, now_ns);
    }

    /// The checksum that the message carries.
    #[inline]
    pub(crate) const fn check(&self) -> u32 {
        self.check
    }

    /// Replaces the checksum that the message carries.
    #[inline]
    pub(crate) const fn set_check(&mut self, check: u32) {
        self.check = check;
    }

    /// Marks a received message whose payload or application headers were not those the sender sealed: `difference` is 0
    /// when they agree.
    pub(crate) fn mix_check(&mut self, difference: u32) {
        self.check ^= difference;
    }

    /// Multilinear hash of all fields but the checksum: independent multiplications, so about three nanoseconds.
    /// Lemire and Kaser, "Strongly universal string hashing is fast" (2014), §3.
    #[inline]
    pub(crate) fn digest(&self) -> u32 {
        let words = [
            (self.due_producer, 0x9e37_79b9_7f4a_7c15),
            (self.sent_reply_to, 0xbf58_476d_1ce4_e5b9),
            (self.first_origin, 0x94d0_49bb_1331_11eb),
            (u64::from(self.number) | u64::from(self.seq) << 32, 0xd6e8_feb8_6659_fd93),
            (u64::from(self.key) | u64::from(self.payload_len) << 32, 0xa076_1d64_78bd_642f),
            (u64::from(self.kind.0) | u64::from(self.destination) << 16, 0xe703_7ed1_a0b4_28db_u64),
        ];
        let sum = words.iter().fold(0x8ebc_6af0_9c88_c6e3_u64, |sum, (word, factor)| {
            sum.wrapping_add((word ^ (word >> 32)).wrapping_mul(*factor))
        });
        (sum >> 32) as u32
    }

    pub(crate) fn to_words(self) -> [u64; 6] {
        [
            self.due_producer,
            self.sent_reply_to,
            self.first_origin,
            u64::from(self.number) | u64::from(self.seq) << 32,
            u64::from(self.key) | u64::from(self.payload_len) << 32,
            u64::from(self.check) | u64::from(self.kind.0) << 32 | u64::from(self.destination) << 48,
        ]
    }

    pub(crate) fn from_words(words: [u64; 6]) -> Self {
        Self {
            due_producer: words[0],
            sent_reply_to: words[1],
            first_origin: words[2],
            number: words[3] as u32,
            seq: (words[3] >> 32) as u32,
            key: words[4] as u32,
            payload_len: (words[4] >> 32) as u32,
            check: words[5] as u32,
            kind: Kind((words[5] >> 32) as u16),
            destination: (words[5] >> 48) as u16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Pool;

    #[test]
    fn the_first_hop_stamps_the_flow_and_later_hops_do_not() {
        let pool = Pool::new(1, 0);
        let start = Message::start(7, 42, 1_000, 5, 0);
        let mut first = start.caused(Kind(1), 0, 7, 0);
        first.stamp(1_200, &pool);
        first.stamp(1_500, &pool); // refused once by a full transport, then accepted
        assert_eq!((first.due_ns(), first.first_sent_ns(), first.sent_ns()), (1_000, 1_500, 1_500));
        let mut second = first.caused(Kind(2), 1, 3, 9);
        second.stamp(2_000, &pool);
        assert_eq!((second.due_ns(), second.first_sent_ns(), second.sent_ns()), (1_000, 1_500, 2_000));
        assert_eq!((second.origin(), second.producer(), second.number, second.seq), (7, 3, 42, 9));
    }

    #[test]
    fn a_changed_field_breaks_the_seal() {
        let pool = Pool::new(1, 256);
        let mut sealed = Message::start(1, 2, 3, 4, 100).caused(Kind(1), 1, 1, 6);
        sealed.stamp(10, &pool);
        assert!(sealed.intact(&pool));
        for word in 0..6 {
            for bit in 0..64 {
                let mut words = sealed.to_words();
                words[word] ^= 1 << bit;
                let changed = Message::from_words(words);
                assert!(!changed.intact(&pool), "bit {bit} of word {word} changed unnoticed");
            }
        }
    }
}
