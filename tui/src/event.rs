//! The events of the dashboard: plain data, sent by the code that runs the trials.
//!
//! Does not live here: what the model does with them (`state.rs`).

use drumpost_results::{metrics::Totals, model::samples_needed, units};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that happened in a run. Dispatches and trials are counted from zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all events are samples, ten a second, and a box would be one more step"
)]
pub enum Event {
    /// The run begins; everything seen before is forgotten.
    Started(Plan),
    /// A trial begins, with its warm-up if it has one.
    TrialStarted {
        /// Index into [`Plan::dispatches`].
        dispatch: usize,
        /// Trial of that dispatch.
        trial: u32,
    },
    /// The step that a command is on, in words, where its trials have no numbers that are known before: `hold 7 of at most 30, 12 k/s`.
    Step(String),
    /// A snapshot of the trial being measured, some ten times a second.
    Sample(Sample),
    /// Counts and times of a trial, for whoever adds them up. The dashboard shows samples instead.
    Totals {
        /// Index into [`Plan::dispatches`].
        dispatch: usize,
        /// Trial of that dispatch.
        trial: u32,
        /// Whether the trial is over, and these are what it came to.
        is_over: bool,
        /// The figures, from the start of the trial.
        totals: Box<Totals>,
    },
    /// What is known of the server of a trial. It is told again when more is known.
    Server {
        /// Index into [`Plan::dispatches`].
        dispatch: usize,
        /// The server.
        server: Server,
    },
    /// An instance was away for a while and is back. Times are from the start of the trial, in nanoseconds.
    Away {
        /// Index into [`Plan::dispatches`].
        dispatch: usize,
        /// Trial of that dispatch.
        trial: u32,
        /// Since when.
        from_ns: u64,
        /// Until when.
        until_ns: u64,
    },
    /// Confirmed and refused messages of a trial that is over, for a transport with confirms. Comes before the end of the trial.
    Confirmed {
        /// Index into [`Plan::dispatches`].
        dispatch: usize,
        /// The counts.
        confirms: Confirms,
    },
    /// A trial is over and judged.
    TrialEnded {
        /// Index into [`Plan::dispatches`].
        dispatch: usize,
        /// Trial of that dispatch.
        trial: u32,
        /// The verdict.
        status: Status,
        /// Why, when it is not valid; may be empty.
        note: String,
    },
    /// Something the user should know, in one sentence.
    Warning(String),
    /// The run is over; nothing follows.
    Finished {
        /// How it ended, in one sentence; may be empty.
        note: String,
    },
}

/// The plan of the run. The texts are shown as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Name of the scenario: `order-authorization`.
    pub scenario: String,
    /// The load model for people: `open poisson 10k/s`, `closed, 64 in flight`.
    pub load: String,
    /// Names of the dispatches in the order they are first measured: `message/crossbeam`.
    pub dispatches: Vec<String>,
    /// Trials of each dispatch.
    pub trials: u32,
    /// Batch, placement and wait strategy: `batch 1 · pinned · park`.
    pub settings: String,
}

/// The verdict of a trial, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    /// The figures stand.
    Valid,
    /// The figures stand with a doubt.
    Suspect,
    /// The figures must not be used.
    Invalid,
    /// There are no figures: the transport cannot run what was asked.
    Refused,
    /// There are no figures: the trial broke.
    Failed,
}

/// A snapshot of a trial. Counters and `run` count from the start of the trial; the other figures belong to the
/// interval since the sample before. A caller that resets them after the warm-up may do so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Index into [`Plan::dispatches`].
    pub dispatch: usize,
    /// Trial of that dispatch.
    pub trial: u32,
    /// Time since the start of the trial, in nanoseconds.
    pub elapsed_ns: u64,
    /// Share of the trial that is over, 0 to 1.
    pub progress: f64,
    /// Time left of the trial in nanoseconds, where it can be told.
    pub remaining_ns: Option<u64>,
    /// Flows ended in the interval, per second.
    pub throughput_per_s: f64,
    /// Flows planned per second; `None` for a closed load.
    pub target_per_s: Option<f64>,
    /// Response time of the interval.
    pub now: Quantiles,
    /// Response time so far.
    pub run: Quantiles,
    /// Schedule lag of the interval at the 99th percentile, in nanoseconds.
    pub lag_p99_ns: u64,
    /// Share of the interval in which senders were refused by a full transport, 0 to 1.
    pub blocked_share: f64,
    /// Flows started and not ended.
    pub in_flight: u64,
    /// Messages handed to the transport.
    pub sent: u64,
    /// Messages drained by their receivers.
    pub delivered: u64,
    /// Messages that the transport says it dropped. What else was lost is known only at the end.
    pub dropped: u64,
    /// Messages delivered more often than expected.
    pub duplicated: u64,
    /// Messages delivered out of the order that the transport promises, or out of any order if it promises none.
    pub reordered: u64,
    /// Messages whose content did not check.
    pub corrupted: u64,
    /// Deliveries that the transport marked as repeated; `None` if it marks none.
    pub redelivered: Option<u64>,
    /// Deliveries that a service gave back; `None` if none is to be given back.
    pub rejected: Option<u64>,
    /// Messages that the broker gave up on.
    pub dead: u64,
    /// What the transport told of confirms; `None` if it confirms nothing.
    pub confirms: Option<Confirms>,
    /// Confirm time so far, all destinations together.
    pub confirm: Quantiles,
    /// Messages at the server that are not handed out, and those that are and not acknowledged, if it tells these; `None` if it tells
    /// nothing.
    pub waiting: Option<(u64, Option<u64>)>,
    /// Whether the trial is still warming up.
    pub warmup: bool,
    /// CPU and memory of the server; `None` without a server on this machine.
    pub server: Option<ServerNow>,
    /// The faults that the transport's promise allows.
    pub allows: Allows,
}

