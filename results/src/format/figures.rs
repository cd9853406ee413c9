//! The figures of a run as a whole, against those of its trials.
//!
//! They are written for readers of the file and follow from the trials, so a record takes them from there. But another program that reads the
//! file believes them. So a document is refused if a figure is one that no run can have, or one that the trials of the run contradict. Does not
//! live here: numbers whose sums would not fit (`limits`), and the fields themselves (`v1`).

use super::convert::times_back;
use super::{FormatError, v1};
use crate::model::per_s;
use crate::plain::name;

/// More than any count of 64 bits in a nanosecond gives.
const MOST: f64 = 1e30;
/// As a share. The same figure is computed from the same trials, so this leaves room for other ways of rounding alone.
const OFF: f64 = 0.01;
/// As a share: more than a bucket of a histogram is wide.
const OFF_PERCENTILE: f64 = 0.05;

/// Refuses a date that is none, and figures of runs that cannot be.
///
/// # Errors
/// Names the first such field, and why it cannot be.
pub(super) fn check(document: &v1::Document) -> Result<(), FormatError> {
    if let Some(date) = document.started_at.as_deref().filter(|date| !is_time(date)) {
        return Err(wrong("started_at", format!("`{}` is no time such as 2026-11-21T10:45:01Z", name(date))));
    }
    document.runs.iter().enumerate().try_for_each(|(i, run)| of_run(&format!("runs[{i}]"), run))
}

/// Whether a text is a time as records have it: `2026-11-21T10:45:01Z`, also with parts of a second.
fn is_time(text: &str) -> bool {
    let numbers = |text: &str, between: char, most: [u32; 3]| {
        let parts: Vec<&str> = text.split(between).collect();
        let is_number = |part: &str, most: u32| {
            part.bytes().all(|c| c.is_ascii_digit()) && part.parse::<u32>().is_ok_and(|number| number <= most)
        };
        parts.len() == 3 && parts.iter().zip(most).all(|(part, most)| is_number(part, most))
    };
    let Some((day, time)) = text.strip_suffix('Z').and_then(|text| text.split_once('T')) else {
        return false;
    };
    let (time, _parts_of_a_second) = time.split_once('.').unwrap_or((time, ""));
    numbers(day, '-', [9_999, 12, 31]) && numbers(time, ':', [23, 59, 60])
}

fn of_run(at: &str, run: &v1::Run) -> Result<(), FormatError> {
    for (figure, value) in [
        ("throughput_per_s", run.throughput_per_s),
        ("due_per_s", run.due_per_s),
        ("achieved_per_s", run.achieved_per_s),
        ("cpu_ns_per_message", run.cpu_ns_per_message),
        ("cpu_ns_per_flow", run.cpu_ns_per_flow),
        ("messages_per_flow", run.messages_per_flow),
        ("awake_share", run.awake_share),
        ("harness_share", run.harness_share),
        ("mean_in_flight", run.mean_in_flight),
        ("counted_in_flight", run.counted_in_flight),
    ] {
        if let Some(value) = value.filter(|value| !(0.0..MOST).contains(value)) {
            return Err(wrong(&format!("{at}.{figure}"), format!("no run can have {value:?}")));
        }
    }
    let trials = counted(run);
    let ended = trials.iter().map(|trial| trial.flows.ended).sum();
    let elapsed_ns = trials.iter().map(|trial| u128::from(trial.elapsed_ns)).sum();
    let of_trials = per_s(ended, elapsed_ns);
    if let Some(told) = run.throughput_per_s
        && of_trials.is_none_or(|own| (told - own).abs() > OFF * own)
    {
        let own = of_trials.map_or_else(|| "none".to_owned(), |own| own.to_string());
        return Err(wrong(
            &format!("{at}.throughput_per_s"),
            format!("it is {told}, but that of its trials is {own}"),
        ));
    }
    let of = |times: fn(&v1::Trial) -> &v1::Times| trials.iter().copied().map(times).collect::<Vec<_>>();
    for (figure, whole, parts) in [
        ("response_ns", &run.response_ns, of(|trial| &trial.response_ns)),
        ("service_ns", &run.service_ns, of(|trial| &trial.service_ns)),
        ("lag_ns", &run.lag_ns, of(|trial| &trial.lag_ns)),
    ] {
        of_times(&format!("{at}.{figure}"), whole, &parts)?;
    }
    Ok(())
}

