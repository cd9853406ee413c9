//! The time series as comma-separated values.
//!
//! Lives here: the columns. A field is empty if its figure does not exist. Counts that are known only at the end of a trial,
//! such as lost messages, and confirm times of the whole trial are the same in all lines of the trial, and the names of their columns begin with `trial_`.
//! Percentiles of the response time come from the histograms of the series, which have 2 significant digits. A record of two sides has
//! two columns more. Does not live here: whole distributions (`hgrm`).

use std::fmt::Write as _;

use super::{ExportError, Expresses, Format, OfRecord, Selection, Source, Text, Times};
use crate::model::{Backlog, Record};

const COLUMNS: &str = "dispatch,trial,from_ns,to_ns,intervals,ended,throughput_per_s,in_flight,response_count,\
                       response_ns_mean,response_ns_p50,response_ns_p90,response_ns_p99,response_ns_max,lag_ns_p99,\
                       trial_lost,trial_unknown,trial_confirmed,trial_refused,trial_unconfirmed,unconfirmed,\
                       confirm_ns_p99,trial_confirm_ns_p50,trial_confirm_ns_p99,server_ready,\
                       server_unacknowledged,trial_dead,trial_backlog,trial_backlog_joined_ns,trial_catch_up_ns";

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
/// trial's window.
///
/// # Errors
/// The selection is not in the record, or asks for other times than those of the columns.
pub fn csv(record: &Record, selection: &Selection) -> Result<String, ExportError> {
    if selection.times != Times::Response {
        return Err(ExportError::OnlySeries { asked: selection.times.clone() });
    }
    let has_sides = record.runs.iter().any(|run| run.side.is_some());
    let mut text = format!("{COLUMNS}{}\n", if has_sides { OF_SIDES } else { "" });
    for part in selection.of(record)? {
        let of_side = part.run.side.as_ref();
        let of_side =
            of_side.map_or_else(String::new, |side| format!(",{},{}", side.role.told(), quoted(&side.row)));
        let mut from_ns = 0;
        let confirm = Times::Confirm(None).of(part.trial);
        for point in part.trial.series.points() {
            let dispatch = quoted(&part.run.dispatch);
            let number = part.trial.number;
            let rate = crate::model::per_s(point.ended, u128::from(point.at_ns.saturating_sub(from_ns)));
            let audit = &part.trial.audit;
            let backlog = part.trial.backlog.as_ref();
            let figures = [
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
                confirm.quantile_ns(0.5),
                confirm.quantile_ns(0.99),
                point.server_ready,
                point.server_unacknowledged,
                Some(audit.dead),
                backlog.map(|backlog| backlog.waiting),
                backlog.and_then(|backlog| backlog.joined_ns),
                backlog.and_then(Backlog::catch_up_ns),
            ];
            // Writing to a text cannot fail.
            let _ = write!(
                text,
                "{dispatch},{number},{from_ns},{},{},{},{},{},{}",
                point.at_ns,
                point.intervals,
                point.ended,
                rate.map_or_else(String::new, |rate| format!("{rate:.1}")),
                point.in_flight,
                point.response.count()
            );
            for figure in figures {
                let _ = write!(text, ",{}", figure.map_or_else(String::new, |n| n.to_string()));
            }
            text.push_str(&of_side);
            text.push('\n');
            from_ns = point.at_ns;
        }
    }
    Ok(text)
}

/// As RFC 4180 has it: in quotes where it must be.
pub(super) fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
