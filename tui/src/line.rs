//! The progress of a run in one line of text, for output without a dashboard.
//!
//! The figures come from the same model as the dashboard's. Does not live here: printing.

use drumpost_results::units;

use crate::model::Model;
use crate::state::share;

/// Columns of a line. Its last part may be a long sentence, which stands in full below the table.
const WIDTH: usize = 120;

/// The state of the run and its main figures, in one line of at most 120 columns without colours.
///
/// The figures are those of the trial that is being measured.
#[must_use]
pub fn progress_line(model: &Model) -> String {
    let state = model.live();
    if let Some(note) = &state.finished {
        return if note.is_empty() { "finished".to_owned() } else { format!("finished: {note}") };
    }
    let Some((current, row)) = state.current.and_then(|c| Some((c, state.rows.get(c.dispatch)?))) else {
        return "waiting for the run to start".to_owned();
    };
    let trials = state.plan.as_ref().map_or(0, |plan| plan.trials);
    let place = format!("{} ({}/{})", row.name, current.dispatch + 1, state.rows.len());
    let (word, against) =
        row.latest.as_ref().map_or((row.phase.word(), ""), |(status, against)| (status.word(), against));
    let trial = match &state.step {
        Some(step) => format!("{step} {word}"),
        None => format!("trial {}/{trials} {word}", u64::from(current.trial) + 1),
    };
    let mut parts = vec![place, trial];
    if let Some(sample) = row.last.filter(|_| row.is_measuring()) {
        parts.push(units::percent(share(sample.progress)));
        parts.push(units::rate(sample.throughput_per_s));
        let [p50_ns, _, p99_ns, ..] = sample.run.known();
        if p50_ns.is_some() {
            parts.push(format!("p50 {}", units::duration_or_none(p50_ns)));
            parts.push(format!("p99 {}", units::duration_or_none(p99_ns)));
        }
        if let Some(ns) = sample.remaining_ns {
            parts.push(format!("{} left", units::duration(ns)));
        }
    }
    if let Some(refused) = row.last.and_then(|s| s.confirms).map(|told| told.refused).filter(|n| *n > 0) {
        parts.push(format!("{} refused", units::count(refused)));
    }
    let faults = row.faults();
    if faults > 0 {
        parts.push(format!("{} faults", units::count(faults)));
    }
    if !against.is_empty() {
        parts.push(against.to_owned());
    }
    cut(&parts.join(" · "))
}

fn cut(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    let kept: String = line.chars().take(WIDTH - 1).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Confirms, Event, Plan, Quantiles, Sample, Status};
    use crate::theme::Theme;

    #[test]
    fn the_line_tells_the_stages_of_a_run() {
        let mut model = Model::new(Theme::plain());
        assert_eq!(progress_line(&model), "waiting for the run to start");
        let dispatches = vec!["message/crossbeam".to_owned(), "event/nats".to_owned()];
        model.apply(Event::Started(Plan { dispatches, trials: 3, ..Plan::default() }));
        assert_eq!(progress_line(&model), "waiting for the run to start");
        model.apply(Event::TrialStarted { dispatch: 1, trial: 0 });
        assert_eq!(progress_line(&model), "event/nats (2/2) · trial 1/3 running");
        let run = Quantiles { count: 900, p50_ns: 412_000, p99_ns: 1_230_000, ..Quantiles::default() };
        model.apply(Event::Sample(Sample {
            dispatch: 1,
            progress: 0.48,
            remaining_ns: Some(12_000_000_000),
            throughput_per_s: 12_345.0,
            run,
            dropped: 2,
            ..Sample::default()
        }));
        assert_eq!(
            progress_line(&model),
            "event/nats (2/2) · trial 1/3 running · 48.0 % · 12.3 k/s · p50 412 µs · p99 1.23 ms · 12.0 s left · 2 faults"
        );
        model.apply(Event::TrialEnded {
            dispatch: 1,
            trial: 0,
            status: Status::Invalid,
            note: "2 messages were lost".into(),
        });
        assert_eq!(
            progress_line(&model),
            "event/nats (2/2) · trial 1/3 invalid · 2 faults · 2 messages were lost"
        );
        let confirms = Some(Confirms { confirmed: 9, refused: 3, unconfirmed: 1 });
        let refused = Event::Sample(Sample { dispatch: 1, dropped: 2, confirms, ..Sample::default() });
        let mut other = model.clone();
        other.apply(refused);
        assert!(progress_line(&other).contains(" · 3 refused · 2 faults"), "{}", progress_line(&other));
        let note = "a reason in many words ".repeat(20);
        model.apply(Event::TrialEnded { dispatch: 1, trial: 0, status: Status::Suspect, note });
        let long = progress_line(&model);
        assert!(long.chars().count() <= 120 && long.ends_with('…'), "{long}");
        model.apply(Event::TrialStarted { dispatch: 1, trial: 1 });
        assert_eq!(progress_line(&model), "event/nats (2/2) · trial 2/3 running · 2 faults");
        let (status, note) = (Status::Valid, String::new());
        model.apply(Event::TrialEnded { dispatch: 1, trial: 1, status, note });
        assert_eq!(progress_line(&model), "event/nats (2/2) · trial 2/3 valid · 2 faults", "of this trial");
        model.apply(Event::Step("hold 7 of at most 30".to_owned()));
        assert_eq!(progress_line(&model), "event/nats (2/2) · hold 7 of at most 30 valid · 2 faults");
        model.apply(Event::Finished { note: "interrupted".to_owned() });
        assert_eq!(progress_line(&model), "finished: interrupted");
    }
}
