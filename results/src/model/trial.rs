//! One trial of one dispatch: times, counts, load, and what the machine did beside it.
//!
//! Lives here: the trial and the figures derived from it. Does not live here: figures over several trials (`Run`),
//! judgement (`verdict`).

pub use drumpost_counts::Flows;

use super::{
    Audit, Backlog, Busy, ConfirmTimes, DeadLetters, Distribution, Disturbance, Link, Outage, Series, Server,
    Standstill, Unrouted,
};

/// How a trial or a run ended, from best to worst.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// The trial ran to its end.
    #[default]
    Ok,
    /// The trial was interrupted; its figures until then are kept.
    Interrupted,
    /// The transport or the harness refused the run; nothing was measured.
    Refused,
    /// The trial failed: broker lost, time limit, internal error.
    Failed,
}

impl Status {
    /// The word in documents and tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Interrupted => "interrupted",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// How a load starts flows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LoadKind {
    /// A fixed number in flight: the next starts when one ends. It slows down with what it measures.
    #[default]
    Closed,
    /// Flows are due by a schedule of their own.
    Open,
}

impl LoadKind {
    /// The word in documents and tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
        }
    }
}

/// Times of one destination as heard by one receiver.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hop {
    /// The queue or topic.
    pub destination: String,
    /// The service that received.
    pub receiver: String,
    /// Received − sent.
    pub time: Distribution,
}

/// The machine during the trial. `None`: not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hygiene {
    /// Time the hypervisor gave to others, over all cores.
    pub steal_ns: Option<u64>,
    /// Times threads of the process, those that ended included, were put off a core against their will.
    pub involuntary_switches: Option<u64>,
    /// Time of all cores while the machine was looked at: their number × its length. The times here are parts of it.
    pub cores_ns: Option<u64>,
    /// Time cores had nothing to do.
    pub idle_ns: Option<u64>,
    /// CPU time of other processes, the kernel's included, but for the server that is measured.
    pub others_ns: Option<u64>,
    /// Times the process was stopped and continued (Ctrl-Z, SIGSTOP).
    pub stops: Option<u64>,
    /// How long the machine was looked at.
    pub window_ns: Option<u64>,
    /// CPU time of the process itself while the machine was looked at.
    pub own_ns: Option<u64>,
    /// CPU time of the busiest thread of the process.
    pub busiest_thread_ns: Option<u64>,
    /// Time threads were held back by the CPU quota of a control group, summed over cores.
    pub throttled_ns: Option<u64>,
    /// Periods of the quota in which that happened.
    pub throttled_periods: Option<u64>,
    /// Periods of the quota that went by.
    pub quota_periods: Option<u64>,
    /// The quota, in thousandths of a core; `None`: there is none.
    pub quota_millicores: Option<u64>,
}

/// The messages and flows of the period in which CPU time was measured, so that both sides of a cost cover the same period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// How long the stretch is: nearly all of the load's measured time.
    pub window_ns: u64,
    /// Of the CPU time: what loads used to wait for due times. It is the load's, and no message's or flow's.
    pub awake_ns: u64,
    /// Of the CPU time: what the harness's own threads used, such as the dashboard's. It does not grow with messages.
    pub harness_ns: u64,
    /// Messages sent in the stretch.
    pub messages: u64,
    /// Flows ended in the stretch; `None`: not known, as in older documents of runs with a warm-up.
    pub flows: Option<u64>,
}

/// Whether flows were due, and sent, as the arrival process has it: Anderson-Darling on the gaps between them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ArrivalCheck {
    /// The process that was asked for: `Poisson`.
    pub process: String,
    /// The statistic of the gaps that were planned; `None`: too few.
    pub planned_a2: Option<f64>,
    /// The statistic of the gaps between sends; `None`: too few.
    pub sent_a2: Option<f64>,
    /// Above this a statistic is rejected at 1 %; see [`crate::stats::CRITICAL_1_PERCENT`].
    pub critical: f64,
    /// How many gaps were looked at.
    pub intervals: u64,
}

