//! The types of a record in memory. The command line fills them in after each trial, and everything else in this
//! package reads them.
//!
//! Lives here: the record and its runs. A value of a setting is in `setting`, what is known of settings in `settings`, a trial in `trial`, its times
//! in `distribution`, its counts in `audit`, its confirm times and outages in `confirms`, what disturbed it in `disturbed`, its time series in `series`,
//! its verdict in `verdict`, its part in a comparison in `side`, the result of a search in `search`. Does not live here: storage (`format`), judgement (`crate::verdict`), the logic of a
//! search (`crate::search`) and tables (`report`).

mod audit;
mod backlog;
mod confirms;
mod distribution;
mod disturbed;
pub mod search;
mod series;
mod server;
mod setting;
mod settings;
mod side;
mod stuck;
mod trial;
mod verdict;

use std::collections::BTreeMap;

pub use audit::{Audit, Confirming, Delivery, Order, Promises};
pub use backlog::{Backlog, Limit, PHASES, Phase, ServerSaid};
pub use confirms::{ConfirmTimes, Outage, OutageCause};
pub use distribution::{Distribution, DistributionError, samples_needed};
pub use disturbed::{Disturbance, Disturbing, Link};
pub use series::{POINTS_AT_MOST, Point, Series};
pub use server::{Busy, Process, Server, ServerFigures};
pub use setting::{Setting, Settings};
pub use settings::{Asked, DECLARED, Declared, Placed, Shown, Waiting, declared};
pub(crate) use settings::{differences, is_compared};
pub use side::{Compared, ComparedRow, Role, Side};
pub use stuck::{DeadLetters, Standstill, Unrouted};
pub(crate) use trial::per_s;
pub use trial::{ArrivalCheck, Cost, Flows, Hop, Hygiene, LoadKind, Status, Trial};
pub use verdict::{InvalidTrial, Validity, Verdict};

use search::Search;

/// The executed order of trials that belong together, so that two runs can be compared pair by pair.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairing {
    /// The same in every record that was measured in the same interleaved job.
    pub id: String,
    /// What was executed, in order: the label of the run (its dispatch, or the side of a comparison) and the
    /// number of the trial.
    pub order: Vec<(String, u32)>,
}

/// One dispatch under one workload: its trials and what they were run with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// The scenario, as registered: `order-authorization`.
    pub scenario: String,
    /// Style and transport: `message/crossbeam`.
    pub dispatch: String,
    /// How the load starts flows.
    pub load: LoadKind,
    /// The promises of the transport, which decide which audit counts are faults.
    pub promises: Promises,
    /// Every effective setting of the run.
    pub settings: Settings,
    /// The options of the transport and the scenario that were set, by name, secrets left out. Those in which rows have to
    /// agree are settings, too.
    pub options: BTreeMap<String, String>,
    /// The trials, by number.
    pub trials: Vec<Trial>,
    /// The verdict once judged; see [`Run::judged`].
    pub verdict: Option<Verdict>,
    /// Its part in a comparison of two sides; `None`: the record is not one.
    pub side: Option<Side>,
}

/// A record: everything that one command measured, and the content of one document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// Names the record; part of its file name.
    pub id: String,
    /// Version of drumpost that wrote it.
    pub tool_version: String,
    /// When it started, RFC 3339. `None` in virtual time, so that the same seed gives the same bytes.
    pub started_at: Option<String>,
    /// Why it is not complete; `None`: it is.
    pub partial: Option<String>,
    /// The command line as given, the program first.
    pub command: Vec<String>,
    /// What was asked for, field by field, as `drumpost run --spec` reads it; `None` in a record of an older drumpost, and of a search.
    pub spec: Option<serde_json::Value>,
    /// The seed everything random was derived from.
    pub seed: u64,
    /// Settings shared by all runs.
    pub settings: Settings,
    /// Facts about the machine: kernel, processor, cores, clock source, ...
    pub environment: BTreeMap<String, String>,
    /// Thresholds of the verdicts that are not the defaults, by name; see
    /// [`Thresholds::from_settings`](crate::verdict::Thresholds::from_settings).
    pub thresholds: Settings,
    /// Present if the trials were interleaved.
    pub pairing: Option<Pairing>,
    /// One per dispatch and workload; of a search one per hold.
    pub runs: Vec<Run>,
    /// Present if the runs are the holds of a search.
    pub search: Option<Search>,
    /// Present if the runs are the sides of a comparison.
    pub comparison: Option<Compared>,
}

impl Run {
    /// The trials that figures are made of: those that ended well or, where none did, what the others had measured when
    /// they failed or were interrupted. The status says which.
    pub fn counted_trials(&self) -> impl Iterator<Item = &Trial> {
        let counts = self.counts();
        self.trials.iter().filter(move |trial| counts(trial))
    }

    /// Whether figures are made of a trial of this run, as [`Run::counted_trials`] says.
    pub(crate) fn counts(&self) -> impl Fn(&Trial) -> bool + use<> {
        let any_ok = self.trials.iter().any(|trial| trial.status == Status::Ok);
        move |trial| trial.status == Status::Ok || (!any_ok && !trial.response.is_empty())
    }

