//! `drumpost show FILE`: prints the table of a saved record or suite again, from its files alone. Of several records it makes one table for each scenario, and
//! then shows each record in full.

use crate::{Exit, args::ShowArgs, assertions, exit::usage, files::Files, output};
use drumpost_results::{
    format,
    model::Record,
    report, rows, store,
    suite::{STATE_FILE, Suite},
};
use std::path::Path;

/// Draws a record.
pub(crate) fn show(args: &ShowArgs) -> anyhow::Result<Exit> {
    let form = &args.form;
    form.check_files(args.asserts.written(Files::default().reads(&args.files)))?;
    let [file] = &args.files[..] else { return several(args) };
    if let Some(folder) = suite_folder(file) {
        let suite = load_suite(folder)?;
        let rows = rows::of_suite(&suite);
        let asserts = args.asserts.over(&suite.plan);
        let outcome = asserts.outcome_of_suite(&suite, &rows)?;
        crate::suite::print(&suite, Some(folder), form, &asserts, &outcome)?;
        return Ok(asserts.exit(Exit::Ok, &outcome, &rows));
    }
    let mut record = load(file)?;
    args.thresholds.judge_anew(&mut record)?;
    if args.spec {
        let Some(spec) = &record.spec else {
            return Err(usage(format!(
                "{} has no spec: it is that of a search or of `merge`, or an older drumpost wrote it",
                file.display()
            )));
        };
        output::result(&format!("{}\n", serde_json::to_string_pretty(spec)?))?;
        return Ok(Exit::Ok);
    }
    // Of two sides the head is held against goals, as `compare` does.
    let rows = rows::of_sides(&record, rows::Sides::default());
    let outcome = args.asserts.outcome(&rows)?;
    let report = || {
        let of = if record.search.is_some() { report::search } else { report::table };
        let mut report = of(&record, Some(file));
        if args.hops {
            report.append(report::hops(&record));
        }
        report
    };
    assertions::report(report, || format::to_json(&record), form, &outcome)?;
    args.asserts.save_junit_of(&record, &outcome, &rows)?;
    Ok(args.asserts.exit(Exit::Ok, &outcome, &rows))
}

/// Draws several records, first over each other and then one by one.
fn several(args: &ShowArgs) -> anyhow::Result<Exit> {
    let of_one = [
        (args.form.json, "--json"),
        (args.spec, "--spec"),
        (args.hops, "--hops"),
        (!args.asserts.assertions.is_empty(), "--assert"),
        (args.asserts.fail_on.is_some(), "--fail-on"),
        (args.asserts.junit.is_some(), "--junit"),
    ];
    if let Some((_, flag)) = of_one.iter().find(|(is_given, _)| *is_given) {
        return Err(usage(format!("{flag} is for a single record; name one file")));
    }
    let mut records = Vec::new();
    for file in &args.files {
        if suite_folder(file).is_some() {
            return Err(usage(format!("{} is a suite; show it by itself", file.display())));
        }
        let mut record = load(file)?;
        args.thresholds.judge_anew(&mut record)?;
        records.push((file.display().to_string(), record));
    }
    let named: Vec<(String, &Record)> = records.iter().map(|(name, record)| (name.clone(), record)).collect();
    let no_json = || anyhow::Ok(String::new());
    output::report(|| report::several(&named), no_json, &args.form)?;
    Ok(Exit::Ok)
}

/// The folder of a suite, if that is what is named: by itself, or by the state in it.
pub(crate) fn suite_folder(file: &Path) -> Option<&Path> {
    if file.is_dir() {
        return Some(file);
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    file.ends_with(STATE_FILE).then_some(folder)
}

/// Reads the suite of a folder.
///
/// # Errors
/// There is none, or a file of it cannot be read.
pub(crate) fn load_suite(folder: &Path) -> anyhow::Result<Suite> {
    if folder.is_dir() && !folder.join(STATE_FILE).exists() {
        let folder = folder.display();
        return Err(usage(format!(
            "{folder} is no folder of a suite, as there is no {STATE_FILE} in it; name a record, or list the records in it with \
             `drumpost history {folder}`"
        )));
    }
    Suite::read(folder).map_err(|error| usage(error.to_string()))
}

/// Reads a record; one that cannot be read is a mistake in the command line.
pub(crate) fn load(file: &Path) -> anyhow::Result<Record> {
    store::read(file).map_err(|error| usage(format!("{:#}", anyhow::Error::from(error))))
}
