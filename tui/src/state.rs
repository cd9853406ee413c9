//! The state that follows from the events: one row per dispatch, the trial that is being measured, the notices.
//!
//! Does not live here: keys, focus and pause (`model.rs`), drawing.

use std::collections::VecDeque;

use crate::event::{Confirms, Event, Plan, Sample, Server, Status};
use crate::history::History;

/// The most notices kept; older ones are counted and forgotten.
const NOTICES: usize = 32;
/// The most outages of a trial that are shown: a chart has room for no more marks.
const OUTAGES: usize = 32;

/// Everything the dashboard knows. Its size is bounded by the plan, not by the length of the run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// The plan of the run, once it is known.
    pub plan: Option<Plan>,
    /// One row per dispatch of the plan.
    pub rows: Vec<Row>,
    /// The trial being measured, or the latest that was.
    pub current: Option<Current>,
    /// The latest notices, oldest first.
    pub notices: VecDeque<Notice>,
    /// Notices that are no longer kept.
    pub notices_forgotten: u64,
    /// The step that the command is on, if it told.
    pub step: Option<String>,
    /// A server of the run has told how many messages wait there, so there is a row for their course.
    pub has_depth: bool,
    /// How the run ended; may be empty.
    pub finished: Option<String>,
}

/// A trial, by numbers counted from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Current {
    /// Index into [`State::rows`].
    pub dispatch: usize,
    /// Trial of that dispatch.
    pub trial: u32,
}

/// A sentence for the user, and how often it was said in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The sentence, without control characters.
    pub text: String,
    /// How often, one or more.
    pub times: u64,
}

/// The state of a dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not measured yet.
    Waiting,
    /// A trial is warming up.
    WarmingUp,
    /// A trial is being measured.
    Running,
    /// Between trials or after the last: the worst verdict so far.
    Ended(Status),
    /// The run was over in the middle of a trial.
    Stopped,
    /// The run was over before the first trial.
    NotRun,
}

/// One dispatch: its latest trial in full, the ended ones in sums.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Name of the dispatch.
    pub name: String,
    /// Its state.
    pub phase: Phase,
    /// The latest sample of the latest trial.
    pub last: Option<Sample>,
    /// The latest trial over time.
    pub history: History,
    /// What the transport confirmed in the latest trial; `None` while it is running, and where it confirms nothing.
    pub confirms: Option<Confirms>,
    /// When instances were away in the latest trial: from and until, in nanoseconds from its start.
    pub outages: Vec<(u64, u64)>,
    /// The server of its latest trial; `None` without one, and until it is known.
    pub server: Option<Server>,
    /// Trials that ended.
    pub trials_ended: u32,
    /// The worst verdict of the trials that ended.
    pub worst: Option<Status>,
    /// The verdict of the latest trial, and what speaks against it; `None` while it is running.
    pub latest: Option<(Status, String)>,
    faults_before: u64,
    trial: Option<u32>,
    measured_flows: f64,
    measured_ns: u64,
    /// The same of the trials before the latest, added up.
    flows_before: f64,
    ns_before: u64,
}

impl Row {
    fn new(name: &str) -> Self {
        Self {
            name: clean(name),
            phase: Phase::Waiting,
            last: None,
            history: History::default(),
            confirms: None,
            outages: Vec::new(),
            server: None,
            trials_ended: 0,
            worst: None,
            latest: None,
            faults_before: 0,
            trial: None,
            measured_flows: 0.0,
            measured_ns: 0,
            flows_before: 0.0,
            ns_before: 0,
        }
    }

    /// Mean throughput of the latest trial without its warm-up, in flows per second.
    #[must_use]
    pub fn mean_per_s(&self) -> Option<f64> {
        (self.measured_ns > 0).then(|| self.measured_flows / (self.measured_ns as f64 / 1e9))
    }

    /// Mean throughput of all its trials without their warm-ups, in flows per second.
    #[must_use]
    pub fn mean_of_trials_per_s(&self) -> Option<f64> {
        let all_ns = self.ns_before.saturating_add(self.measured_ns);
        (all_ns > 0).then(|| (self.flows_before + self.measured_flows) / (all_ns as f64 / 1e9))
    }

    /// Faulty messages of all its trials.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.faults_before.saturating_add(self.last.map_or(0, |s| s.faults()))
    }

    /// Makes room for a trial, unless that trial is the one already shown.
    fn begin(&mut self, trial: u32) {
        if self.trial == Some(trial) {
            return;
        }
        self.faults_before = self.faults();
        self.trial = Some(trial);
        self.last = None;
        self.latest = None;
        self.confirms = None;
        self.outages.clear();
        self.history = History::default();
        self.flows_before += self.measured_flows;
        self.ns_before = self.ns_before.saturating_add(self.measured_ns);
        (self.measured_flows, self.measured_ns) = (0.0, 0);
    }

    fn sample(&mut self, sample: Sample) {
        self.begin(sample.trial);
        let before_ns = self.last.map_or(0, |s| s.elapsed_ns);
        let interval_ns = sample.elapsed_ns.saturating_sub(before_ns);
        if !sample.warmup && sample.throughput_per_s.is_finite() {
            self.measured_flows += sample.throughput_per_s * interval_ns as f64 / 1e9;
            self.measured_ns = self.measured_ns.saturating_add(interval_ns);
        }
        self.history.push(&sample);
        self.last = Some(sample);
    }

    fn end(&mut self, trial: u32, status: Status) {
        self.begin(trial);
        self.trials_ended = self.trials_ended.saturating_add(1);
        let worst = self.worst.map_or(status, |before| before.max(status));
        self.worst = Some(worst);
        self.phase = Phase::Ended(worst);
    }

    fn close(&mut self) {
        self.phase = match self.phase {
            Phase::Waiting => Phase::NotRun,
            Phase::WarmingUp | Phase::Running => Phase::Stopped,
            ended => ended,
        };
    }
}

