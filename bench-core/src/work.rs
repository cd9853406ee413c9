//! CPU time that handlers spend on messages beside what they do themselves: a service that computes something, or a cost that is
//! put in to see whether a comparison finds it.
//!
//! The time is spent in a loop of a known speed and not by reading a clock: a reading takes longer than the share of a message
//! that is to be added. Without work nothing here is on the measured path.

use crate::{
    clock::{Clock, Now},
    handler::{Out, Reactor},
    message::{Kind, Message},
    plan::Work,
};
use std::{hint::black_box, sync::OnceLock};

/// A handler that works on each message after it has reacted to it.
pub(crate) struct Working {
    reactor: Box<dyn Reactor>,
    work: Work,
    /// Rounds of the loop for a message that is worked on.
    rounds: f64,
    /// Rounds that are owed and less than one.
    owed: f64,
    /// Messages since the last one that was worked on.
    passed: u64,
}

impl Working {
    /// Adds work to a handler.
    pub(crate) fn new(reactor: Box<dyn Reactor>, work: Work) -> Self {
        Self { reactor, work, rounds: work.ps as f64 / 1e3 * rounds_per_ns(), owed: 0.0, passed: 0 }
    }
}

impl Reactor for Working {
    fn react(&mut self, batch: &[Message], out: &mut Out) {
        self.reactor.react(batch, out);
        self.work_on(batch);
    }
}

impl Working {
    fn work_on(&mut self, batch: &[Message]) {
        // The message that starts a flow comes from the load and was received from nobody.
        let received = batch.iter().filter(|message| message.kind != Kind::START).count() as u64;
        let one_in = u64::from(self.work.one_in);
        let passed = self.passed + received;
        // Mostly each message is worked on or none of a batch is, and a division takes longer than a comparison.
        let worked_on = match one_in {
            1 => passed,
            _ if passed < one_in => 0,
            _ => passed / one_in,
        };
        self.passed = passed - worked_on * one_in;
        self.owed += self.rounds * worked_on as f64;
        let rounds = self.owed as u64;
        self.owed -= rounds as f64;
        turn(rounds);
    }
}

/// The loop. Each round needs the result of the one before, so that none is left out or done beside it.
fn turn(rounds: u64) {
    let mut value = black_box(1u64);
    for _ in 0..rounds {
        value = black_box(value.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }
    black_box(value);
}

/// How fast the loop is here. Measured once, in the shortest of several attempts: whatever disturbs one makes it longer.
fn rounds_per_ns() -> f64 {
    const ROUNDS: u64 = 100_000;
    const ATTEMPTS: usize = 7;
    static SPEED: OnceLock<f64> = OnceLock::new();
    *SPEED.get_or_init(|| {
        let clock = Clock::start();
        let attempt = |_| {
            let begun_ns = clock.now_ns();
            turn(ROUNDS);
            clock.now_ns() - begun_ns
        };
        let shortest_ns = (0..ATTEMPTS).map(attempt).min().unwrap_or(0).max(1);
        ROUNDS as f64 / shortest_ns as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::Deaf;

    #[test]
    fn work_takes_its_time_for_each_message_that_it_is_for() {
        let mut working = Working::new(Box::new(Deaf), Work { ps: 1_000_000, one_in: 4 });
        let per_message = working.rounds;
        assert!(per_message > 10.0, "{per_message}");
        let (mut message, start) = (Message::default(), Message::default());
        message.kind = Kind(1);
        assert_eq!(start.kind, Kind::START);
        working.work_on(&[start; 8]);
        assert_eq!(working.passed, 0, "what starts a flow is no message");
        working.work_on(&[message; 3]);
        assert_eq!(working.passed, 3);
        working.work_on(&[message; 2]);
        assert_eq!(working.passed, 1);
        let clock = Clock::start();
        let took_ns = (0..5).map(|_| {
            let begun_ns = clock.now_ns();
            working.work_on(&[message; 400]);
            clock.now_ns() - begun_ns
        });
        let took_ns = took_ns.min().unwrap();
        assert!((70_000..400_000).contains(&took_ns), "100 times 1 µs took {took_ns} ns");
    }
}
