//! The outcome of a trial: plain data, merged over the lanes. The command line turns it into a record.

pub mod backlog;

use crate::{cost::Cost, gaps::Gaps, hist::Distribution, server::Depth};
use backlog::Piled;
pub use drumpost_counts::Audit;
use std::{fmt, time::Duration};

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All flows were started; the run drained or reached its drain deadline.
    Completed,
    /// Stopped on request; what there is up to then is kept.
    Interrupted,
    /// A port or a handler failed; what there is up to then is kept.
    Failed(String),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed => f.write_str("as completed"),
            Self::Interrupted => f.write_str("as interrupted"),
            Self::Failed(why) => write!(f, "as failed: {why}"),
        }
    }
}

/// Hop times of one destination at one receiving service: received − sent.
#[derive(Clone, Debug)]
pub struct Hop {
    /// The destination.
    pub destination: String,
    /// The receiving service.
    pub receiver: String,
    /// Hop times in ns.
    pub times: Distribution,
}

/// Messages of one destination that the broker gave up on, for one receiving service, which had not handled them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetters {
    /// The destination.
    pub destination: String,
    /// The receiving service.
    pub receiver: String,
    /// How many, warm-up included.
    pub messages: u64,
}

/// Confirms of the messages that were sent to one destination.
#[derive(Clone, Debug)]
pub struct Confirms {
    /// The destination.
    pub destination: String,
    /// Messages that the transport stored as it promises, warm-up included.
    pub confirmed: u64,
    /// Messages that it refused, warm-up included.
    pub refused: u64,
    /// Messages of which it had said nothing by the drain deadline, warm-up included.
    pub unconfirmed: u64,
    /// Confirm times in ns, of messages of measured flows: from when a message was sent to when the sending lane heard that the
    /// transport had stored it.
    pub times: Distribution,
}

/// Confirm times of all destinations together, in ns, of messages of measured flows.
#[derive(Clone, Debug, Default)]
pub struct ConfirmTimes {
    /// Since the last snapshot.
    pub now: Distribution,
    /// So far.
    pub run: Distribution,
}

/// Why an instance was away for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It was absent from the start of the load until a backlog had piled up, as the plan says.
    Absent,
    /// Its consumer was killed, as the plan says, with so many messages handled and not acknowledged.
    ConsumerKilled {
        /// Handled and not acknowledged.
        in_hand: usize,
    },
    /// Its connection was killed, as the plan says.
    ConnectionKilled {
        /// Handled and not acknowledged.
        in_hand: usize,
        /// Sent and not confirmed; the instance will not hear of them. 0 if the transport confirms nothing.
        unconfirmed: u64,
    },
    /// It was paused, as the plan says, with its connections open.
    Paused,
    /// It lost its connection, and the plan says that it is to connect again.
    ConnectionLost {
        /// The transport's sentence.
        why: String,
    },
}

/// An instance that was away in the middle of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The instance.
    pub instance: String,
    /// Why.
    pub cause: Cause,
    /// Since when, in ns after the start of the load.
    pub at_ns: u64,
    /// For how long, in ns: until the transport had opened its ports again, until a paused instance went on, or until the run ended.
    pub away_ns: u64,
    /// The instance was still away when the run ended.
    pub until_end: bool,
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instance, cause, at_ns, away_ns, until_end } = self;
        let [at, away] = [*at_ns, *away_ns].map(|ns| Duration::from_micros(ns / 1000));
        let was = if *until_end { "still away when the run ended," } else { "back" };
        let when = format!("{at:?} after the start of the load and was {was} {away:?} later");
        let handled = |count: usize| format!("{count} handled messages that it had not acknowledged");
        match cause {
            Cause::Absent => write!(f, "{instance} was absent {when}"),
            Cause::ConsumerKilled { in_hand } => {
                write!(f, "the consumer of {instance} was killed {when}; it died with {}", handled(*in_hand))
            }
            Cause::ConnectionKilled { in_hand, unconfirmed } => write!(
                f,
                "the connection of {instance} was killed {when}; it died with {} and {unconfirmed} sent messages that were \
                 not confirmed",
                handled(*in_hand)
            ),
            Cause::Paused => write!(f, "{instance} was paused {when}"),
            Cause::ConnectionLost { why } => write!(f, "{instance} lost its connection {when}: {why}"),
        }
    }
}

