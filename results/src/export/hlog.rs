//! The HdrHistogram interval log, version 1.3, as the tools around HdrHistogram read it.
//!
//! Lives here: its lines. One per interval of the series, tagged with its dispatch; a trial whose record holds no
//! histograms of intervals is one line. Does not live here: the binary form of a histogram (`model::Distribution`).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{ExportError, Selection};
use crate::model::{Distribution, Record};

/// An interval log of response times in ns. Times of intervals are in seconds from `started_s` (since the epoch; 0 in
/// virtual time); trials follow one another without the pauses between them, which a record does not hold. The maximum of
/// an interval is in ms, as the format has it; the histograms hold ns.
///
/// # Errors
/// The selection is not in the record.
pub fn hlog(record: &Record, selection: &Selection, started_s: f64) -> Result<String, ExportError> {
    let chosen = selection.of(record)?;
    let date = record.started_at.as_deref().unwrap_or("virtual time");
    let mut text = format!(
        "#[Response times of {} in ns, by drumpost {}; Interval_Max in ms]\n\
         #[Histogram log format version 1.3]\n\
         #[StartTime: {started_s:.3} (seconds since epoch), {date}]\n\
         \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
        record.id, record.tool_version
    );
    for part in chosen {
        // A tag ends at a comma or a blank.
        let tag = part.run.dispatch.replace([',', ' '], "_");
        let mut line = |from_ns: u64, to_ns: u64, times: &Distribution| -> Result<(), ExportError> {
            let [from_s, length_s] =
                [part.from_ns + from_ns, to_ns.saturating_sub(from_ns)].map(|ns| ns as f64 / 1e9);
            let max_ms = times.max_ns().unwrap_or(0) as f64 / 1e6;
            let histogram = STANDARD.encode(times.to_bytes()?);
            // Writing to a text cannot fail.
            let _ = writeln!(text, "Tag={tag},{from_s:.6},{length_s:.6},{max_ms:.6},{histogram}");
            Ok(())
        };
        let points = part.trial.series.points();
        if points.iter().all(|point| point.response.is_empty()) {
            line(0, part.trial.elapsed_ns, &part.trial.response)?;
            continue;
        }
        let mut from_ns = 0;
        for point in points {
            line(from_ns, point.at_ns, &point.response)?;
            from_ns = point.at_ns;
        }
    }
    Ok(text)
}
