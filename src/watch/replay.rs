//! Replays a saved record or suite: its trials in the order in which they ran, each with the course that the record has.

use super::{
    Next, Source,
    tape::{Due, Tape},
};
use crate::{exit::usage, run::execute::light, show};
use drumpost_core::clock::{Clock, Now};
use drumpost_results::{
    model::{Distribution, Order, Point, Record, Run, Trial, samples_needed},
    suite::Suite,
    units,
};
use drumpost_tui::{Allows, Confirms, Event, Plan, Quantiles, Sample, Server, Steer};
use std::{path::Path, thread, time::Duration};

/// Events of a record by a clock.
pub(super) struct Replay {
    tape: Tape,
    clock: Clock,
}

/// A row: its name, and its run in a record.
struct Row<'a> {
    name: String,
    record: &'a Record,
    run: usize,
}

impl Row<'_> {
    fn run(&self) -> &Run {
        &self.record.runs[self.run]
    }

    /// The place of its run among the holds of a search over one dispatch, from 1, and how many there are. `None`: it is no hold.
    fn hold(&self) -> Option<(usize, usize)> {
        let mut searched = self.record.search.iter().flat_map(|search| &search.dispatches);
        searched.find_map(|one| {
            let at = one.holds.iter().position(|hold| hold.run == self.run)?;
            Some((at + 1, one.holds.len()))
        })
    }

    /// The number of a trial as it is shown. A record counts the holds of a search through, and each has one trial.
    fn number(&self, trial: &Trial) -> u32 {
        if self.record.search.is_some() { 0 } else { trial.number }
    }

    /// How many trials it has by their numbers. An interrupted comparison may lack some of them.
    fn trials(&self) -> u32 {
        let numbers = self.run().trials.iter().map(|trial| self.number(trial).saturating_add(1));
        numbers.max().unwrap_or(0)
    }
}

impl Replay {
    /// Reads a record, or the folder of a suite.
    ///
    /// # Errors
    /// It cannot be read, or nothing was measured.
    pub(super) fn read(path: &Path, speed: f64, from_ns: u64) -> anyhow::Result<Self> {
        let events = match show::suite_folder(path) {
            Some(folder) => {
                let suite = show::load_suite(folder)?;
                of_suite(&suite)
            }
            None => of_record(&show::load(path)?),
        };
        if events.len() <= 2 {
            return Err(usage(format!(
                "{}: nothing was measured, so there is nothing to replay",
                path.display()
            )));
        }
        Ok(Self { tape: Tape::new(events, speed, from_ns), clock: Clock::start() })
    }
}

impl Source for Replay {
    fn next(&mut self, at_most: Duration) -> Next {
        match self.tape.next(self.clock.now_ns()) {
            Due::Now(event) => Next::Event(event),
            Due::End => Next::Gone,
            Due::In(left) => {
                thread::sleep(left.min(at_most));
                Next::Nothing
            }
        }
    }

    fn steer(&mut self, to: Steer) {
        self.tape.steer(to, self.clock.now_ns());
    }
}

fn of_record(record: &Record) -> Vec<(u64, Event)> {
    let rows =
        record.runs.iter().enumerate().map(|(run, of)| Row { name: name(record, of, run), record, run });
    let scenario = match &record.comparison {
        Some(compared) => format!("{} against {}", compared.base, compared.head),
        None => record.runs.first().map(|run| run.scenario.clone()).unwrap_or_default(),
    };
    let load = record.search.as_ref().map(|search| format!("search for {}", search.goal)).unwrap_or_default();
    events(&rows.collect::<Vec<_>>(), scenario, load)
}

fn of_suite(suite: &Suite) -> Vec<(u64, Event)> {
    let cells = suite.plan.cells.iter().zip(&suite.records);
    let rows = cells.filter_map(|(cell, record)| {
        let record = record.as_ref().filter(|record| !record.runs.is_empty())?;
        Some(Row { name: cell.name.clone(), record, run: 0 })
    });
    events(&rows.collect::<Vec<_>>(), suite.plan.name.clone(), String::new())
}

/// What tells a run from the others of its record.
fn name(record: &Record, run: &Run, at: usize) -> String {
    let holds =
        record.search.iter().flat_map(|search| &search.dispatches).flat_map(|searched| &searched.holds);
    if let Some(hold) = holds.into_iter().find(|hold| hold.run == at) {
        return format!("{} {} {}", run.dispatch, hold.phase.word(), units::rate(hold.rate_per_s));
    }
    match &run.side {
        Some(side) => side.called(),
        None => run.dispatch.clone(),
    }
}

