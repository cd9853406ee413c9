//! One direction of a connection: the bytes that are under way, and when each may leave the relay. Does not live here: sockets.

use super::Line;
use drumpost_core::clock::as_ns;
use std::collections::VecDeque;

/// Bytes that are read at once.
pub(super) const CHUNK: usize = 64 << 10;
/// Bytes of one connection and direction that the relay holds; then it reads no more, and the sender's system holds it back. Over a
/// line with a limited rate a longer queue would only make each byte wait longer.
const HELD: usize = 4 << 20;
const HELD_BEFORE_A_LIMIT: usize = 256 << 10;
/// And for how long bytes of all connections together wait before a limited rate. Clients give a connection up whose ping is not answered
/// for some seconds, and the ping and its answer wait behind other bytes.
const WAIT_NS: u64 = 1_000_000_000;

/// One direction of the line, which all connections share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    delay_ns: u64,
    rate: Option<u64>,
    /// When the line has taken all bytes so far.
    free_ns: u64,
    /// How many connections share it.
    connections: u64,
}

impl Lane {
    pub(super) fn of(line: &Line) -> [Self; 2] {
        line.delays.map(|delay| Self { delay_ns: as_ns(delay), rate: line.rate, free_ns: 0, connections: 1 })
    }

    /// When so many bytes that are sent now come out at the other end: after the bytes before them, after the time that they
    /// themselves take at the line's rate, and after its delay.
    pub(super) fn takes(&mut self, count: usize, now_ns: u64) -> u64 {
        let Some(rate) = self.rate else { return now_ns.saturating_add(self.delay_ns) };
        let lasts_ns = u128::from(count as u64) * 1_000_000_000 / u128::from(rate.max(1));
        let lasts_ns = u64::try_from(lasts_ns).unwrap_or(u64::MAX);
        self.free_ns = self.free_ns.max(now_ns).saturating_add(lasts_ns);
        self.free_ns.saturating_add(self.delay_ns)
    }

    /// So many connections share it from now on.
    pub(super) fn is_shared_by(&mut self, connections: usize) {
        self.connections = (connections as u64).max(1);
    }

    /// The most bytes of one connection that wait for it or are under way on it.
    fn held_at_most(&self) -> usize {
        let Some(rate) = self.rate else { return HELD };
        let ns = (WAIT_NS / self.connections).saturating_add(self.delay_ns);
        let bytes = u128::from(rate) * u128::from(ns) / 1_000_000_000;
        usize::try_from(bytes).unwrap_or(HELD).clamp(1, HELD_BEFORE_A_LIMIT)
    }

    /// The most bytes that are read at once: at a low rate fewer, so that no connection takes the line for long.
    pub(super) fn chunk(&self) -> usize {
        self.rate.map_or(CHUNK, |rate| usize::try_from(rate / 200).unwrap_or(CHUNK).clamp(1_460, CHUNK))
    }
}

#[derive(Debug)]
struct Chunk {
    release_ns: u64,
    bytes: Vec<u8>,
    written: usize,
}

/// The bytes of one connection in one direction.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    queue: VecDeque<Chunk>,
    held: usize,
    /// The sender has ended its side: when the receiver hears of it.
    ends_ns: Option<u64>,
    /// The receiver was told of it.
    pub is_over: bool,
}

/// What may leave a pipe.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Out<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// The end of the sender's side.
    End,
    /// Nothing before this time; `None` if there is nothing at all.
    Later(Option<u64>),
}

impl Pipe {
    /// Whether more may be read into it.
    pub(super) fn has_room(&self, lane: &Lane) -> bool {
        self.ends_ns.is_none() && self.held < lane.held_at_most()
    }

    pub(super) fn put(&mut self, bytes: &[u8], lane: &mut Lane, now_ns: u64) {
        self.held += bytes.len();
        let release_ns = lane.takes(bytes.len(), now_ns);
        self.queue.push_back(Chunk { release_ns, bytes: bytes.to_vec(), written: 0 });
    }