/// How a trial went on after something was done to it ([`crate::plan::Disturbance`]). Times are in ns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recovery {
    /// When it began, after the start of the load.
    pub at_ns: u64,
    /// How long it was to last.
    pub lasts_ns: u64,
    /// Flows that ended per second in the second before it, or since the start of the load.
    pub before_per_s: f64,
    /// The longest time in which no flow ended, of those that were over after its begin and before another disturbance began.
    pub gap_ns: u64,
    /// From its end until flows ended at nine tenths of that rate for 100 ms. `None` if they did not while the load went on.
    pub recover_ns: Option<u64>,
    /// From its end until no more flows were under way than at most in the second before it. `None` if more stayed under way.
    pub drain_ns: Option<u64>,
}

/// A closed load stood still: as many flows as its window holds had not ended by the drain deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standstill {
    /// Flows under way at most.
    pub window: u64,
    /// Flows that never ended, those of the warm-up included.
    pub unfinished: u64,
    /// Of them: written off in the middle of the load, which then went on.
    pub written_off: u64,
    /// Since when, in ns after the load began, no flow was started or ended. Where that was so several times, the longest.
    pub from_ns: u64,
    /// For how long.
    pub longest_ns: u64,
}

/// Messages that went nowhere, because no route carries their kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrouted {
    /// The service that emitted them.
    pub service: String,
    /// Their kind.
    pub kind: String,
    /// How many, warm-up included.
    pub messages: u64,
}

/// The outcome of one trial.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// Flows started, warm-up included.
    pub started: u64,
    /// Flows started and due in the measured window.
    pub measured_started: u64,
    /// Flows due in the measured window and never started, as the sender could not keep up.
    pub missed: u64,
    /// Flows due in the measured window while the window of flows under way was full, and for that never started.
    pub shed: u64,
    /// Flows due in the measured window that were too late when the load got to them, and for that never started.
    pub dropped: u64,
    /// Flow ends in the measured window, by flow (a fan-out to n ends n times and counts once).
    pub measured_ended: u64,
    /// Flows started and not ended at the drain deadline, written off or not, those of the warm-up included.
    pub unfinished: u64,
    /// Of the unfinished: those of the warm-up, counted by themselves. So the counts of the measured flows can be held against
    /// each other: started = ended + dead + the other unfinished ones.
    pub warmup_unfinished: u64,
    /// Flows that did not end because a message of theirs became a dead letter, those of the warm-up included. They are not among
    /// the unfinished, and in no time.
    pub dead: u64,
    /// Of the dead: flows that were due in the measured window.
    pub measured_dead: u64,
    /// Ends that were not counted, those of the warm-up included: the message that caused one had been delivered before, and
    /// its flow had ended then. Instances that compete cannot tell, and count such ends.
    pub ended_again: u64,
    /// Length of the measured window, to the last measured end, in ns.
    pub elapsed_ns: u64,
    /// Open loads: how long the schedule of the measured flows was, in ns: as long as was asked, or to when the last of so
    /// many was due. However long it took until they ended is not in it.
    pub schedule_ns: Option<u64>,
    /// done − due.
    pub response: Distribution,
    /// done − first sent.
    pub service: Distribution,
    /// first sent − due.
    pub lag: Distribution,
    /// Between the starts of measured flows of one sender, in ns; empty for a closed load.
    pub inter_send: Distribution,
    /// The first of those intervals, as planned and as started, for each sender with a schedule.
    pub gaps: Vec<Gaps>,
    /// received − sent, by destination and receiver.
    pub hops: Vec<Hop>,
    /// confirmed − sent, by destination; empty if the transport confirms nothing.
    pub confirms: Vec<Confirms>,
    /// Dead letters, by destination and receiver.
    pub dead_letters: Vec<DeadLetters>,
    /// Sent against delivered.
    pub audit: Audit,
    /// Messages sent for measured flows: those of the warm-up's flows are not among them.
    pub messages: u64,
    /// How long senders were blocked by a full transport in the measured window, summed over lanes, in ns.
    pub blocked_ns: u64,
    /// Lanes that send, and so may be blocked.
    pub senders: u64,
    /// What the measured window cost; `None` in virtual time, and if measuring did not begin.
    pub cost: Option<Cost>,
    /// Mean number of flows started and not ended over the measured window, from the times of each flow: exact. `None` if
    /// not all flows ended once, as it is then not known.
    pub mean_in_flight: Option<f64>,
    /// The same from counters, looked at now and then: exact in virtual time, else as good as the looks are. It owes
    /// nothing to stamps.
    pub counted_in_flight: Option<f64>,
    /// When a closed load stood still; `None` if it did not, or is not known to have.
    pub standstill: Option<Standstill>,
    /// Messages of kinds that nobody is wired to, by the service that emitted them.
    pub unrouted: Vec<Unrouted>,
    /// Whether the drain deadline came before everything expected was delivered.
    pub drain_timed_out: bool,
    /// Instances that were away in the middle of the run: those that came back, in the order in which they did, and then the others.
    pub outages: Vec<Outage>,
    /// The course of a backlog, where the plan has one.
    pub backlog: Option<Box<Piled>>,
    /// What came of each of the plan's disturbances, in its order.
    pub recoveries: Vec<Recovery>,
    /// Other events, such as a stream that could not be removed, as sentences.
    pub notes: Vec<String>,
}

