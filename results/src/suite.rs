//! A suite of cells in a folder: its plan, its records, and the trials that are left.
//!
//! Lives here: reading and writing the folder. The fields of the state are in `format::suite`, the table in `report`.
//! Does not live here: making cells from a file, and running them (the command line).

use std::fs;
use std::io;
use std::path::Path;

use crate::format::suite::{Cell, Plan};
use crate::format::{self, FormatError};
use crate::model::{Record, Run, Status, Trial};
use crate::store::{self, StoreError};
use crate::verdict::Thresholds;

/// Name of the state in a suite's folder.
pub const STATE_FILE: &str = "suite.json";

/// The plan and, cell by cell, what was measured so far.
#[derive(Debug)]
pub struct Suite {
    /// What was asked for; written before the first trial and never again.
    pub plan: Plan,
    /// One per cell: `None` until a trial of it is finished. A record has one run.
    pub records: Vec<Option<Record>>,
}

impl Suite {
    /// A suite of which nothing was run.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let records = vec![None; plan.cells.len()];
        Self { plan, records }
    }

    /// Reads the state and all records there are in a folder. Trials that were cut short are left out: they are to be
    /// run again.
    ///
    /// # Errors
    /// The file that cannot be read, and why.
    pub fn read(folder: &Path) -> Result<Self, StoreError> {
        let mut suite = Self::new(Self::read_plan(folder)?);
        for (cell, record) in suite.plan.cells.iter().zip(&mut suite.records) {
            *record = read_cell(folder, cell)?;
        }
        Ok(suite)
    }

    /// Reads the state alone.
    ///
    /// # Errors
    /// The path and why it cannot be read.
    pub fn read_plan(folder: &Path) -> Result<Plan, StoreError> {
        let path = folder.join(STATE_FILE);
        match crate::store::read_text(&path) {
            Ok(text) => {
                format::suite::plan_from_json(&text).map_err(|reason| StoreError::Load { path, reason })
            }
            Err(reason) => Err(StoreError::Read { path, reason }),
        }
    }

    /// Writes the state.
    ///
    /// # Errors
    /// The path and why not.
    pub fn write_state(&self, folder: &Path) -> Result<(), StoreError> {
        let path = folder.join(STATE_FILE);
        let text = format::suite::plan_to_json(&self.plan)
            .map_err(|reason| StoreError::Encode { path: path.clone(), reason })?;
        store::write_text(&path, &text, store::Reader::Soon)
    }

    /// Adds a finished trial to the record of its cell and writes the record, whole or not at all. `empty` is the record
    /// to begin with. The folder is made again with all above it if somebody has removed it.
    ///
    /// # Errors
    /// The path and why not.
    pub fn add(&mut self, folder: &Path, cell: usize, empty: Record, trial: Trial) -> Result<(), StoreError> {
        let plan = &self.plan.cells[cell];
        let record = self.records[cell].get_or_insert(empty);
        if let Some(run) = record.runs.first_mut() {
            run.trials.push(trial);
            run.trials.sort_by_key(|trial| trial.number);
            let (there, all) = (run.trials.len(), plan.trials as usize);
            record.partial = (there < all).then(|| format!("{there} of {all} trials were run"));
        }
        record.judge(&Thresholds::default());
        make_again(folder);
        store::write(&folder.join(&plan.record), record)
    }

    /// Writes the state and all records again if the state is gone: somebody has removed the folder while the suite was run. Says whether
    /// that was so.
    ///
    /// # Errors
    /// The path and why not.
    pub fn restore(&self, folder: &Path) -> Result<bool, StoreError> {
        if folder.join(STATE_FILE).exists() {
            return Ok(false);
        }
        make_again(folder);
        self.write_state(folder)?;
        for (cell, record) in self.plan.cells.iter().zip(&self.records) {
            if let Some(record) = record {
                store::write(&folder.join(&cell.record), record)?;
            }
        }
        Ok(true)
    }

    /// Whether a trial was run to its end, well or not.
    #[must_use]
    pub fn has(&self, cell: usize, trial: u32) -> bool {
        self.run(cell).is_some_and(|run| run.trials.iter().any(|there| there.number == trial))
    }

    /// What was measured of a cell.
    #[must_use]
    pub fn run(&self, cell: usize) -> Option<&Run> {
        self.records.get(cell)?.as_ref()?.runs.first()
    }

    /// Why the suite is not complete; `None`: it is.
    #[must_use]
    pub fn partial(&self) -> Option<String> {
        let left = self.plan.order.iter().filter(|slot| !self.has(slot.cell, slot.trial)).count();
        let all = self.plan.order.len();
        (left > 0).then(|| format!("{left} of {all} trials are still to be run; continue with --resume"))
    }
}

/// Makes the folder of a suite that was there when it began.
fn make_again(folder: &Path) {
    // If it cannot be made, writing says why.
    let _ = fs::create_dir_all(folder);
}

fn read_cell(folder: &Path, cell: &Cell) -> Result<Option<Record>, StoreError> {
    match store::read(&folder.join(&cell.record)) {
        Ok(mut record) => {
            for run in &mut record.runs {
                run.trials.retain(|trial| trial.status != Status::Interrupted);
            }
            Ok(Some(record))
        }
        Err(StoreError::Read { reason, .. }) if reason.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The whole suite, its records in it, as one document.
///
/// # Errors
/// A histogram holds more values than the encoding can.
pub fn to_json(suite: &Suite) -> Result<String, FormatError> {
    format::suite::to_json(&suite.plan, &suite.records, suite.partial())
}
