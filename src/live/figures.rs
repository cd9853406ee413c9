//! The figures of a command as metrics, added up from its events.
//!
//! Names are those of OpenTelemetry's semantic conventions for messaging, in the form that Prometheus gives them, where the conventions have a
//! figure. The others begin with `drumpost_`. A figure that an exported record has, too, has the same name there. Counters add up over
//! the trials of a row, so that they never fall while the command runs. They count what happened: a pair of trials that a comparison measured
//! again was sent twice and counts twice, though the record keeps one.

use super::{About, Row, Viewer};
use crate::secrets;
use drumpost_core::registry::transport_in;
use drumpost_results::metrics::{self, Family, Kind, Labels, Point, Totals};
use drumpost_tui::{Event, Sample, Server, Status};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The quantiles of [`drumpost_tui::Quantiles`], without the largest value.
const QUANTILES: [(f64, &str); 4] = [(0.5, "0.5"), (0.9, "0.9"), (0.99, "0.99"), (0.999, "0.999")];
const STATUSES: [(Status, &str); 5] = [
    (Status::Valid, "valid"),
    (Status::Suspect, "suspect"),
    (Status::Invalid, "invalid"),
    (Status::Refused, "refused"),
    (Status::Failed, "failed"),
];

/// The figures, shared between the thread that adds them up and those that serve them.
#[derive(Clone, Debug)]
pub(super) struct Figures(Arc<Mutex<Board>>);

#[derive(Clone, Debug, Default)]
struct Board {
    info: Labels,
    rows: Vec<Counted>,
    /// Trials of each row; zero if that is not known before.
    trials: u32,
    /// The row and the trial that is measured.
    current: Option<(usize, u32)>,
    finished: bool,
}

/// A row with what was counted.
#[derive(Clone, Debug, Default)]
struct Counted {
    /// Labels of the figures that are drumpost's own.
    labels: Labels,
    /// Labels of the figures of the conventions.
    messaging: Labels,
    /// Trials that are over.
    done: Totals,
    /// The trial that goes on.
    now: Option<(u32, Totals)>,
    /// Its latest sample.
    sample: Option<Sample>,
    /// The server of its latest trial.
    server: Option<Server>,
    ended: [u64; STATUSES.len()],
}

impl Counted {
    fn new(row: &Row) -> Self {
        // No row holds a secret, but a name may have been made of what a user wrote.
        let [scenario, dispatch, name] =
            [&row.scenario, &row.dispatch, &row.name].map(|text| secrets::hide(text));
        let transport = transport_in(&dispatch);
        let mut labels = Labels::from([("scenario", &*scenario), ("dispatch", &*dispatch)]);
        let mut messaging = Labels::from([
            ("messaging_system", transport),
            ("messaging_destination_name", &*scenario),
            ("dispatch", &*dispatch),
        ]);
        if !name.is_empty() {
            (labels, messaging) = (labels.with("row", &name), messaging.with("row", &name));
        }
        Self { labels, messaging, ..Self::default() }
    }

    fn totals(&self) -> Totals {
        let mut all = self.done;
        self.now.iter().for_each(|(_, now)| all.merge(now));
        all
    }

    /// The trial that went on is over, or was given up.
    fn close(&mut self) {
        if let Some((_, now)) = self.now.take() {
            self.done.merge(&now);
        }
        self.sample = None;
    }

    /// Takes what a trial came to so far. What comes of a trial that is over, or of another one than goes on, does not count twice.
    fn take(&mut self, trial: u32, is_over: bool, totals: &Totals) {
        match &mut self.now {
            Some((of, now)) if *of == trial => *now = *totals,
            _ => return,
        }
        if is_over {
            self.close();
        }
    }
}