impl Outcome {
    /// Takes note of what failed after everything was measured. The first failure is the one that is told.
    pub(crate) fn fail(&mut self, why: String) {
        match self.ending {
            Ending::Failed(_) => self.notes.push(why),
            Ending::Completed | Ending::Interrupted => self.ending = Ending::Failed(why),
        }
    }
}

/// The state of a run at one moment. The monitor makes about ten a second, off the measured path.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Since the load began, in ns.
    pub at_ns: u64,
    /// Since the last snapshot, in ns.
    pub interval_ns: u64,
    /// Whether this is still the warm-up.
    pub warmup: bool,
    /// Flows started so far.
    pub started: u64,
    /// Measured flows started so far.
    pub measured_started: u64,
    /// Flow ends so far, by flow.
    pub ended: u64,
    /// Ends of measured flows so far, by flow.
    pub measured_ended: u64,
    /// Flows so far that did not end because a message of theirs became a dead letter.
    pub dead: u64,
    /// Flow ends since the last snapshot, by flow.
    pub ended_now: u64,
    /// Response times since the last snapshot.
    pub response_now: Distribution,
    /// Response times so far.
    pub response: Distribution,
    /// Service times since the last snapshot; `None` for a closed load.
    pub service_now: Option<Distribution>,
    /// Schedule lag since the last snapshot.
    pub lag_now: Distribution,
    /// Confirm times; `None` if the transport has confirmed nothing yet.
    pub confirms: Option<Box<ConfirmTimes>>,
    /// Instances that were away, so far: those that came back, and at the end of the trial also those that did not.
    pub outages: Vec<Outage>,
    /// How many messages waited at the server when it was last asked, all destinations together; `None` if it does not tell.
    pub depth: Option<Depth>,
    /// Time for which senders were blocked since the last snapshot, as a share of the lanes' time.
    pub blocked_share: f64,
    /// Deliveries so far and what the audit found. Losses are known only at the end, but for those a transport admits: `expected`,
    /// `unique`, `lost` and `unknown` are zero here.
    pub audit: Audit,
}

impl Snapshot {
    /// Flows under way.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.started.saturating_sub(self.ended + self.dead)
    }
}