    /// The worst status of the trials: failed, then refused, then interrupted, then ok. Without a trial: interrupted.
    #[must_use]
    pub fn status(&self) -> Status {
        self.trials.iter().map(|trial| trial.status).max().unwrap_or(Status::Interrupted)
    }

    /// The sentence of the first trial that did not end well.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        let worst = self.status();
        if self.trials.is_empty() {
            return Some(self.without_trials());
        }
        let trial = self.trials.iter().find(|trial| trial.status == worst && worst != Status::Ok)?;
        Some(trial.error.as_deref().unwrap_or("no reason was given"))
    }

    /// What is said of a run without a trial. The trials of a pair that was cut off or set aside were started and are in no record.
    pub(crate) fn without_trials(&self) -> &'static str {
        if self.side.is_some() { "no trial of this side is in the record" } else { "no trial was started" }
    }

    /// What the settings say, in types.
    #[must_use]
    pub fn asked(&self) -> Asked<'_> {
        Asked::of(&self.settings)
    }

    /// Whether the transport is the simulated target, which needs no processor.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.dispatch.rsplit('/').next() == Some("sim")
    }

    /// Response times (done − due) of all counted trials, merged.
    #[must_use]
    pub fn response(&self) -> Distribution {
        Distribution::merged(self.counted_trials().map(|trial| &trial.response))
    }

    /// Service times (done − first sent) of all counted trials, merged.
    #[must_use]
    pub fn service(&self) -> Distribution {
        Distribution::merged(self.counted_trials().map(|trial| &trial.service))
    }

    /// Schedule lag (first sent − due) of all counted trials, merged.
    #[must_use]
    pub fn lag(&self) -> Distribution {
        Distribution::merged(self.counted_trials().map(|trial| &trial.lag))
    }

    /// Times between consecutive starts of flows on one sender lane, of all counted trials, merged.
    #[must_use]
    pub fn inter_send(&self) -> Distribution {
        Distribution::merged(self.counted_trials().map(|trial| &trial.inter_send))
    }

    /// Hop times (received − sent) of all counted trials, merged per destination and receiver, in order of appearance.
    #[must_use]
    pub fn hops(&self) -> Vec<Hop> {
        let mut merged: Vec<Hop> = Vec::new();
        for hop in self.counted_trials().flat_map(|trial| &trial.hops) {
            let same =
                |known: &&mut Hop| known.destination == hop.destination && known.receiver == hop.receiver;
            match merged.iter_mut().find(same) {
                Some(known) => known.time.merge(&hop.time),
                None => merged.push(hop.clone()),
            }
        }
        merged
    }

    /// Confirms of all counted trials, merged per destination, in order of appearance. Empty if the transport confirms nothing.
    #[must_use]
    pub fn confirms(&self) -> Vec<ConfirmTimes> {
        ConfirmTimes::merged(self.counted_trials().flat_map(|trial| &trial.confirms))
    }

    /// Confirm times (confirmed − sent) of all counted trials and all destinations, merged.
    #[must_use]
    pub fn confirm(&self) -> Distribution {
        Distribution::merged(
            self.counted_trials().flat_map(|trial| &trial.confirms).map(|confirms| &confirms.time),
        )
    }

    /// The counts of all trials added up, those that failed included: a fault counts wherever it was seen.
    #[must_use]
    pub fn audit(&self) -> Audit {
        let mut sum = Audit::default();
        self.trials.iter().for_each(|trial| sum.merge(&trial.audit));
        sum
    }

    /// True if a count of the audit breaks what the transport promises: see [`Promises::broken_by`].
    #[must_use]
    pub fn audit_failed(&self) -> bool {
        self.promises.broken_by(&self.audit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_status_wins_and_its_sentence_is_shown() {
        let trial = |status, error: Option<&str>| Trial {
            status,
            error: error.map(str::to_owned),
            ..Trial::default()
        };
        let mut run = Run { trials: vec![trial(Status::Ok, None)], ..Run::default() };
        assert_eq!((run.status(), run.error()), (Status::Ok, None));
        run.trials.push(trial(Status::Interrupted, Some("stopped by hand")));
        assert_eq!((run.status(), run.error()), (Status::Interrupted, Some("stopped by hand")));
        run.trials.push(trial(Status::Failed, Some("broker lost")));
        assert_eq!((run.status(), run.error()), (Status::Failed, Some("broker lost")));
        assert_eq!(Run::default().status(), Status::Interrupted);
    }

    #[test]
    fn hops_merge_by_destination_and_receiver() {
        let hop = |receiver: &str, ns| Hop {
            destination: "order.placed".into(),
            receiver: receiver.into(),
            time: Distribution::of([ns]),
        };
        let trial = Trial { hops: vec![hop("payment", 10), hop("stock", 20)], ..Trial::default() };
        let run = Run { trials: vec![trial.clone(), trial], ..Run::default() };
        let hops = run.hops();
        assert_eq!(hops.len(), 2);
        assert_eq!(hops[0].time, Distribution::of([10, 10]));
    }
}
