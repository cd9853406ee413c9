//! The sending part of a lane's step: it sends what waits, or starts flows and sends those. The driver polls the inbox between
//! [`Lane::begin_step`] and [`Lane::end_step`].

use super::{Lane, LaneSpec};
use crate::{act::Act, clock::Now, load::Due, message::Message, port::PortError};

/// A lane with small batches receives, and starts flows, in whole batches until it comes to so many messages in a step: what a
/// step costs besides is then shared by them, and others on the same thread still do not wait long.
const MESSAGES_PER_STEP: usize = 8;

/// How many batches of at most `batch` messages a step may have.
pub(super) const fn batches_per_step(batch: usize) -> usize {
    if batch == 0 { 1 } else { MESSAGES_PER_STEP.div_ceil(batch) }
}

/// A lane's send ports, by number.
pub trait Outlet {
    /// Whether those who receive a batch handle it before the lane stamps the next one, as where a publisher calls its
    /// subscribers. Then a step hands over one batch at most, and what is left waits for the next step.
    const INLINE: bool = false;

    /// Hands a batch to a port, as [`crate::port::SendPort::offer`] does.
    ///
    /// # Errors
    /// The transport cannot send any more.
    fn offer(&mut self, port: usize, batch: &[Message]) -> Result<usize, PortError>;
}

/// The result of a lane's step before it polls its inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The lane may poll its inbox.
    Look {
        /// Something was sent or started.
        moved: bool,
        /// When it wants its next step if nothing comes, in ns on the run's clock.
        until_ns: u64,
    },
    /// Something is left to send: the transport is full, or takes one batch at a time.
    HeldUp {
        /// Something was sent or started before.
        moved: bool,
    },
    /// The run is over.
    Done,
}

/// How much of what waited was sent before the transport was full, or before the step had sent the one batch that it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Nothing,
    Some,
    All,
}

impl Lane {
    /// Takes a step up to the look into the inbox: sends what waits, or starts flows and sends those.
    ///
    /// # Errors
    /// The first failure of the outlet.
    #[inline(always)]
    pub fn begin_step<O: Outlet>(&mut self, clock: &impl Now, outlet: &mut O) -> Result<Begun, PortError> {
        if self.is_stopped() {
            return Ok(Begun::Done);
        }
        if self.has_pending() {
            return Ok(match self.send_all(clock.now_ns(), clock, outlet)? {
                Sent::All => Begun::Look { moved: true, until_ns: u64::MAX },
                Sent::Some => Begun::HeldUp { moved: true },
                Sent::Nothing => Begun::HeldUp { moved: false },
            });
        }
        self.spec.out.recorder.serve_collector();
        if self.load_over {
            return Ok(Begun::Look { moved: false, until_ns: u64::MAX });
        }
        self.start_and_send(clock, outlet)
    }

    /// Starts flows that are due and sends what they cause.
    #[inline(always)]
    fn start_and_send<O: Outlet>(&mut self, clock: &impl Now, outlet: &mut O) -> Result<Begun, PortError> {
        let mut moved = false;
        for _ in 0..if O::INLINE { 1 } else { self.batches_per_step() } {
            match self.start_flows(clock) {
                Due::Started => moved = true,
                Due::At(until_ns) => return Ok(Begun::Look { moved, until_ns }),
                Due::Over => break,
                // The window is full and the user wants the run to end then, which it does with the failure that was noted.
                Due::Capped => return Ok(Begun::Done),
            }
            if !self.has_pending() {
                self.does(Act::Harness);
            } else if self.send(self.spec.out.now_ns, Act::Harness, clock, outlet)? != Sent::All {
                return Ok(Begun::HeldUp { moved });
            }
        }
        Ok(Begun::Look { moved, until_ns: u64::MAX })
    }

    /// Sends what a batch that was just received caused. Says whether the transport took it all. Then the lane polls its inbox
    /// again or ends its step, so its act is [`Act::Drain`] if all was taken.
    #[inline(always)]
    pub(crate) fn send_caused(
        &mut self,
        clock: &impl Now,
        outlet: &mut impl Outlet,
    ) -> Result<bool, PortError> {
        Ok(!self.has_pending() || self.send(clock.now_ns(), Act::Drain, clock, outlet)? == Sent::All)
    }

    /// Offers what a batch caused, at first stamped `now_ns`, until all was taken or the transport is full. Before the batch
    /// nothing waited, so nothing has been refused. `then` is what the lane does afterwards.
    #[inline(always)]
    fn send(
        &mut self,
        now_ns: u64,
        then: Act,
        clock: &impl Now,
        outlet: &mut impl Outlet,
    ) -> Result<Sent, PortError> {
        let LaneSpec { out, pool, counters, .. } = &mut self.spec;
        // The usual case is exactly one message, and has a short way of its own.
        let Some((port, message)) = out.only(now_ns, pool, counters) else {
            let sent = self.send_all(now_ns, clock, outlet)?;
            if sent == Sent::All {
                self.does(then);
            }
            return Ok(sent);
        };
        counters.doing.set(Act::Offer);
        if outlet.offer(port, std::slice::from_ref(message))? == 0 {
            counters.doing.set(Act::Full);
            self.refused_since_ns = Some(now_ns);
            return Ok(Sent::Nothing);
        }
        counters.doing.set(then);
        out.only_taken(port);
        Ok(Sent::All)
    }

    /// As [`Lane::send`], however much waits and whether or not some of it was refused before. Leaves the act [`Act::Harness`] if
    /// all was taken.
    #[inline(never)]
    fn send_all<O: Outlet>(
        &mut self,
        mut now_ns: u64,
        clock: &impl Now,
        outlet: &mut O,
    ) -> Result<Sent, PortError> {
        let mut sent = Sent::Nothing;
        loop {
            self.does(Act::Offer);
            let (port, batch) = self.stamped(now_ns);
            let taken = outlet.offer(port, batch)?;
            self.sent(taken);
            if taken == 0 {
                return Ok(sent);
            }
            self.does(Act::Harness);
            if !self.has_pending() {
                return Ok(Sent::All);
            }
            sent = Sent::Some;
            if O::INLINE {
                return Ok(sent);
            }
            now_ns = clock.now_ns();
        }
    }
}