/// What is known of a server beside its figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// The product: `nats-server`. Empty: the transport does not tell.
    pub product: String,
    /// The version it told over the connection.
    pub version: Option<String>,
    /// Connections that the load had to it when measuring began; `None`: not known, or not yet.
    pub connections: Option<u64>,
}

impl fmt::Display for Server {
    /// `nats-server 2.15.2, 5 connections`, as far as it is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.as_ref().map_or_else(String::new, |version| format!(" {version}"));
        write!(f, "{}{version}", self.product)?;
        self.connections.map_or(Ok(()), |n| write!(f, ", {}", units::counted(n, "connection", "connections")))
    }
}

/// CPU and memory of the server in the interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerNow {
    /// Cores it keeps busy, on average over the interval.
    pub cores: f64,
    /// Resident memory, in bytes.
    pub memory_bytes: u64,
}

/// The faults that a transport's promise allows. They are counted and are no faults of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allows {
    /// The transport may lose messages.
    pub loss: bool,
    /// The transport may deliver messages again.
    pub duplicates: bool,
    /// The transport may deliver messages in another order.
    pub disorder: bool,
}

/// Messages of a trial by what the transport said of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirms {
    /// Confirmed.
    pub confirmed: u64,
    /// Refused.
    pub refused: u64,
    /// Neither, so far. While the trial is running these are under way; once it is over, nobody knows of them.
    pub unconfirmed: u64,
}

impl Sample {
    /// Messages at the server, handed out or not; `None` if it does not tell.
    #[must_use]
    pub fn at_server(&self) -> Option<u64> {
        self.waiting.map(|(ready, unacknowledged)| ready.saturating_add(unacknowledged.unwrap_or(0)))
    }

    /// Dropped, duplicated and reordered messages that the transport's promise does not allow, and corrupted ones.
    #[must_use]
    pub fn faults(&self) -> u64 {
        let Allows { loss, duplicates, disorder } = self.allows;
        let counts = [
            (self.dropped, loss),
            (self.duplicated, duplicates),
            (self.reordered, disorder),
            (self.corrupted, false),
        ];
        counts.into_iter().filter(|(_, allowed)| !allowed).fold(0, |sum, (n, _)| sum.saturating_add(n))
    }
}

/// Percentiles of a time, in nanoseconds. With a `count` of zero the others mean nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    /// How many values were recorded.
    pub count: u64,
    /// The median, in nanoseconds.
    pub p50_ns: u64,
    /// The 90th percentile, in nanoseconds.
    pub p90_ns: u64,
    /// The 99th percentile, in nanoseconds.
    pub p99_ns: u64,
    /// The 99.9th percentile, in nanoseconds.
    pub p99_9_ns: u64,
    /// The largest value, in nanoseconds.
    pub max_ns: u64,
}

impl Quantiles {
    /// Those of `count` values, of which `at` gives a quantile. A histogram may give one that is above the largest value.
    pub fn of(count: u64, max_ns: u64, at: impl Fn(f64) -> u64) -> Self {
        if count == 0 {
            return Self::default();
        }
        let at = |quantile| at(quantile).min(max_ns);
        Self { count, p50_ns: at(0.5), p90_ns: at(0.9), p99_ns: at(0.99), p99_9_ns: at(0.999), max_ns }
    }

    /// The names of [`Quantiles::values`].
    pub const NAMES: [&str; 5] = ["p50", "p90", "p99", "p99.9", "max"];

    /// The same as far as they can be told: `None` where too few values were recorded for it.
    #[must_use]
    pub fn known(&self) -> [Option<u64>; 5] {
        const AT: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 1.0];
        let values = self.values();
        std::array::from_fn(|i| {
            values.filter(|_| self.count >= samples_needed(AT[i])).map(|values| values[i])
        })
    }

    /// From the median to the largest, in nanoseconds; `None` where nothing was recorded.
    #[must_use]
    pub fn values(&self) -> Option<[u64; 5]> {
        let Self { count, p50_ns, p90_ns, p99_ns, p99_9_ns, max_ns } = *self;
        (count > 0).then_some([p50_ns, p90_ns, p99_ns, p99_9_ns, max_ns])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_samples() {
        let of = |count| Quantiles { count, p50_ns: 1, p90_ns: 2, p99_ns: 3, p99_9_ns: 4, max_ns: 5 }.known();
        assert_eq!(of(0), [None; 5]);
        assert_eq!(of(1), [Some(1), None, None, None, Some(5)]);
        assert_eq!(of(298), [Some(1), Some(2), None, None, Some(5)]);
        assert_eq!(of(299), [Some(1), Some(2), Some(3), None, Some(5)]);
        assert_eq!(of(2_995), [1, 2, 3, 4, 5].map(Some));
    }
}