fn events(rows: &[Row<'_>], scenario: String, load: String) -> Vec<(u64, Event)> {
    let trials = rows.iter().map(Row::trials).max().unwrap_or(0);
    let dispatches = rows.iter().map(|row| row.name.clone()).collect();
    let plan = Plan { scenario, load, dispatches, trials, settings: "replayed from a record".into() };
    let mut all = vec![(0, Event::Started(plan))];
    let mut order: Vec<(u32, usize, &Trial)> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        order.extend(row.run().trials.iter().map(|trial| (trial.position, at, trial)));
    }
    order.sort_by_key(|(position, at, _)| (*position, *at));
    let mut begins_ns = 0;
    for (_, dispatch, trial) in order {
        begins_ns = one(&mut all, dispatch, &rows[dispatch], trial, begins_ns);
    }
    all.push((begins_ns, Event::Finished { note: String::new() }));
    all
}

/// Adds the events of a trial that begins at a time. Gives the time of its end.
fn one(all: &mut Vec<(u64, Event)>, dispatch: usize, row: &Row<'_>, trial: &Trial, begins_ns: u64) -> u64 {
    let number = row.number(trial);
    all.push((begins_ns, Event::TrialStarted { dispatch, trial: number }));
    if let Some((hold, of)) = row.hold() {
        all.push((begins_ns, Event::Step(format!("hold {hold} of {of}"))));
    }
    if let Some(server) = trial.server.as_ref().filter(|server| !server.product.is_empty()) {
        let (product, version) = (server.product.clone(), server.version.clone());
        let server = Server { product, version, connections: server.connections };
        all.push((begins_ns, Event::Server { dispatch, server }));
    }
    for outage in &trial.outages {
        // They are told when they are over.
        let until_ns = outage.at_ns.saturating_add(outage.away_ns);
        let away = Event::Away { dispatch, trial: number, from_ns: outage.at_ns, until_ns };
        all.push((begins_ns.saturating_add(until_ns.min(trial.elapsed_ns)), away));
    }
    let promises = &row.run().promises;
    let allows = Allows {
        loss: !promises.is_lossless(),
        duplicates: promises.tolerates_duplicates(),
        disorder: promises.order == Order::None,
    };
    let reordered = match promises.order {
        Order::PerKey | Order::PerShard => trial.audit.out_of_order,
        Order::PerProducer | Order::None => trial.audit.reordered,
    };
    let mut course = Course::new(trial, Sample { dispatch, trial: number, allows, ..Sample::default() });
    for point in trial.series.points() {
        all.push((begins_ns.saturating_add(point.at_ns), Event::Sample(course.sample(point))));
    }
    let ends_ns = begins_ns.saturating_add(trial.elapsed_ns.max(course.before_ns));
    if !trial.response.is_empty() {
        all.push((ends_ns, Event::Sample(Sample { reordered, ..course.last() })));
    }
    if let (Some(confirmed), refused, unconfirmed) =
        (trial.audit.confirmed, trial.audit.refused.unwrap_or(0), trial.audit.unconfirmed.unwrap_or(0))
    {
        let confirms = Confirms { confirmed, refused, unconfirmed };
        all.push((ends_ns, Event::Confirmed { dispatch, confirms }));
    }
    let (status, note) = light(row.record, row.run, trial);
    all.push((ends_ns, Event::TrialEnded { dispatch, trial: number, status, note }));
    // Outages were put before the course.
    let from = all.len() - all.iter().rev().take_while(|(at_ns, _)| *at_ns >= begins_ns).count();
    all[from..].sort_by_key(|(at_ns, _)| *at_ns);
    ends_ns
}

/// The course of a trial: points of its series become samples.
struct Course<'a> {
    trial: &'a Trial,
    sample: Sample,
    before_ns: u64,
    so_far: Distribution,
}

impl<'a> Course<'a> {
    fn new(trial: &'a Trial, sample: Sample) -> Self {
        Self { trial, sample, before_ns: 0, so_far: Distribution::coarse() }
    }

