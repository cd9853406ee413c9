//! The HdrHistogram interval log, version 1.3, as the tools of HdrHistogram read it.
//!
//! There is a line for each interval of the series. A trial whose record has no histograms of intervals is one line, and so is
//! every trial where other times than the response time are exported.
//! Lines are tagged with their dispatch only if there are several dispatches, or several sides of a comparison: the tools look at
//! lines without a tag unless they are given one, and some fail if there are none. Does not live here: the binary form of a histogram
//! (`model::Distribution`).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Chosen, ExportError, Expresses, Format, OfRecord, Selection, Source, Text, Times};
use crate::model::{Distribution, Record};
use crate::plain::{acts, line};

/// The format `hlog`.
#[derive(Debug)]
pub(super) struct Hlog;

impl Format for Hlog {
    fn name(&self) -> &'static str {
        "hlog"
    }

    fn extension(&self) -> &'static str {
        "hlog"
    }

    fn expresses(&self) -> Expresses {
        Expresses { times: true, ..Expresses::default() }
    }

    fn write(&self, source: &Source<'_>) -> Result<Text, ExportError> {
        let OfRecord { record, selection, started_s, .. } = source.of_record(self.name())?;
        Ok(hlog(record, selection, started_s)?.into())
    }
}

/// An interval log of the chosen times in ns. Times of intervals are in seconds from `started_s` (since the epoch; 0 in
/// virtual time); trials follow one another without the pauses between them, which a record does not hold. The maximum of
/// an interval is in ms, as the format has it; the histograms hold ns.
///
/// # Errors
/// The selection is not in the record.
pub fn hlog(record: &Record, selection: &Selection, started_s: f64) -> Result<String, ExportError> {
    let chosen = selection.of(record)?;
    selection.has_times(&chosen)?;
    let has_intervals = |part: &Chosen<'_>| selection.times == Times::Response && has_intervals(part);
    let times_in_words = selection.times.words();
    let date = line(record.started_at.as_deref().unwrap_or("virtual time"));
    let tags = tags(&chosen);
    let mut text = format!(
        "#[{} of {} in ns, by drumpost {}; Interval_Max in ms]\n\
         #[Histogram log format version 1.3]\n\
         #[StartTime: {started_s:.3} (seconds since epoch), {date}]\n\
         {}{}\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
        capital(&line(&times_in_words)),
        line(&record.id),
        line(&record.tool_version),
        precision(&chosen, has_intervals),
        tags_in_words(&tags),
    );
    for part in &chosen {
        let tag = if tags.len() > 1 { format!("Tag={},", tag(part)) } else { String::new() };
        let mut write_line = |from_ns: u64, to_ns: u64, times: &Distribution| -> Result<(), ExportError> {
            let [from_s, length_s] =
                [part.from_ns + from_ns, to_ns.saturating_sub(from_ns)].map(|ns| ns as f64 / 1e9);
            let max_ms = times.max_ns().unwrap_or(0) as f64 / 1e6;
            let histogram = STANDARD.encode(times.to_bytes()?);
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{tag}{from_s:.6},{length_s:.6},{max_ms:.6},{histogram}");
            Ok(())
        };
        let points = part.trial.series.points();
        if !has_intervals(part) {
            write_line(0, part.trial.elapsed_ns, &selection.times.of(part.trial))?;
            continue;
        }
        let mut from_ns = 0;
        for point in points {
            write_line(from_ns, point.at_ns, &point.response)?;
            from_ns = point.at_ns;
        }
    }
    Ok(text)
}

/// `Response times` of `response time`, `Confirm times to orders` of `confirm time to orders`.
fn capital(words: &str) -> String {
    let plural = words.replacen(" time", " times", 1);
    let mut letters = plural.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A name as a tag, which ends at a comma or a blank.
fn tag(part: &Chosen<'_>) -> String {
    part.name.replace(|c: char| c == ',' || c.is_whitespace() || acts(c), "_")
}

/// The tags of all trials, each once, in the order they come.
fn tags(chosen: &[Chosen<'_>]) -> Vec<String> {
    let mut tags = Vec::new();
    for tag in chosen.iter().map(tag) {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

/// A comment that names the tags, where there are any: readers have to be told one of them.
fn tags_in_words(tags: &[String]) -> String {
    if tags.len() < 2 {
        return String::new();
    }
    format!("#[Tags: {}; HistogramLogProcessor reads one of them with -tag]\n", tags.join(", "))
}

/// True if the record holds histograms of the trial's intervals.
fn has_intervals(part: &Chosen<'_>) -> bool {
    part.trial.series.points().iter().any(|point| !point.response.is_empty())
}

/// A comment that says how exact the histograms are. Those of intervals are coarser than those of whole trials.
fn precision(chosen: &[Chosen<'_>], has_intervals: impl Fn(&Chosen<'_>) -> bool) -> &'static str {
    let is_any = |wanted: bool| chosen.iter().any(|part| has_intervals(part) == wanted);
    match (is_any(true), is_any(false)) {
        (true, false) => {
            "#[Precision: 2 significant digits, percentiles are at most 0.781 % too high; those of whole trials in an hgrm \
             have 3]\n"
        }
        (true, true) => {
            "#[Precision: 2 significant digits, percentiles are at most 0.781 % too high; 3 where a line is a whole \
             trial]\n"
        }
        (false, _) => "#[Precision: 3 significant digits, percentiles are at most 0.1 % too high]\n",
    }
}
