//! The time series as comma-separated values.
//!
//! Lives here: the columns. A field is empty if its figure does not exist. Counts that are known only at the end of a trial,
//! such as lost messages, and confirm times of the whole trial are the same in all lines of the trial, and the names of their columns begin with `trial_`.
//! Percentiles of the response time come from the histograms of the series, which have 2 significant digits. Every trial has a line at least, and
//! `trial_status` says what became of it. A record of two sides has two columns more. Does not live here: whole distributions (`hgrm`).

use std::fmt::Write as _;

use super::{ExportError, Expresses, Format, Line, OfRecord, Selection, Source, Text, Times};
use crate::model::{Backlog, Point, Record, Status, Trial, Validity, per_s};
use crate::verdict::{Alone, Thresholds};

const COLUMNS: &str = "dispatch,trial,from_ns,to_ns,intervals,ended,throughput_per_s,in_flight,response_count,\
                       response_ns_mean,response_ns_p50,response_ns_p90,response_ns_p99,response_ns_max,lag_ns_p99,\
                       trial_lost,trial_unknown,trial_confirmed,trial_refused,trial_unconfirmed,unconfirmed,\
                       confirm_ns_p99,trial_confirm_ns_p50,trial_confirm_ns_p99,server_ready,\
                       server_unacknowledged,trial_dead,trial_backlog,trial_backlog_joined_ns,trial_catch_up_ns,\
                       trial_status";

/// Columns at the end, for a record of two sides: the side and its row, which is a dispatch or a cell of a suite.
const OF_SIDES: &str = ",side,row";

/// The format `csv`.
#[derive(Debug)]
pub(super) struct Csv;

/// The name of the format.
pub(super) const NAME: &str = "csv";

impl Format for Csv {
    fn name(&self) -> &'static str {
        NAME
    }

    fn extension(&self) -> &'static str {
        "csv"
    }

    fn expresses(&self) -> Expresses {
        Expresses::default()
    }

    fn write(&self, source: &Source<'_>) -> Result<Text, ExportError> {
        let OfRecord { record, selection, .. } = source.of_record(NAME)?;
        Ok(csv(record, selection)?.into())
    }
}

/// A line with the names of the columns, then a line for each interval of every chosen trial. Times count from the start of the
/// trial's window. A trial without intervals is one line. So is a trial that failed beside others that ended well, and one that measured nothing,
/// such as one that was refused. Its figures do not count, so they are left out.
///
/// # Errors
/// The selection is not in the record, or asks for other times than those of the columns.
pub fn csv(record: &Record, selection: &Selection) -> Result<String, ExportError> {
    if selection.times != Times::Response {
        return Err(ExportError::OnlySeries { asked: selection.times.clone() });
    }
    let has_sides = record.runs.iter().any(|run| run.side.is_some());
    let mut text = format!("{COLUMNS}{}\n", if has_sides { OF_SIDES } else { "" });
    let limits = Thresholds::from_settings(&record.thresholds);
    let mut alone: Vec<Alone<'_>> = record.runs.iter().map(|run| Alone::of(run, &limits)).collect();
    for Line { place, run, trial, counts } in selection.lines(record)? {
        let (dispatch, number) = (quoted(&run.dispatch), trial.number);
        let of_side = run.side.as_ref();
        let of_side =
            of_side.map_or_else(String::new, |side| format!(",{},{}", side.role.told(), quoted(&side.row)));
        let status = status(&mut alone[place], trial);
        let confirm = trial.confirm();
        let confirm = [0.5, 0.99].map(|quantile| confirm.quantile_ns(quantile));
        let whole = [whole(trial)];
        let points = match trial.series.points() {
            points if counts && !points.is_empty() => points,
            _ => &whole[..],
        };
        let mut from_ns = 0;
        for point in points {
            let figures = figures((point, from_ns), trial, confirm, counts);
            // Writing to a text cannot fail.
            let _ =
                writeln!(text, "{dispatch},{number},{from_ns},{},{figures},{status}{of_side}", point.at_ns);
            from_ns = point.at_ns;
        }
    }
    Ok(text)
}

/// A trial as if it were one interval. How many flows were under way at its end is not known; it has no intervals.
fn whole(trial: &Trial) -> Point {
    let point = Point { at_ns: trial.elapsed_ns, intervals: 0, ended: trial.flows.ended, ..Point::default() };
    point.with_response(&trial.response)
}

/// The fields of an interval, which begins at `from_ns`, and of its trial, from `intervals` on. All are empty if the trial
/// does not count.
fn figures(
    (point, from_ns): (&Point, u64),
    trial: &Trial,
    [confirm_p50, confirm_p99]: [Option<u64>; 2],
    counts: bool,
) -> String {
    let text = |n: Option<u64>| n.filter(|_| counts).map_or_else(String::new, |n| n.to_string());
    let rate = per_s(point.ended, u128::from(point.at_ns.saturating_sub(from_ns))).filter(|_| counts);
    let (audit, backlog) = (&trial.audit, trial.backlog.as_ref());
    let first = [Some(u64::from(point.intervals)), Some(point.ended)].map(text);
    let others = [
        Some(point.in_flight).filter(|_| point.intervals > 0),
        Some(point.response.count()),
        point.response.mean_ns().map(|ns| ns.round() as u64),
        point.response_p50_ns,
        point.response.quantile_ns(0.9),
        point.response_p99_ns,
        point.response_max_ns,
        point.lag_p99_ns,
        Some(audit.lost),
        Some(audit.unknown),
        audit.confirmed,
        audit.refused,
        audit.unconfirmed,
        point.unconfirmed,
        point.confirm_p99_ns,
        confirm_p50,
        confirm_p99,
        point.server_ready,
        point.server_unacknowledged,
        Some(audit.dead),
        backlog.map(|backlog| backlog.waiting),
        backlog.and_then(|backlog| backlog.joined_ns),
        backlog.and_then(Backlog::catch_up_ns),
    ]
    .map(text);
    let rate = [rate.map_or_else(String::new, |rate| format!("{rate:.1}"))];
    [&first[..], &rate[..], &others[..]].concat().join(",")
}

/// The word for a trial in the last column: its status, or `invalid` if it ended well and did not measure what was asked.
fn status(alone: &mut Alone<'_>, trial: &Trial) -> &'static str {
    match trial.status {
        Status::Ok if alone.reason(trial).is_some() => Validity::Invalid.word(),
        status => status.word(),
    }
}

/// As RFC 4180 has it: in quotes where it must be.
pub(super) fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
