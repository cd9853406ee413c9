//! The folder of a suite: where it is, and whether a suite can be started or continued there.

use super::{
    cells::Cell,
    lock::{Lock, lock},
};
use crate::{environment, exit::usage, history::HOME};
use drumpost_results::{
    format::suite::Plan,
    store,
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
/// There is a suite already, or the folder cannot be written.
pub(super) fn begin(folder: &Path, plan: Plan) -> anyhow::Result<(Suite, Lock)> {
    let state = folder.join(STATE_FILE);
    let is_free = || {
        let text = "already holds a suite: continue it with --resume, or choose another folder with --out";
        if state.exists() { Err(usage(format!("{} {text}", folder.display()))) } else { Ok(()) }
    };
    is_free()?;
    let written = |error: store::StoreError| usage(error.to_string());
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
    let unread = |error: store::StoreError| usage(format!("--resume: {error}"));
    Suite::read_plan(folder).map_err(unread)?;
    let lock = lock(folder)?;
    // Records are read only now: nobody else adds to them any more.
    let suite = Suite::read(folder).map_err(unread)?;
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