/// The trials that a run's figures are made of, as `Run::counted_trials` has them.
fn counted(run: &v1::Run) -> Vec<&v1::Trial> {
    let is_ok = |trial: &v1::Trial| matches!(trial.status, v1::Status::Ok);
    let any_ok = run.trials.iter().any(is_ok);
    let counts = |trial: &&v1::Trial| is_ok(trial) || (!any_ok && trial.response_ns.count > 0);
    run.trials.iter().filter(counts).collect()
}

/// Times of a run, against their histogram and those of its trials.
fn of_times(at: &str, whole: &v1::Times, trials: &[&v1::Times]) -> Result<(), FormatError> {
    let all = times_back(at, whole)?;
    let count: u64 = trials.iter().map(|times| times.count).sum();
    let min = trials.iter().filter_map(|times| times.min).min();
    let max = trials.iter().filter_map(|times| times.max).max();
    if (whole.count, whole.min, whole.max) != (count, min, max) {
        let words = |count: u64, min: Option<u64>, max: Option<u64>| match (min, max) {
            (Some(min), Some(max)) => format!("{count} from {min} to {max}"),
            _ => count.to_string(),
        };
        let (told, own) = (words(whole.count, whole.min, whole.max), words(count, min, max));
        return Err(wrong(at, format!("its values are {told}, but those of its trials are {own}")));
    }
    for (percentile, told, quantile) in [
        ("p50", whole.p50, 0.5),
        ("p90", whole.p90, 0.9),
        ("p99", whole.p99, 0.99),
        ("p99_9", whole.p99_9, 0.999),
        ("p99_99", whole.p99_99, 0.9999),
    ] {
        let Some((told, own)) = told.zip(all.quantile_ns(quantile)) else { continue };
        if told.abs_diff(own) as f64 > OFF_PERCENTILE * own as f64 + 1.0 {
            let reason = format!("it is {told}, but that of its histogram is {own}");
            return Err(wrong(&format!("{at}.{percentile}"), reason));
        }
    }
    Ok(())
}

fn wrong(at: &str, reason: String) -> FormatError {
    FormatError::Content { at: at.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::super::{from_json, to_json};
    use crate::sample;
    use serde_json::{Value, json};

    fn read(change: impl FnOnce(&mut Value)) -> Result<(), String> {
        let mut record = sample::record();
        record.judge(&crate::verdict::Thresholds::default());
        let mut document: Value = serde_json::from_str(&to_json(&record).unwrap()).unwrap();
        change(&mut document);
        from_json(&document.to_string()).map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn figures_that_no_run_has_or_that_its_trials_contradict_are_refused_by_name() {
        assert_eq!(read(|_| ()), Ok(()));
        let run = |name: &'static str, value: Value| {
            read(move |document| *document["runs"][0].pointer_mut(&format!("/{name}")).unwrap() = value)
        };
        for (name, value) in [
            ("throughput_per_s", json!(-5)),
            ("throughput_per_s", json!(1e308)),
            ("throughput_per_s", json!(1)),
            ("mean_in_flight", json!(-1)),
            ("cpu_ns_per_message", json!(1e308)),
            ("response_ns/p50", json!(u64::MAX)),
            ("response_ns/max", json!(u64::MAX)),
            ("response_ns/count", json!(3)),
            ("service_ns/histogram", json!("HISTFAAAAA")),
        ] {
            let error = run(name, value.clone()).expect_err(name);
            let at = name.split('/').next().unwrap();
            assert!(error.contains(&format!("runs[0].{at}")), "{name} {value}: {error}");
        }
    }

    #[test]
    fn a_date_is_a_date() {
        let dated = |date: Value| read(move |document| document["started_at"] = date);
        assert_eq!(dated(json!("2026-11-21T10:45:01.5Z")), Ok(()));
        assert_eq!(dated(Value::Null), Ok(()));
        for nonsense in ["yesterday", "", "2026-13-01T00:00:00Z"] {
            assert!(dated(json!(nonsense)).unwrap_err().contains("started_at"), "{nonsense}");
        }
    }
}
