//! The seal of a message: a checksum of its fields, its payload and its application headers. A sender stamps and seals a message, and its
//! receiver checks the seal.

use super::Pool;
use crate::message::Message;

impl Message {
    /// Stamps the hop as handed over at `now_ns`, the flow too if this is its first hop, and seals it.
    ///
    /// Called anew for every offer, so a message that a full transport refused is stamped when it is accepted: the
    /// wait counts as schedule lag or time in which the sender was blocked, never as time in the transport.
    #[inline]
    pub fn stamp(&mut self, now_ns: u64, pool: &Pool) {
        self.set_stamps(now_ns);
        self.set_check(self.seal(pool));
    }

    /// Whether the message, its payload and its application headers are what the sender sealed.
    #[inline]
    #[must_use]
    pub fn intact(&self, pool: &Pool) -> bool {
        self.check() == self.seal(pool)
    }

    #[inline]
    fn seal(&self, pool: &Pool) -> u32 {
        if self.payload_len | pool.sealed_headers_len() == 0 {
            self.digest()
        } else {
            self.digest() ^ self.bytes_digest(pool)
        }
    }

    /// Out of line: with a loop over bytes among it, all that seals or checks a message would be slower without payload.
    #[inline(never)]
    fn bytes_digest(&self, pool: &Pool) -> u32 {
        pool.sealed(self)
    }
}
