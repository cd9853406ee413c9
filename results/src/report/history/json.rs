//! A history as JSON, for scripts. FORMAT.md describes the fields.

use serde_json::{Map, Value, json};

use super::trend::is_worse;
use crate::history::{Difference, Entry, History, Joined, Series, series};
use crate::stats::CHANGE_LEVEL;

/// Version of the fields below.
const SCHEMA_VERSION: u32 = 1;

/// The runs, and the series of the first figure with their changes if `last` is given: of each its newest so many runs.
#[must_use]
pub fn history_json(history: &History, last: Option<usize>) -> String {
    let of_runs =
        |history: &History| history.entries.iter().map(|entry| run(entry, history)).collect::<Vec<_>>();
    let mut document = json!({
        "schema_version": SCHEMA_VERSION,
        "folder": history.folder,
        "runs_in_index": history.all,
        "runs_matching": history.matching,
        "unreadable": history.unreadable.iter().map(|(file, reason)| json!({ "file": file, "reason": reason })).collect::<Vec<_>>(),
        "notes": history.notes,
    });
    match (last, history.figures.first()) {
        (Some(last), Some(figure)) => {
            let all = series(history, last);
            document["figure"] = figure.to_string().into();
            document["unit"] = figure.unit().into();
            document["level"] = CHANGE_LEVEL.into();
            let across = history.across.iter().map(|part| part.name());
            document["across"] = across.collect::<Vec<_>>().into();
            document["series"] = all.iter().map(|one| of_series(one, history)).collect::<Vec<_>>().into();
        }
        _ => document["runs"] = of_runs(history).into(),
    }
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn run(entry: &Entry, history: &History) -> Value {
    let figures = history.figures.iter().zip(&entry.figures);
    let figures: Map<String, Value> =
        figures.map(|(figure, value)| (figure.to_string(), (*value).into())).collect();
    json!({
        "file": entry.file,
        "record": entry.record,
        "time_s": entry.at_s,
        "time_is_of_file": !entry.is_dated,
        "scenario": entry.subject.scenario,
        "dispatch": entry.subject.dispatch,
        "kind": entry.subject.kind.word(),
        "side": entry.role,
        "revision": entry.revision.as_deref(),
        "trials": entry.trials,
        "verdict": entry.standing.word(),
        "reason": entry.reason,
        "figures": figures,
        "fingerprint": entry.fingerprint.facts(),
    })
}

fn of_series(series: &Series<'_>, history: &History) -> Value {
    let difference = |it: &Difference| json!({ "fact": it.fact, "before": it.from, "here": it.to });
    let joined = |it: &Joined| json!({ "fact": it.fact, "values": it.values });
    let Some(figure) = history.figures.first().copied() else { return Value::Null };
    let changes = series.changes.iter().map(|change| {
        let first = series.entries[change.entry];
        json!({
            "run": change.entry,
            "time_s": first.at_s,
            "file": first.file,
            "revision": first.revision.as_deref(),
            "before": change.by.before,
            "after": change.by.after,
            "change": change.by.share(),
            "worse": is_worse(change, figure),
            "p": change.by.p,
            "runs_before": change.by.values_before,
            "runs_after": change.by.values_after,
        })
    });
    json!({
        "scenario": series.subject.scenario,
        "dispatch": series.subject.dispatch,
        "kind": series.subject.kind.word(),
        "settings": series.subject.settings,
        "fingerprint": series.fingerprint.facts(),
        "joined": series.joined.iter().map(joined).collect::<Vec<_>>(),
        "differs": series.differs.iter().map(difference).collect::<Vec<_>>(),
        "earlier_runs": series.earlier,
        "runs_without_figure": series.without,
        "changes": changes.collect::<Vec<_>>(),
        "runs": series.entries.iter().map(|entry| run(entry, history)).collect::<Vec<_>>(),
    })
}