/// One measured window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trial {
    /// Number within the run, from 0. The same number in two interleaved runs makes a pair.
    pub number: u32,
    /// Position in the executed order over all runs, from 0.
    pub position: u32,
    /// The seed of this trial; equal for the same number on every dispatch.
    pub seed: u64,
    /// How it ended.
    pub status: Status,
    /// Why it did not end well.
    pub error: Option<String>,
    /// Length of the measured window, by the load's clock.
    pub elapsed_ns: u64,
    /// Flows by how far they came.
    pub flows: Flows,
    /// Rate an open load was asked for; `None` in a closed load or for a load without one rate.
    pub asked_per_s: Option<f64>,
    /// How long the schedule of the measured flows was; `None` in a closed load and in older documents.
    pub schedule_ns: Option<u64>,
    /// Messages sent for the flows that are measured; `None`: not known, as in older documents of runs with a warm-up.
    pub messages: Option<u64>,
    /// Time the senders waited in the measured window because the transport was full, summed over senders.
    pub blocked_ns: u64,
    /// Lanes that send; `None` in records that do not say.
    pub senders: Option<u64>,
    /// Mean number of flows started and not ended over the measured window, from the times of each flow. `None`: not
    /// known, as where flows did not end.
    pub mean_in_flight: Option<f64>,
    /// The same by counters that were looked at now and then; it owes nothing to the times. `None`: not looked at.
    pub counted_in_flight: Option<f64>,
    /// When a closed load stood still; `None` if it did not, and in records that do not say.
    pub standstill: Option<Standstill>,
    /// Done − due: the headline figure.
    pub response: Distribution,
    /// Done − first sent.
    pub service: Distribution,
    /// First sent − due.
    pub lag: Distribution,
    /// Between consecutive starts of flows on one sender lane, all lanes together. Empty: not measured.
    pub inter_send: Distribution,
    /// Whether the arrivals were those asked for; `None` where there is no such check.
    pub arrival_check: Option<ArrivalCheck>,
    /// Received − sent, per destination and receiver.
    pub hops: Vec<Hop>,
    /// Confirmed − sent, per destination; empty if the transport confirms nothing, and in records that do not say.
    pub confirms: Vec<ConfirmTimes>,
    /// Counts of messages.
    pub audit: Audit,
    /// The services and kinds of the messages that `audit` counts as unrouted; empty in records that do not say.
    pub unrouted: Vec<Unrouted>,
    /// The destinations and receivers of the messages that `audit` counts as dead.
    pub dead_letters: Vec<DeadLetters>,
    /// CPU time of the process over the stretch of `cost`, in older documents over the whole trial; `None` in virtual time.
    pub cpu_ns: Option<u64>,
    /// The messages and flows of that period; `None`: all of the trial's.
    pub cost: Option<Cost>,
    /// Median response of a target of zero service time: the harness's own share.
    pub floor_ns: Option<u64>,
    /// The machine during the trial.
    pub hygiene: Hygiene,
    /// The busiest of the processes that are neither the harness nor the server, the busiest first.
    pub busiest: Vec<Busy>,
    /// CPU time and memory of a server on this machine, if there is one.
    pub server: Option<Server>,
    /// How it went over time.
    pub series: Series,
    /// Instances that were away for a while and came back, in the order in which they did.
    pub outages: Vec<Outage>,
    /// The course of a backlog, where one was asked for.
    pub backlog: Option<Backlog>,
    /// What was done to it on request, and how it recovered, in order of time. Empty in records that do not say.
    pub disturbances: Vec<Disturbance>,
    /// The relay between drumpost and the server, if there was one.
    pub link: Option<Link>,
    /// Faults that were injected or seen, each a sentence. Older records have kills here and no `outages`.
    pub faults: Vec<String>,
    /// Notes, each a sentence.
    pub notes: Vec<String>,
}

impl Trial {
    /// Flows ended per second of the measured window; `None` for an empty window.
    #[must_use]
    pub fn throughput_per_s(&self) -> Option<f64> {
        per_s(self.flows.ended, u128::from(self.elapsed_ns))
    }

    /// Confirm times of all destinations, merged.
    #[must_use]
    pub fn confirm(&self) -> Distribution {
        Distribution::merged(self.confirms.iter().map(|confirms| &confirms.time))
    }

    /// CPU time per message sent, without the time waited awake for due times; `None` where the CPU time is not known or
    /// nothing was sent.
    #[must_use]
    pub fn cpu_ns_per_message(&self) -> Option<f64> {
        let (cpu_ns, spent) = self.spent()?;
        share(Some(cpu_ns), spent.messages)
    }

    /// CPU time per flow ended, likewise.
    #[must_use]
    pub fn cpu_ns_per_flow(&self) -> Option<f64> {
        let (cpu_ns, spent) = self.spent()?;
        share(Some(cpu_ns), spent.flows?)
    }

    /// CPU time that was used for messages and flows, and what went through in the same time. `None`: not known.
    pub(crate) fn spent(&self) -> Option<(u64, Cost)> {
        let whole = || Cost {
            window_ns: self.elapsed_ns,
            awake_ns: 0,
            harness_ns: 0,
            messages: self.audit.sent,
            flows: Some(self.flows.ended),
        };
        let cost = self.cost.unwrap_or_else(whole);
        Some((self.cpu_ns?.saturating_sub(cost.awake_ns + cost.harness_ns), cost))
    }
}

/// Events per second; `None` for no time.
pub(crate) fn per_s(n: u64, elapsed_ns: u128) -> Option<f64> {
    (elapsed_ns > 0).then(|| n as f64 * 1e9 / elapsed_ns as f64)
}

fn share(total_ns: Option<u64>, n: u64) -> Option<f64> {
    total_ns.filter(|_| n > 0).map(|ns| ns as f64 / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn statuses_are_ordered_from_best_to_worst() {
        let order = [Status::Ok, Status::Interrupted, Status::Refused, Status::Failed];
        assert!(order.is_sorted());
    }

    proptest! {
        #[test]
        fn a_rate_times_its_time_is_its_count(ended in 0u64..1 << 50, elapsed_ns in 1u64..1 << 50) {
            let trial = Trial { elapsed_ns, flows: Flows { ended, ..Flows::default() }, ..Trial::default() };
            let back = trial.throughput_per_s().unwrap() * elapsed_ns as f64 / 1e9;
            prop_assert!((back - ended as f64).abs() <= 1e-9 * ended as f64);
        }

        #[test]
        fn cpu_per_message_times_messages_is_the_cpu_time(cpu_ns in 0u64..1 << 50, sent in 1u64..1 << 40) {
            let trial = Trial { cpu_ns: Some(cpu_ns), audit: Audit { sent, ..Audit::default() }, ..Trial::default() };
            let back = trial.cpu_ns_per_message().unwrap() * sent as f64;
            prop_assert!((back - cpu_ns as f64).abs() <= 1e-6 + 1e-9 * cpu_ns as f64);
            prop_assert_eq!(trial.cpu_ns_per_flow(), None);
        }
    }

    #[test]
    fn nothing_is_divided_by_zero() {
        let trial = Trial { cpu_ns: Some(1), ..Trial::default() };
        assert_eq!(trial.throughput_per_s(), None);
        assert_eq!(trial.cpu_ns_per_message(), None);
    }
}
