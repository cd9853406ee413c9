//! The percentile distribution of HdrHistogram as text, in the form that its plotters read.
//!
//! The lines have the layout of `outputPercentileDistribution` of the Java implementation, with five steps per halved
//! distance to 100 %. Does not live here: intervals (`hlog`).

use std::fmt::Write as _;

use hdrhistogram::Histogram;

use super::{Chosen, ExportError, Expresses, Format, OfRecord, Selection, Source, Text};
use super::{called, flags, labels, listed};
use crate::model::{Distribution, Record, Run};
use crate::plain::line;

const STEPS_PER_HALF_DISTANCE: f64 = 5.0;
/// Buckets per power of two and halves of it, with 3 significant digits.
const SUB_BUCKETS: u32 = 2_048;

/// What helps, where one distribution was asked for and there are several: a dispatch, or a load of a search.
fn several(record: &Record, chosen: &[Chosen<'_>]) -> ExportError {
    let Some(first) = chosen.first() else { return ExportError::Empty };
    let dispatch = &first.run.dispatch;
    let is_one = chosen.iter().all(|part| part.run.dispatch == *dispatch);
    let Some(search) = record.search.as_ref().filter(|_| is_one) else {
        let has = match first.run.side {
            Some(_) => listed(chosen.iter().map(|part| part.name.as_str())),
            None => labels(&record.runs),
        };
        let role = |run: &Run| run.side.as_ref().map(|side| side.role);
        let flags = flags(chosen.iter().map(|part| (role(part.run), called(part.run))));
        return ExportError::Several { flags, has };
    };
    let searched = search.dispatches.iter().find(|searched| searched.dispatch == *dispatch);
    let kept_per_s = searched.and_then(|searched| searched.answer.kept_per_s);
    let held_per_s = searched.and_then(|searched| Some(searched.holds.first()?.rate_per_s));
    ExportError::Search {
        holds: chosen.len(),
        dispatch: dispatch.clone(),
        rate: drumpost_units::rate_text(kept_per_s.or(held_per_s).unwrap_or(1_000.0)),
    }
}

/// The format `hgrm`.
#[derive(Debug)]
pub(super) struct Hgrm;

impl Format for Hgrm {
    fn name(&self) -> &'static str {
        "hgrm"
    }

    fn extension(&self) -> &'static str {
        "hgrm"
    }

    fn expresses(&self) -> Expresses {
        Expresses { times: true, ..Expresses::default() }
    }

    fn write(&self, source: &Source<'_>) -> Result<Text, ExportError> {
        let OfRecord { record, selection, .. } = source.of_record(self.name())?;
        Ok(hgrm(record, selection)?.into())
    }
}

/// The percentile distribution of the chosen times of one dispatch, over all its counted trials or one, in ns, which the last
/// line says.
///
/// # Errors
/// The selection is not in the record, or is more than one dispatch.
pub fn hgrm(record: &Record, selection: &Selection) -> Result<String, ExportError> {
    let chosen = selection.of(record)?;
    let run = chosen.first().ok_or(ExportError::Empty)?.run;
    if chosen.iter().any(|part| !std::ptr::eq(part.run, run)) {
        return Err(several(record, &chosen));
    }
    selection.has_times(&chosen)?;
    let of_trials: Vec<Distribution> = chosen.iter().map(|part| selection.times.of(part.trial)).collect();
    let times = Distribution::merged(&of_trials);
    let histogram = times.histogram();
    let mut text =
        format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    // Writing to a text cannot fail.
    for Step { value_ns, percentile, total } in steps(histogram) {
        let (value, quantile) = (value_ns as f64, percentile / 100.0);
        let _ = write!(text, "{value:12.3} {quantile:.12} {total:10}");
        if quantile < 1.0 {
            let _ = write!(text, " {:14.2}", 1.0 / (1.0 - quantile));
        }
        text.push('\n');
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
    let (scenario, dispatch) = (line(&run.scenario), line(&run.dispatch));
    let side = run.side.as_ref().map_or_else(String::new, |side| format!(", {}", side.role.told()));
    let words = selection.times.words();
    let words = line(&words);
    let _ = writeln!(text, "#[Unit    = ns, {words} of {scenario} {dispatch}{side}{beyond}]");
    Ok(text)
}

/// A line: the value that so many values are not above.
struct Step {
    value_ns: u64,
    percentile: f64,
    total: u64,
}

/// The steps of the Java implementation's `PercentileIterator`, its rounding included, so that files can be compared line
/// by line; those of the hdrhistogram crate differ by a bucket here and there.
fn steps(histogram: &Histogram<u64>) -> Vec<Step> {
    let (mut steps, mut total, mut percentile) = (Vec::new(), 0, 0.0);
    let whole = histogram.len();
    'buckets: for bucket in histogram.iter_recorded() {
        total += bucket.count_at_value();
        while 100.0 * total as f64 / whole as f64 >= percentile {
            steps.push(Step { value_ns: bucket.value_iterated_to(), percentile, total });
            let halvings = (100.0f64 / (100.0 - percentile)).ln() / 2.0f64.ln();
            let steps_to_100 = STEPS_PER_HALF_DISTANCE * 2.0f64.powi(halvings as i32 + 1);
            percentile += 100.0 / steps_to_100;
            if total == whole {
                steps.push(Step { value_ns: bucket.value_iterated_to(), percentile: 100.0, total });
                break 'buckets;
            }
        }
    }
    steps
}
