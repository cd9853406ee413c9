//! The folder of a suite: where it is, and whether a suite can be started or continued there.

use super::{
    cells::Cell,
    lock::{Lock, lock},
};
use crate::{
    environment,
    exit::usage,
    files::{self, HOME},
};
use drumpost_results::{
    format::{FormatError, suite::Plan},
    store::{self, StoreError},
    suite::{STATE_FILE, Suite},
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The folder of a suite that begins now.
pub(super) fn fresh(name: &str) -> PathBuf {
    let date = environment::compact(&environment::date());
    Path::new(HOME).join(format!("{name}-{date}-{:04x}", environment::nonce()))
}

/// The newest folder of suites of that name.
///
/// # Errors
/// There is none.
pub(super) fn newest(name: &str) -> anyhow::Result<PathBuf> {
    let folders = fs::read_dir(HOME).into_iter().flatten().flatten().map(|entry| entry.path());
    let of_name = |folder: &PathBuf| {
        let is_named =
            folder.file_name().is_some_and(|own| own.to_string_lossy().starts_with(&format!("{name}-")));
        is_named && Suite::read_plan(folder).is_ok_and(|plan| plan.name == name)
    };
    folders.filter(of_name).max().ok_or_else(|| {
        usage(format!("--resume: there is no suite `{name}` in {HOME}; give its folder with --out"))
    })
}

/// Writes the state of a suite that begins, and so finds out whether anything can be written there.
///
/// # Errors
/// There is a suite already, there are records of one, or the folder cannot be written.
pub(super) fn begin(folder: &Path, plan: Plan) -> anyhow::Result<(Suite, Lock)> {
    let state = folder.join(STATE_FILE);
    let is_free = || {
        let text = "already holds a suite: continue it with --resume, or choose another folder with --out";
        if state.exists() {
            return Err(usage(format!("{} {text}", folder.display())));
        }
        // Of a suite whose state is gone, for example.
        match plan.cells.iter().map(|cell| folder.join(&cell.record)).find(|record| record.exists()) {
            Some(record) => Err(usage(format!(
                "{} is left from an earlier suite, and would be overwritten: choose another folder with --out",
                record.display()
            ))),
            None => Ok(()),
        }
    };
    is_free()?;
    files::make_home(folder);
    let written = |error: StoreError| usage(error.to_string());
    store::probe(&state).map_err(written)?;
    let lock = lock(folder)?;
    // Another process may have begun one since.
    is_free()?;
    let suite = Suite::new(plan);
    suite.write_state(folder).map_err(written)?;
    Ok((suite, lock))
}

/// Reads what there is of a suite that was begun, if it is the one that would be begun now.
///
/// # Errors
/// There is none, another process runs it, it cannot be read or written, or which of file, drumpost and machine changed
/// since.
pub(super) fn go_on(folder: &Path, now: &Plan) -> anyhow::Result<(Suite, Lock)> {
    Suite::read_plan(folder).map_err(|error| no_state(folder, &error))?;
    let lock = lock(folder)?;
    // Records are read only now: nobody else adds to them any more.
    let suite = Suite::read(folder).map_err(|error| no_record(&error))?;
    if let Some(what) = changed(&suite.plan, now) {
        return Err(usage(format!(
            "--resume: {what} since the suite in {} was started; start a new suite in another folder",
            folder.display()
        )));
    }
    store::probe(&folder.join(STATE_FILE)).map_err(|error| usage(error.to_string()))?;
    sweep(folder);
    Ok((suite, lock))
}

/// Why a suite without a state that can be read is not continued, and what can be done with what is there.
fn no_state(folder: &Path, error: &StoreError) -> anyhow::Error {
    let newer = matches!(error, StoreError::Load { reason: FormatError::Newer { .. }, .. });
    let state = folder.join(STATE_FILE);
    let why = match state.exists() {
        true => error.to_string(),
        false => format!("there is no {}", state.display()),
    };
    let records = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut records: Vec<PathBuf> =
        records.filter(|path| path.extension().is_some_and(|end| end == "json") && *path != state).collect();
    records.sort();
    usage(match records.first() {
        Some(record) if !newer => format!(
            "--resume: {why}; without it the suite cannot be continued, but each of its records can be shown, such as with \
             `drumpost show {}`",
            record.display()
        ),
        _ => format!("--resume: {why}"),
    })
}

/// Why a suite is not continued with a record that cannot be read, and what can be done.
fn no_record(error: &StoreError) -> anyhow::Error {
    usage(match error {
        StoreError::Load { path, .. } | StoreError::Read { path, .. } if !path.ends_with(STATE_FILE) => {
            format!(
                "--resume: {error}; or move {} out of the folder: --resume then repeats this cell",
                path.display()
            )
        }
        _ => format!("--resume: {error}"),
    })
}

/// A change since the suite was started, so that new trials would not belong to it.
fn changed(then: &Plan, now: &Plan) -> Option<String> {
    if then.text != now.text {
        return Some(format!("the suite's file {} changed", now.file));
    }
    if then.tool_version != now.tool_version {
        return Some(format!("drumpost changed from {} to {}", then.tool_version, now.tool_version));
    }
    let facts = then.host.keys().chain(now.host.keys());
    let fact = |of: &Plan, key: &str| of.host.get(key).map_or_else(|| "unknown".to_owned(), Clone::clone);
    if let Some(key) = facts.into_iter().find(|key| then.host.get(*key) != now.host.get(*key)) {
        let (then, now) = (fact(then, key), fact(now, key));
        let what = if key == "build" { "drumpost" } else { "the machine" };
        return Some(format!("{what} changed: {key} was {then} and is {now}"));
    }
    if then.only != now.only {
        let only = |of: &Plan| of.only.as_ref().map_or_else(|| "none".to_owned(), |only| format!("`{only}`"));
        return Some(format!("--only changed from {} to {}", only(then), only(now)));
    }
    // The order is drawn anew for each suite, and that of the suite that was begun counts.
    let slots =
        |of: &Plan| of.order.iter().map(|slot| (slot.cell, slot.trial, slot.seed)).collect::<BTreeSet<_>>();
    (then.cells != now.cells || slots(then) != slots(now))
        .then(|| "this drumpost reads other cells from the suite's file".to_owned())
}

/// Removes what a killed process left half written. Temporary files of the first release do not tell whose they are; in
/// this folder they are of a suite that is locked now.
fn sweep(folder: &Path) {
    store::sweep(folder);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let middle = name.strip_prefix(".drumpost-").and_then(|name| name.strip_suffix(".tmp"));
        if middle.is_some_and(|middle| !middle.contains('-')) {
            // If it cannot be removed, it does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The name of a cell's record: its place in the suite and what a reader looks for first.
pub(super) fn record_name(place: usize, cell: &Cell) -> String {
    let text = format!("{:03}-{}-{}", place + 1, cell.plan.scenario, cell.plan.dispatch);
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    format!("{}.json", text.chars().map(safe).collect::<String>())
}