impl Figures {
    pub(super) fn new(about: &About) -> Self {
        let About { kind, id, rows } = about;
        let info =
            Labels::from([("kind", *kind), ("id", id.as_str()), ("version", env!("CARGO_PKG_VERSION"))]);
        let rows = rows.iter().map(Counted::new).collect();
        Self(Arc::new(Mutex::new(Board { info, rows, ..Board::default() })))
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The figures as text. They are copied first, so that the thread that adds up waits for no more than that.
    pub(super) fn text(&self) -> String {
        metrics::text(&self.families())
    }

    /// The figures, copied likewise.
    pub(super) fn families(&self) -> Vec<Family> {
        let board = self.board().clone();
        board.families()
    }
}

impl Viewer for Figures {
    fn tell(&mut self, event: &Event) -> bool {
        let mut board = self.board();
        let Board { rows, trials, current, finished, .. } = &mut *board;
        match event {
            Event::Started(plan) => *trials = plan.trials,
            Event::TrialStarted { dispatch, trial } => {
                *current = Some((*dispatch, *trial));
                if let Some(row) = rows.get_mut(*dispatch) {
                    row.close();
                    row.now = Some((*trial, Totals::default()));
                }
            }
            Event::Totals { dispatch, trial, is_over, totals } => {
                if let Some(row) = rows.get_mut(*dispatch) {
                    row.take(*trial, *is_over, totals);
                }
            }
            Event::Sample(sample) => {
                let row = rows.get_mut(sample.dispatch);
                if let Some(row) = row.filter(|row| row.now.is_some_and(|(trial, _)| trial == sample.trial)) {
                    row.sample = Some(*sample);
                }
            }
            Event::TrialEnded { dispatch, status, .. } => {
                *current = None;
                if let Some(row) = rows.get_mut(*dispatch) {
                    row.close();
                    let at = STATUSES.iter().position(|(one, _)| one == status);
                    at.into_iter().for_each(|at| row.ended[at] += 1);
                }
            }
            Event::Finished { .. } => {
                (*finished, *current) = (true, None);
                rows.iter_mut().for_each(Counted::close);
            }
            Event::Server { dispatch, server } => {
                if let Some(row) = rows.get_mut(*dispatch) {
                    row.server = Some(server.clone());
                }
            }
            Event::Step(_) | Event::Away { .. } | Event::Confirmed { .. } | Event::Warning(_) => {}
        }
        true
    }
}

impl Board {
    fn families(&self) -> Vec<Family> {
        let totals: Vec<Totals> = self.rows.iter().map(Counted::totals).collect();
        let all: Vec<(&Counted, &Totals)> = self.rows.iter().zip(&totals).collect();
        let mut families = self.command();
        families.extend(messaging(&all));
        families.push(metrics::flows(all.iter().map(|(row, of)| (&row.labels, of.flows))));
        families.push(metrics::messages(all.iter().map(|(row, of)| (&row.labels, of.audit))));
        families.push(response(&all));
        families.extend(gauges(&self.rows));
        families.extend(servers(&self.rows));
        families
    }

