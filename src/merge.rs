//! `drumpost merge A B ...`: one record of several.

use crate::{
    Exit,
    args::MergeArgs,
    exit::usage,
    files::{Files, Holds},
    output, run,
    saver::Saver,
    show::load,
};
use drumpost_results::{format, merge::merge as merge_records, report};

/// Merges, saves, prints.
pub(crate) fn merge(args: &MergeArgs) -> anyhow::Result<Exit> {
    let files = Files::default().reads(&args.files).writes("--out", args.out.as_deref(), Holds::Record);
    args.form.check_files(files)?;
    let read = |file: &std::path::PathBuf| Ok((file.display().to_string(), load(file)?));
    let parts = args.files.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    let record = merge_records(parts).map_err(usage)?;
    let mut saver = Saver::new(args.out.as_deref(), &record)?;
    let is_document = saver.takes_stdout();
    let saved = saver.finish(&record);
    saved.outcome?;
    if args.form.json || !is_document {
        let report = || report::table(&record, saved.path.as_deref());
        output::report(report, || format::to_json(&record), &args.form)?;
    }
    Ok(run::exit(&record))
}
