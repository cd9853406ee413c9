//! The percentile distribution of HdrHistogram as text, as its plotters read it.
//!
//! Lives here: its lines, laid out as `outputPercentileDistribution` of the Java implementation does, with five steps per
//! halved distance to 100 %. Does not live here: intervals (`hlog`).

use std::fmt::Write as _;

use super::{ExportError, Selection, labels};
use crate::model::{Distribution, Record};

const STEPS_PER_HALF_DISTANCE: u32 = 5;
/// Buckets per power of two and halves of it, with 3 significant digits.
const SUB_BUCKETS: u32 = 2_048;

/// The percentile distribution of the response times of one dispatch, over all its counted trials or one, in ns, which
/// the last line says.
///
/// # Errors
/// The selection is not in the record, or is more than one dispatch.
pub fn hgrm(record: &Record, selection: &Selection) -> Result<String, ExportError> {
    let chosen = selection.of(record)?;
    let run = chosen.first().ok_or(ExportError::Empty)?.run;
    if chosen.iter().any(|part| !std::ptr::eq(part.run, run)) {
        return Err(ExportError::Several { has: labels(&record.runs) });
    }
    let times = Distribution::merged(chosen.iter().map(|part| &part.trial.response));
    let histogram = times.histogram();
    let mut text =
        format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let mut total = 0;
    // Writing to a text cannot fail.
    for step in histogram.iter_quantiles(STEPS_PER_HALF_DISTANCE) {
        total += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64, step.quantile_iterated_to());
        let _ = write!(text, "{value:12.3} {quantile:.12} {total:10}");
        let _ =
            if quantile < 1.0 { writeln!(text, " {:14.2}", 1.0 / (1.0 - quantile)) } else { writeln!(text) };
    }
    let max = histogram.highest_equivalent(histogram.max()) as f64;
    let (mean, deviation, count) = (histogram.mean(), histogram.stdev(), histogram.len());
    let _ = writeln!(text, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]");
    let _ = writeln!(text, "#[Max     = {max:12.3}, Total count    = {count:12}]");
    let _ = writeln!(text, "#[Buckets = {:12}, SubBuckets     = {SUB_BUCKETS:12}]", histogram.buckets());
    let beyond = match times.over_range() {
        0 => String::new(),
        n => format!(", without {n} beyond the histogram's range"),
    };
    let _ = writeln!(text, "#[Unit    = ns, response time of {} {}{beyond}]", run.scenario, run.dispatch);
    Ok(text)
}
