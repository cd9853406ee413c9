//! `drumpost show FILE`: a saved record, drawn again from the file alone.

use crate::{Exit, args::ShowArgs, exit::usage, output};
use drumpost_results::{format, report, store};

/// Draws a record.
pub(crate) fn show(args: &ShowArgs) -> anyhow::Result<Exit> {
    let mut record = load(&args.file)?;
    args.thresholds.judge_anew(&mut record)?;
    if args.json {
        output::result(&format::to_json(&record)?);
        return Ok(Exit::Ok);
    }
    let layout = output::layout();
    let text = if record.search.is_some() { report::search } else { report::table };
    output::result(&text(&record, Some(&args.file), layout));
    if args.hops {
        output::result(&format!("\n{}", report::hops(&record, layout)));
    }
    Ok(Exit::Ok)
}

/// Reads a record; one that cannot be read is a mistake in the command line.
pub(crate) fn load(file: &std::path::Path) -> anyhow::Result<drumpost_results::model::Record> {
    store::read(file).map_err(|error| usage(format!("{:#}", anyhow::Error::from(error))))
}
