//! `listeners`: callbacks of an event's publisher, called inline when the event is emitted.
//!
//! The lane of a subscribing service is the callback. The publisher's thread passes it the event, and passes on
//! whatever the lane emits, before the call returns. There is no queue between lanes, so nothing is ever full, and a
//! slow listener blocks its publisher. Everything runs on one thread, because two publishers that call the same
//! listener at once would need a lock.

use crate::shared::Refusals;
use drumpost_core::{
    act::Act,
    bell::Bell,
    clock::{Clock, Now},
    control::Control,
    dispatcher::{Dispatcher, OnThread, lead_ns, run_on_threads},
    drive::{
        Round, Step,
        awake::Awake,
        threads::{stop_awake, unparks_this, wait_for_due},
        wake_latency::WakeLatency,
    },
    lane::{Begun, Lane, Outlet},
    message::Message,
    monitor::Watch,
    outcome::Outcome,
    plan::TrialPlan,
    port::PortError,
    registry::{Promise, RunsOn, TransportEntry},
    scenario::{Intent, Style},
    session::Session,
    transport::OpenError,
    wiring::Wiring,
};
use std::{sync::Arc, thread, time::Duration};

/// The entry for the registry.
#[must_use]
pub fn entry() -> TransportEntry {
    TransportEntry {
        name: "listeners",
        summary: "callbacks in the publisher: each event is handled inline, on the publisher's thread",
        intents: &[(Style::Event, &[Intent::Event])],
        runs_on: RunsOn::Inline,
        // Never full. That a publisher waits for its listeners is the time of their handlers.
        promise: Promise { holds_up_senders: false, ..Promise::IN_MEMORY },
        make: |_| Ok(Box::new(Listeners)),
        ..TransportEntry::IN_MEMORY
    }
}

const REFUSALS: Refusals = Refusals {
    intents: "a publisher does not address a receiver, so only Event can be carried; use the event style",
    competing: |instances, service| {
        format!(
            "{instances} instances of `{service}`: every callback is called, so instances would not compete; use one \
             instance"
        )
    },
};

/// The dispatcher; it holds nothing between trials.
#[derive(Clone, Copy, Debug)]
pub struct Listeners;

impl Dispatcher for Listeners {
    fn run(&mut self, plan: &TrialPlan, watch: &mut dyn Watch) -> Result<Outcome, OpenError> {
        let listeners = attach(&plan.wiring)?;
        if plan.conditions.kill.is_some() {
            return Err(OpenError::Refused(
                "listeners do not support --kill: a callback has no consumer to kill".into(),
            ));
        }
        // A callback cannot leave and return, and cannot give a message back.
        plan.conditions.check(false, false)?;
        // How long this host takes to wake a thread is measured now, and not when the first lane waits.
        WakeLatency::of_host();
        let Session { lanes, monitor, control } = Session::new(plan, lead_ns(plan));
        let sources = plan.wiring.driven().map(usize::from).collect();
        let bell = Arc::new(Bell::default());
        control.add_bell(Arc::clone(&bell));
        let waiting = Waiting { bell, control: Arc::clone(&control) };
        let thread =
            ListenerThread { lanes, sources, listeners, awake: Awake::default(), waiting, spare: Vec::new() };
        Ok(run_on_threads(vec![thread], Duration::ZERO, &control, monitor, watch))
    }

    fn refusal(&mut self, wiring: &Wiring) -> Option<String> {
        attach(wiring).err().map(|refused| refused.to_string())
    }
}

/// By lane and send port: the lanes that listen.
type Attached = Vec<Vec<Vec<usize>>>;

fn attach(wiring: &Wiring) -> Result<Attached, OpenError> {
    REFUSALS.check(&entry(), wiring)?;
    let heard = |lane: u16| {
        let sends = wiring.sends_of(wiring.service_of(lane));
        let listeners = |receivers: &[usize]| {
            receivers.iter().map(|service| usize::from(wiring.services[*service].instances.start)).collect()
        };
        sends.map(|sent| listeners(&sent.receivers)).collect()
    };
    Ok((0..wiring.instance_count()).map(heard).collect())
}

/// All lanes publish what they have not published yet after so many rounds over the sources, which are the lanes with a load.
const ROUNDS: u32 = 1_024;

/// All lanes on one thread; emitting calls the listeners.
struct ListenerThread {
    lanes: Vec<Lane>,
    sources: Vec<usize>,
    listeners: Attached,
    awake: Awake,
    waiting: Waiting,
    /// Buffers for events on their way, one per depth of call, kept for the next.
    spare: Vec<Emitted>,
}

/// How the thread waits: until its bell is rung, which the monitor does some times a second and at the end of the trial, or until something is
/// due. The processor time of a wait that a bell ended does not count as waiting.
struct Waiting {
    bell: Arc<Bell>,
    control: Arc<Control>,
}