impl State {
    pub(crate) fn apply(&mut self, event: Event) {
        match event {
            Event::Started(plan) => {
                let rows = plan.dispatches.iter().map(|name| Row::new(name)).collect();
                *self = Self { plan: Some(cleaned(plan)), rows, ..Self::default() };
            }
            Event::TrialStarted { dispatch, trial } => {
                let Some(row) = self.row(dispatch) else { return };
                row.begin(trial);
                row.phase = Phase::Running;
                self.current = Some(Current { dispatch, trial });
            }
            Event::Step(text) => self.step = Some(clean(&text)),
            Event::Sample(sample) => self.sample(sample),
            // The rows show samples.
            Event::Totals { .. } => {}
            Event::Confirmed { dispatch, confirms } => {
                let Some(row) = self.row(dispatch) else { return };
                row.confirms = Some(confirms);
            }
            Event::Server { dispatch, server } => {
                let Some(row) = self.row(dispatch) else { return };
                let Server { product, version, connections } = server;
                let version = version.as_deref().map(clean);
                row.server = Some(Server { product: clean(&product), version, connections });
            }
            Event::Away { dispatch, trial, from_ns, until_ns } => {
                let Some(row) = self.row(dispatch) else { return };
                row.begin(trial);
                if row.outages.len() < OUTAGES {
                    row.outages.push((from_ns, until_ns));
                }
            }
            Event::TrialEnded { dispatch, trial, status, note } => {
                let Some(row) = self.row(dispatch) else { return };
                row.end(trial, status);
                row.latest = Some((status, clean(&note)));
                if status != Status::Valid && !note.is_empty() {
                    let text =
                        format!("{} trial {} {}: {note}", row.name, u64::from(trial) + 1, status.word());
                    self.notice(&text);
                }
            }
            Event::Warning(text) => self.notice(&text),
            Event::Finished { note } => {
                self.rows.iter_mut().for_each(Row::close);
                self.finished = Some(clean(&note));
            }
        }
    }

    /// The row of a dispatch. Events for a dispatch that was not announced are shown as a notice, not swallowed.
    fn row(&mut self, dispatch: usize) -> Option<&mut Row> {
        if dispatch >= self.rows.len() {
            self.notice(&format!(
                "figures arrived for dispatch {}, which is not in the plan",
                dispatch.saturating_add(1)
            ));
        }
        self.rows.get_mut(dispatch)
    }

    fn sample(&mut self, sample: Sample) {
        self.has_depth |= sample.waiting.is_some();
        let Some(row) = self.row(sample.dispatch) else { return };
        // A sample that was under way when its trial ended completes the figures; the verdict stays.
        let late = matches!(row.phase, Phase::Ended(_)) && row.trial == Some(sample.trial);
        row.sample(sample);
        if !late {
            row.phase = if sample.warmup { Phase::WarmingUp } else { Phase::Running };
            self.current = Some(Current { dispatch: sample.dispatch, trial: sample.trial });
        }
    }

    fn notice(&mut self, text: &str) {
        let text = clean(text);
        if let Some(last) = self.notices.back_mut()
            && last.text == text
        {
            last.times = last.times.saturating_add(1);
            return;
        }
        if self.notices.len() == NOTICES {
            self.notices.pop_front();
            self.notices_forgotten += 1;
        }
        self.notices.push_back(Notice { text, times: 1 });
    }

    /// The latest sample of the trial being measured.
    #[must_use]
    pub fn current_sample(&self) -> Option<&Sample> {
        self.rows.get(self.current?.dispatch)?.last.as_ref()
    }

    /// Share of all planned trials that is over, 0 to 1.
    #[must_use]
    pub fn progress(&self) -> f64 {
        let trials = self.plan.as_ref().map_or(0, |p| p.trials);
        let planned = self.rows.len() as f64 * f64::from(trials);
        let ended: f64 = self.rows.iter().map(|r| f64::from(r.trials_ended.min(trials))).sum();
        let measuring = self.current.and_then(|c| self.rows.get(c.dispatch)).filter(|row| row.is_measuring());
        let under_way = measuring.and_then(|row| row.last).map_or(0.0, |s| share(s.progress));
        if planned > 0.0 { ((ended + under_way) / planned).min(1.0) } else { 0.0 }
    }
}

impl Row {
    /// Whether a trial of it is under way.
    #[must_use]
    pub fn is_measuring(&self) -> bool {
        matches!(self.phase, Phase::WarmingUp | Phase::Running)
    }
}

impl Status {
    /// The verdict in one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Suspect => "suspect",
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl Phase {
    /// The phase in one or two words.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::WarmingUp => "warming up",
            Self::Running => "running",
            Self::Ended(status) => status.word(),
            Self::Stopped => "stopped",
            Self::NotRun => "not run",
        }
    }
}

/// A share that can be drawn: 0 to 1, whatever came in.
pub(crate) fn share(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) }
}

/// A text on one line that cannot steer a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn cleaned(plan: Plan) -> Plan {
    let Plan { scenario, load, dispatches, trials, settings } = plan;
    Plan {
        scenario: clean(&scenario),
        load: clean(&load),
        dispatches: dispatches.iter().map(|name| clean(name)).collect(),
        trials,
        settings: clean(&settings),
    }
}

#[cfg(test)]
mod tests;
