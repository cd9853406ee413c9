//! Runs the trials of a suite that are left, over all cells, and saves each as soon as it is finished.

use super::cells::Cell;
use crate::{
    interrupt::Interrupt,
    live::{Events, Live},
    output,
    run::{
        child,
        execute::{GivenUp, Tried, light, run_trial},
        floor,
        job::Job,
        screen::{Shows, Viewer},
        trial::{Place, not_opened},
    },
    saver,
};
use drumpost_core::{registry::Registry, transport::OpenError};
use drumpost_results::{
    format::suite::Slot,
    model::{Pairing, Record, Run, Status},
    suite::Suite,
};
use drumpost_tui::{Event, Plan};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

/// A suite that is run in a folder.
pub(super) struct Trials<'a> {
    pub registry: &'a Registry,
    pub cells: &'a [Cell],
    pub folder: &'a Path,
    pub interrupted: &'a Interrupt,
}

impl Trials<'_> {
    /// Runs what is left, saying how far it is.
    ///
    /// # Errors
    /// A record that cannot be written: without a place for what is measured nothing more is.
    pub(super) fn run(&self, suite: &mut Suite, mut live: Live) -> anyhow::Result<()> {
        let seen = live.queue();
        let events = live.begin();
        let trials = suite.plan.cells.iter().map(|cell| cell.trials).max().unwrap_or(0);
        events.tell(Event::Started(Plan {
            scenario: suite.plan.name.clone(),
            load: String::new(),
            dispatches: suite.plan.cells.iter().map(|cell| cell.name.clone()).collect(),
            trials,
            settings: String::new(),
        }));
        let left = suite.plan.order.iter().filter(|slot| !suite.has(slot.cell, slot.trial)).count();
        let all = suite.plan.order.len();
        if left < all {
            output::remark(&format!("{} of {all} trials are finished; {left} are left", all - left));
        }
        let viewer = Viewer::start(seen, self.interrupted.clone(), Shows::Lines);
        let done = catch_unwind(AssertUnwindSafe(|| self.left(suite, &events)));
        events.tell(Event::Finished { note: String::new() });
        drop(events);
        // Lines on stderr; a terminal that does not take them is not waited for.
        let _ = viewer.map(Viewer::end);
        live.end();
        done.map_err(|_| {
            anyhow::anyhow!("failed to run: drumpost itself panicked; this is a defect of drumpost")
        })?
    }

    fn left(&self, suite: &mut Suite, events: &Events) -> anyhow::Result<()> {
        let any_real = self.cells.iter().any(|cell| !cell.is_virtual && cell.plan.refused.is_none());
        let floor_ns = if any_real { floor::measure_ns(self.registry) } else { None };
        let mut given_up = GivenUp::default();
        for position in 0..suite.plan.order.len() {
            let slot = suite.plan.order[position];
            if suite.has(slot.cell, slot.trial) {
                continue;
            }
            if self.interrupted.is_set() {
                break;
            }
            let place = Place { number: slot.trial, position: position as u32, seed: slot.seed };
            events.tell(Event::TrialStarted { dispatch: slot.cell, trial: slot.trial });
            let (empty, tried) = self.trial(suite, slot, place, floor_ns, events, &given_up);
            let trial = given_up.note(slot.cell, tried);
            // An interrupted trial is not part of the suite. `--resume` runs it again.
            if trial.status == Status::Interrupted {
                // Nothing else says that its process had to be killed.
                if let Some(why) = trial.error.as_deref().filter(|why| child::tells_of_no_answer(why)) {
                    output::remark(&format!("{}: {why}", suite.plan.cells[slot.cell].name));
                }
                break;
            }
            events.tell_totals(slot.cell, &trial);
            let (status, note) = light(&empty, 0, &trial);
            suite.add(self.folder, slot.cell, empty, trial).map_err(|error| {
                // The record with the trial is in memory yet.
                let record = suite.records[slot.cell].as_ref();
                match record.and_then(saver::write_to_second_place) {
                    Some(path) => anyhow::anyhow!(
                        "{error}; the record of this cell is in {} instead; --resume runs the trial again",
                        path.display()
                    ),
                    None => error.into(),
                }
            })?;
            self.restore(suite)?;
            events.tell(Event::TrialEnded { dispatch: slot.cell, trial: slot.trial, status, note });
        }
        self.restore(suite)
    }

    /// Writes what somebody has removed while the suite was run: without its state it could be neither shown nor continued.
    fn restore(&self, suite: &Suite) -> anyhow::Result<()> {
        if suite.restore(self.folder)? {
            output::remark(&format!(
                "note: {} was removed while the suite was run; its files were written again",
                self.folder.display()
            ));
        }
        Ok(())
    }

    /// One trial of a cell and the record it begins or goes into.
    fn trial(
        &self,
        suite: &Suite,
        slot: Slot,
        place: Place,
        floor_ns: Option<u64>,
        events: &Events,
        given_up: &GivenUp,
    ) -> (Record, Tried) {
        let Cell { plan, spec, is_virtual, .. } = &self.cells[slot.cell];
        // Made anew for each trial, so that a suite of hundreds of cells does not hold the payloads of all.
        let instead = |trial| Tried { trial, give_up: None };
        let (record, tried) = match Job::new(self.registry, spec) {
            Ok(job) => {
                let floor_ns = floor_ns.filter(|_| !is_virtual);
                let target = (slot.cell, &job.targets[0]);
                let tried = given_up
                    .trial(slot.cell, place)
                    .map(instead)
                    .unwrap_or_else(|| run_trial(&job, target, place, floor_ns, events, self.interrupted));
                (job.record, tried)
            }
            // The job could be made when the suite started. Something it needs, such as a trace, has been removed since.
            Err(error) => {
                let (scenario, dispatch) = (plan.scenario.clone(), plan.dispatch.clone());
                let runs = vec![Run { scenario, dispatch, ..Run::default() }];
                let tool_version = suite.plan.tool_version.clone();
                let record = Record { runs, tool_version, seed: suite.plan.seed, ..Record::default() };
                (record, instead(not_opened(place, &OpenError::Refused(format!("{error:#}")))))
            }
        };
        let record = Record {
            id: format!("{}-{}", suite.plan.id, plan.record.trim_end_matches(".json")),
            command: plan.command.clone(),
            pairing: Some(Pairing { id: suite.plan.id.clone(), order: self.order(suite, slot.cell) }),
            ..record
        };
        (record, tried)
    }

    /// Where in the suite a cell's own trials stand; the whole order is in the suite's state.
    fn order(&self, suite: &Suite, cell: usize) -> Vec<(String, u32)> {
        let own = suite.plan.order.iter().filter(|slot| slot.cell == cell);
        own.map(|slot| (self.cells[cell].plan.dispatch.clone(), slot.trial)).collect()
    }
}