impl Waiting {
    /// Sleeps for at most so long. Says whether the bell was rung.
    fn sleep(&self, at_most: Duration) -> bool {
        self.bell.listen();
        // The end is said before the bell is rung, so either this sees it or the bell wakes the thread.
        if !self.control.stop.is_stopped() {
            thread::park_timeout(at_most);
        }
        let was_rung = !self.bell.is_listening();
        self.bell.wake();
        was_rung
    }
}

/// The events that a lane emitted. Its listeners are called when it has handed them over, because they may come back to this very lane.
#[derive(Default)]
struct Emitted {
    port: usize,
    events: Vec<Message>,
}

impl Outlet for Emitted {
    const INLINE: bool = true;

    #[inline]
    fn offer(&mut self, port: usize, batch: &[Message]) -> Result<usize, PortError> {
        self.port = port;
        self.events.extend_from_slice(batch);
        Ok(batch.len())
    }
}

/// A failure, and the lane it belongs to.
type Failed = (u16, PortError);

impl ListenerThread {
    /// Has lane `at` take a step, and calls those who listen to what it emits.
    fn step(&mut self, at: usize, clock: &Clock) -> Result<Step, Failed> {
        let mut emitted = self.spare.pop().unwrap_or_default();
        let lane = &mut self.lanes[at];
        let begun = lane.begin_step(clock, &mut emitted).map_err(|error| (lane.id(), error))?;
        if !emitted.events.is_empty() {
            for listener in 0..self.listeners[at][emitted.port].len() {
                self.call(self.listeners[at][emitted.port][listener], &emitted.events, clock)?;
            }
            emitted.events.clear();
        }
        self.spare.push(emitted);
        Ok(match begun {
            Begun::Look { moved: false, until_ns } => Step::Idle { until_ns, held_until_ns: u64::MAX },
            Begun::Look { .. } | Begun::HeldUp { .. } => Step::Moved,
            Begun::Done => Step::Done,
        })
    }

    /// Calls a listener, and hands on what it emits before returning.
    fn call(&mut self, at: usize, events: &[Message], clock: &Clock) -> Result<(), Failed> {
        self.lanes[at].received(events, &[], clock);
        self.lanes[at].does(Act::Harness);
        while self.lanes[at].has_pending() && self.step(at, clock)? == Step::Moved {}
        self.lanes[at].end_step();
        Ok(())
    }
}

impl OnThread for ListenerThread {
    type Ports = ();

    fn drive(&mut self, clock: &Clock) -> Result<(), Failed> {
        self.waiting.bell.leave_waker(unparks_this);
        let mut rounds = 0_u32;
        loop {
            rounds = rounds.wrapping_add(1);
            if rounds.is_multiple_of(ROUNDS) {
                // A source that is never idle leaves listeners that are rarely called no other time to publish their counters.
                let now_ns = clock.now_ns();
                self.lanes.iter_mut().for_each(|lane| lane.idle(now_ns));
            }
            let mut round = Round::default();
            for source in 0..self.sources.len() {
                let at = self.sources[source];
                let step = self.step(at, clock)?;
                if !self.lanes[at].has_pending() {
                    self.lanes[at].end_step();
                }
                round.note(step);
            }
            if round.done {
                return Ok(());
            }
            if round.moved && self.awake.is_on() {
                stop_awake(self.lanes.iter_mut(), &mut self.awake);
            }
            if !round.moved && round.until_ns > 0 {
                let now_ns = clock.now_ns();
                self.lanes.iter_mut().for_each(|lane| lane.idle(now_ns));
                let sleep = |at_most| self.waiting.sleep(at_most);
                wait_for_due(self.lanes.iter_mut(), &mut self.awake, now_ns, round.until_ns, sleep);
            }
        }
    }

    fn lanes(&self) -> Vec<u16> {
        self.lanes.iter().map(Lane::id).collect()
    }

    fn into_parts(self) -> (Vec<Lane>, ()) {
        (self.lanes, ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::testing::{Trial, half_a_pipe, pipe};

    #[test]
    fn a_flow_that_ends_where_it_starts_makes_room_for_the_next() {
        for in_flight in [1, 4, 64] {
            Trial { style: Style::Event, in_flight, ..Trial::default() }.run(Listeners, half_a_pipe());
        }
    }

    #[test]
    fn what_is_refused_names_the_intent() {
        let trial = Trial { style: Style::Event, instances: &[("sink", 2)], ..Trial::default() };
        assert_eq!(
            trial.refusal(Listeners, pipe(false)),
            "listeners cannot carry Event `source.done` to 2 instances of `sink`: every callback is called, so instances \
             would not compete; use one instance"
        );
        assert_eq!(
            Trial::default().refusal(Listeners, pipe(false)),
            "listeners cannot carry Command `sink.work`: a publisher does not address a receiver, so only Event can be \
             carried; use the event style"
        );
    }
}
