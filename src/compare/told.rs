//! What viewers are told of a comparison while it is measured: a row for each side of each row.

use crate::{
    live::{About, Events, Row},
    run::execute::light,
};
use drumpost_results::{
    compare::Plan as Looks,
    model::{Record, Run, Side, Trial},
};
use drumpost_tui::{Event, Plan};

fn name(run: &Run) -> String {
    run.side.as_ref().map(Side::called).unwrap_or_default()
}

/// The comparison whose record is to be this.
pub(super) fn about(record: &Record) -> About {
    let of =
        |run: &Run| Row { scenario: run.scenario.clone(), dispatch: run.dispatch.clone(), name: name(run) };
    About { kind: "compare", id: record.id.clone(), rows: record.runs.iter().map(of).collect() }
}

pub(super) fn begins(events: &Events, record: &Record, looks: &Looks) {
    let sides =
        record.comparison.as_ref().map(|compared| format!("{} against {}", compared.base, compared.head));
    events.tell(Event::Started(Plan {
        scenario: sides.unwrap_or_default(),
        load: String::new(),
        dispatches: record.runs.iter().map(name).collect(),
        // It may be over earlier.
        trials: looks.looks().last().map_or(0, |pairs| *pairs as u32),
        settings: String::new(),
    }));
}

pub(super) fn trial_begins(events: &Events, dispatch: usize, trial: u32) {
    events.tell(Event::TrialStarted { dispatch, trial });
}

/// A trial is over. Its run in the record has what was promised.
pub(super) fn trial_ends(events: &Events, record: &Record, dispatch: usize, trial: &Trial) {
    events.tell_totals(dispatch, trial);
    let (status, note) = light(record, dispatch, trial);
    events.tell(Event::TrialEnded { dispatch, trial: trial.number, status, note });
}

pub(super) fn ends(events: Events) {
    events.tell(Event::Finished { note: String::new() });
}