    pub(super) fn end(&mut self, lane: &mut Lane, now_ns: u64) {
        self.ends_ns = Some(lane.takes(0, now_ns));
    }

    pub(super) fn out(&self, now_ns: u64) -> Out<'_> {
        match (self.queue.front(), self.ends_ns) {
            (Some(chunk), _) if chunk.release_ns <= now_ns => Out::Bytes(&chunk.bytes[chunk.written..]),
            (Some(chunk), _) => Out::Later(Some(chunk.release_ns)),
            (None, Some(ends_ns)) if ends_ns <= now_ns && !self.is_over => Out::End,
            (None, ends_ns) => Out::Later(ends_ns.filter(|_| !self.is_over)),
        }
    }

    /// So many of the bytes that were to leave have left.
    pub(super) fn written(&mut self, count: usize) {
        self.held -= count;
        if let Some(chunk) = self.queue.front_mut() {
            chunk.written += count;
            if chunk.written == chunk.bytes.len() {
                self.queue.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MS: u64 = 1_000_000;

    #[test]
    fn bytes_come_out_after_the_delay_of_their_direction() {
        let delays = [Duration::from_millis(3), Duration::from_millis(5)];
        let [mut there, mut back] = Lane::of(&Line { delays, rate: None });
        assert_eq!((there.takes(1 << 20, 7 * MS), back.takes(1, 7 * MS)), (10 * MS, 12 * MS));
        let mut pipe = Pipe::default();
        assert_eq!(pipe.out(0), Out::Later(None));
        pipe.put(b"abc", &mut there, 0);
        pipe.end(&mut there, MS);
        assert_eq!(pipe.out(3 * MS - 1), Out::Later(Some(3 * MS)));
        assert_eq!(pipe.out(3 * MS), Out::Bytes(b"abc"));
        pipe.written(2);
        assert_eq!(pipe.out(3 * MS), Out::Bytes(b"c"));
        pipe.written(1);
        // The end waits its delay like a byte.
        assert_eq!((pipe.out(3 * MS), pipe.held), (Out::Later(Some(4 * MS)), 0));
        assert_eq!(pipe.out(4 * MS), Out::End);
    }

    #[test]
    fn connections_share_the_rate_of_a_line() {
        let mut lane = Lane::of(&Line { delays: [Duration::from_millis(1); 2], rate: Some(1_000_000) })[0];
        let (mut one, mut other) = (Pipe::default(), Pipe::default());
        one.put(&[0; 10_000], &mut lane, 0);
        other.put(&[0; 5_000], &mut lane, 2 * MS);
        assert_eq!(one.out(0), Out::Later(Some(11 * MS)), "10 ms at 1 MB/s and the delay");
        assert_eq!(other.out(0), Out::Later(Some(16 * MS)), "after those of the other connection");
        other.put(&[0; 1_000], &mut lane, 100 * MS);
        assert_eq!(lane.free_ns, 101 * MS, "a line that was idle saves nothing up");
    }

    #[test]
    fn a_pipe_that_holds_much_takes_no_more() {
        let fast = Line::default();
        let slow = |rate, delay_ms| Line { rate: Some(rate), delays: [Duration::from_millis(delay_ms); 2] };
        for (line, connections, takes) in [
            (fast, 1, HELD),
            (slow(10_000_000, 0), 1, HELD_BEFORE_A_LIMIT),
            (slow(20_000, 0), 0, 20_000),
            (slow(20_000, 0), 4, 5_000),
            // What is under way is no queue.
            (slow(20_000, 500), 4, 15_000),
            (slow(20, 0), 1_000, 1),
        ] {
            let mut lane = Lane::of(&line)[0];
            lane.is_shared_by(connections);
            let mut pipe = Pipe::default();
            pipe.put(&vec![0; takes - 1], &mut lane, 0);
            assert!(pipe.has_room(&lane));
            pipe.put(&[0], &mut lane, 0);
            assert!(!pipe.has_room(&lane));
        }
    }
}