    /// What the command is and how far it is.
    fn command(&self) -> Vec<Family> {
        let mut info =
            Family::new(Kind::Info, "drumpost_command", "", "The command that is running, and its record.");
        info.add(&self.info, 1.0);
        let mut rows =
            Family::new(Kind::Gauge, "drumpost_rows", "", "Rows that the command measures by turns.");
        rows.add(&Labels::default(), self.rows.len() as f64);
        let mut trials = Family::new(
            Kind::Gauge,
            "drumpost_planned_trials",
            "",
            "Trials of each row, where that is known before.",
        );
        if self.trials > 0 {
            trials.add(&Labels::default(), f64::from(self.trials));
        }
        let mut finished =
            Family::new(Kind::Gauge, "drumpost_finished", "", "1 once everything is measured, else 0.");
        finished.add(&Labels::default(), f64::from(u8::from(self.finished)));
        let mut current = Family::new(
            Kind::Gauge,
            "drumpost_trial",
            "",
            "The trial that is measured, counted from 1; no sample for other rows.",
        );
        if let Some((row, trial)) = self.current.and_then(|(at, trial)| Some((self.rows.get(at)?, trial))) {
            current.add(&row.labels, f64::from(trial) + 1.0);
        }
        let mut ended = Family::new(
            Kind::Counter,
            "drumpost_ended_trials",
            "",
            "Trials that are over, by their verdict, pairs that a comparison repeated included.",
        );
        for row in &self.rows {
            for ((_, status), n) in STATUSES.iter().zip(row.ended) {
                ended.add(&row.labels.with("status", status), n as f64);
            }
        }
        vec![info, rows, trials, finished, current, ended]
    }
}

/// The figures of OpenTelemetry's conventions.
fn messaging(all: &[(&Counted, &Totals)]) -> Vec<Family> {
    let help = "Messages that the transport accepted, warm-up and pairs that a comparison repeated included.";
    let mut sent = Family::new(Kind::Counter, "messaging_client_sent_messages", "", help);
    let help = "Messages that were delivered whole, duplicates, warm-up and pairs that a comparison repeated included.";
    let mut consumed = Family::new(Kind::Counter, "messaging_client_consumed_messages", "", help);
    let help =
        "Time from sending a message until the transport confirmed it. Only over transports that confirm.";
    let mut operation =
        Family::new(Kind::Histogram, "messaging_client_operation_duration_seconds", "seconds", help);
    let help = "Time from when a flow was due until it was processed to its end, over all its messages.";
    let mut process = Family::new(Kind::Histogram, "messaging_process_duration_seconds", "seconds", help);
    for (row, totals) in all {
        let of = |name, kind| {
            row.messaging.with("messaging_operation_name", name).with("messaging_operation_type", kind)
        };
        let (send, receive, flow) = (of("send", "send"), of("receive", "receive"), of("flow", "process"));
        sent.add(&send, totals.audit.sent as f64);
        consumed.add(&receive, totals.audit.delivered as f64);
        process.add_point(&flow, Point::Histogram(Box::new(totals.response)));
        if totals.audit.confirmed.is_some() {
            operation.add_point(&send, Point::Histogram(Box::new(totals.confirm)));
        }
    }
    vec![sent, consumed, operation, process]
}

/// Quantiles of the trial that goes on, and the count and sum of all.
fn response(all: &[(&Counted, &Totals)]) -> Family {
    let help = "Time from when a flow was due until it ended. Quantiles are of the trial that is measured.";
    let mut family = Family::new(Kind::Summary, "drumpost_response_seconds", "seconds", help);
    for (row, totals) in all {
        let known = row.sample.map(|sample| sample.run.known()).unwrap_or_default();
        let quantiles = QUANTILES.into_iter().zip(known);
        let quantiles =
            quantiles.filter_map(|((quantile, text), ns)| Some((quantile, text, ns? as f64 / 1e9)));
        let (quantiles, count) = (quantiles.collect(), totals.response.count);
        let sum = totals.response.sum_ns as f64 / 1e9;
        family.add_point(&row.labels, Point::Summary { quantiles, count, sum });
    }
    family
}

/// A figure of a sample that may be missing.
type Figure = fn(&Sample) -> Option<f64>;

/// Figures of the trial that is measured. A row that is not measured has none.
fn gauges(rows: &[Counted]) -> Vec<Family> {
    let all: [(&str, &str, &str, Figure); 9] = [
        ("drumpost_in_flight_flows", "", "Flows started and not ended.", |of| Some(of.in_flight as f64)),
        ("drumpost_asked_flows_per_second", "", "Rate that the load was asked for.", |of| of.target_per_s),
        (
            "drumpost_lag_p99_seconds",
            "seconds",
            "99th percentile of the schedule lag since the sample before.",
            |of| Some(of.lag_p99_ns as f64 / 1e9),
        ),
        (
            "drumpost_blocked_ratio",
            "ratio",
            "Share of time in which senders waited for a full transport.",
            |of| Some(of.blocked_share),
        ),
        ("drumpost_progress_ratio", "ratio", "Share of the trial that is over.", |of| Some(of.progress)),
        ("drumpost_warmup", "", "1 while the trial warms up, else 0.", |of| {
            Some(f64::from(u8::from(of.warmup)))
        }),
        ("drumpost_unconfirmed_messages", "", "Messages sent and not confirmed yet.", |of| {
            Some(of.confirms?.unconfirmed as f64)
        }),
        ("drumpost_server_cores", "", "Cores that the server keeps busy.", |of| Some(of.server?.cores)),
        ("drumpost_server_memory_bytes", "bytes", "Resident memory of the server.", |of| {
            Some(of.server?.memory_bytes as f64)
        }),
    ];
    let mut families: Vec<Family> = all
        .into_iter()
        .map(|(name, unit, help, figure)| {
            let mut family = Family::new(Kind::Gauge, name, unit, help);
            for row in rows {
                row.sample
                    .as_ref()
                    .and_then(figure)
                    .into_iter()
                    .for_each(|value| family.add(&row.labels, value));
            }
            family
        })
        .collect();
    let help = "Messages at the server: ready, and handed out but not acknowledged.";
    let mut waiting = Family::new(Kind::Gauge, "drumpost_server_waiting_messages", "", help);
    for row in rows {
        for (state, n) in row.sample.iter().flat_map(at_server) {
            waiting.add(&row.labels.with("state", state), n as f64);
        }
    }
    families.push(waiting);
    families
}

/// What is known of the servers beside the figures of samples. The version of a server stays known when its trial is over.
fn servers(rows: &[Counted]) -> [Family; 2] {
    let mut info =
        Family::new(Kind::Info, "drumpost_server", "", "The server, and the version that it told.");
    let help = "Connections of the load to the server when measuring began.";
    let mut connections = Family::new(Kind::Gauge, "drumpost_server_connections", "", help);
    for row in rows {
        let Some(Server { product, version, connections: open }) = &row.server else { continue };
        let labels = row.labels.with("product", product);
        info.add(&labels.with("version", version.as_deref().unwrap_or_default()), 1.0);
        if let (Some(open), Some(_)) = (open, row.sample) {
            connections.add(&row.labels, *open as f64);
        }
    }
    [info, connections]
}

/// Messages at the server by state, as far as it tells.
fn at_server(sample: &Sample) -> impl Iterator<Item = (&'static str, u64)> + use<> {
    let (ready, out) = sample.waiting.unzip();
    [("ready", ready), ("unacknowledged", out.flatten())]
        .into_iter()
        .filter_map(|(state, n)| Some((state, n?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_the_server_does_not_tell_has_no_figure() {
        let told = |waiting| at_server(&Sample { waiting, ..Sample::default() }).collect::<Vec<_>>();
        assert!(told(None).is_empty());
        assert_eq!(told(Some((7, None))), [("ready", 7)]);
        assert_eq!(told(Some((7, Some(0)))), [("ready", 7), ("unacknowledged", 0)]);
    }
}