    fn sample(&mut self, point: &Point) -> Sample {
        let interval_ns = point.at_ns.saturating_sub(self.before_ns).max(1);
        self.before_ns = point.at_ns;
        self.so_far.merge(&point.response);
        let whole_ns = self.trial.elapsed_ns.max(1);
        // Counts of messages are known of the end alone. Nothing is made up for the time before.
        self.sample = Sample {
            elapsed_ns: point.at_ns,
            progress: (point.at_ns as f64 / whole_ns as f64).min(1.0),
            remaining_ns: Some(whole_ns.saturating_sub(point.at_ns)),
            throughput_per_s: point.ended as f64 * 1e9 / interval_ns as f64,
            target_per_s: self.trial.asked_per_s,
            now: now(point),
            run: quantiles(&self.so_far),
            lag_p99_ns: point.lag_p99_ns.unwrap_or(0),
            in_flight: point.in_flight,
            waiting: point.server_ready.map(|ready| (ready, point.server_unacknowledged)),
            ..self.sample
        };
        self.sample
    }

    /// What the trial came to. The dashboard takes a sample at the time of the one before as one that completes it.
    fn last(&self) -> Sample {
        let (trial, audit) = (self.trial, &self.trial.audit);
        let mut confirm = Distribution::default();
        trial.confirms.iter().for_each(|one| confirm.merge(&one.time));
        Sample {
            elapsed_ns: self.before_ns,
            progress: 1.0,
            remaining_ns: Some(0),
            run: quantiles(&trial.response),
            sent: audit.sent,
            delivered: audit.delivered,
            dropped: audit.lagged,
            duplicated: audit.duplicated,
            corrupted: audit.corrupted,
            redelivered: audit.redelivered,
            rejected: audit.rejected,
            dead: audit.dead,
            confirm: quantiles(&confirm),
            ..self.sample
        }
    }
}

/// Of a point: older records have figures and no histogram.
fn now(point: &Point) -> Quantiles {
    if !point.response.is_empty() {
        return quantiles(&point.response);
    }
    let known = |ns: Option<u64>| ns.unwrap_or(0);
    Quantiles {
        // As many as the highest of the figures needs.
        count: if point.response_p99_ns.is_some() { samples_needed(0.99) } else { 0 },
        p50_ns: known(point.response_p50_ns),
        p90_ns: known(point.response_p50_ns),
        p99_ns: known(point.response_p99_ns),
        p99_9_ns: known(point.response_p99_ns),
        max_ns: known(point.response_max_ns),
    }
}

fn quantiles(of: &Distribution) -> Quantiles {
    let max_ns = of.max_ns().unwrap_or(0);
    Quantiles::of(of.count(), max_ns, |quantile| of.histogram().value_at_quantile(quantile))
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_results::model::search::{Answer, End, Held, Phase, Search, Searched};
    use drumpost_tui::{Model, Theme, progress_line};

    /// The lines of progress at the ends of trials.
    fn lines(record: &Record) -> Vec<String> {
        let mut model = Model::new(Theme::plain());
        let mut lines = Vec::new();
        for (_, event) in of_record(record) {
            let is_end = matches!(event, Event::TrialEnded { .. });
            model.apply(event);
            if is_end {
                lines.push(progress_line(&model));
            }
        }
        lines
    }

    fn run(numbers: &[u32]) -> Run {
        let trial = |number: &u32| Trial { number: *number, position: *number, ..Trial::default() };
        let trials = numbers.iter().map(trial).collect();
        Run { dispatch: "message/a".into(), trials, ..Run::default() }
    }

    #[test]
    fn holds_of_a_search_are_counted_as_holds() {
        let hold = |run| Held {
            run,
            rate_per_s: 1e3,
            phase: Phase::Bracket,
            judgement: None,
            reasons: Vec::new(),
            disturbance: None,
        };
        let answer = Answer { end: End::Interrupted, kept_per_s: None, repeats_kept: 0, failed_per_s: None };
        let searched = Searched {
            dispatch: "message/a".into(),
            probe_per_s: None,
            knee_per_s: None,
            holds: vec![hold(0), hold(1)],
            answer,
        };
        let search = Search { dispatches: vec![searched], ..Search::default() };
        // The probe before the holds has the number 0.
        let record = Record { runs: vec![run(&[1]), run(&[2])], search: Some(search), ..Record::default() };
        let lines = lines(&record);
        assert!(lines[0].contains("(1/2) · hold 1 of 2 "), "{lines:?}");
        assert!(lines[1].contains("(2/2) · hold 2 of 2 "), "{lines:?}");
    }

    #[test]
    fn no_trial_has_a_number_above_that_of_all_trials() {
        let lines = lines(&Record { runs: vec![run(&[0, 2])], ..Record::default() });
        assert!(lines[0].contains(" · trial 1/3 ") && lines[1].contains(" · trial 3/3 "), "{lines:?}");
    }
}
