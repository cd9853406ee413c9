//! `drumpost show FILE`: prints the table of a saved record or suite again, from its files alone.

use crate::{Exit, args::ShowArgs, assertions, exit::usage, output};
use drumpost_results::{
    format, report, rows, store,
    suite::{STATE_FILE, Suite},
};
use std::path::Path;

/// Draws a record.
pub(crate) fn show(args: &ShowArgs) -> anyhow::Result<Exit> {
    let form = &args.form;
    form.check_files(&[args.asserts.junit_file()], &[&args.file])?;
    if let Some(folder) = suite_folder(&args.file) {
        let suite = Suite::read(folder).map_err(|error| usage(error.to_string()))?;
        let rows = rows::of_suite(&suite);
        let asserts = args.asserts.over(&suite.plan);
        let outcome = asserts.outcome_of_suite(&suite, &rows)?;
        crate::suite::print(&suite, Some(folder), form, &asserts, &outcome)?;
        return Ok(asserts.exit(Exit::Ok, &outcome, &rows));
    }
    let mut record = load(&args.file)?;
    args.thresholds.judge_anew(&mut record)?;
    if args.spec {
        let Some(spec) = &record.spec else {
            return Err(usage(format!(
                "{} has no spec: it is that of a search or of `merge`, or an older drumpost wrote it",
                args.file.display()
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
        let mut report = of(&record, Some(&args.file));
        if args.hops {
            report.append(report::hops(&record));
        }
        report
    };
    assertions::report(report, || format::to_json(&record), form, &outcome)?;
    args.asserts.save_junit_of(&record, &outcome, &rows)?;
    Ok(args.asserts.exit(Exit::Ok, &outcome, &rows))
}

/// The folder of a suite, if that is what is named: by itself, or by the state in it.
pub(crate) fn suite_folder(file: &Path) -> Option<&Path> {
    if file.is_dir() {
        return Some(file);
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    file.ends_with(STATE_FILE).then_some(folder)
}

/// Reads a record; one that cannot be read is a mistake in the command line.
pub(crate) fn load(file: &Path) -> anyhow::Result<drumpost_results::model::Record> {
    store::read(file).map_err(|error| usage(format!("{:#}", anyhow::Error::from(error))))
}
