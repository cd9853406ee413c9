//! `drumpost export FILE`: converts a record to the formats of other tools.

use crate::{
    Exit,
    args::{ExportArgs, ExportFormat},
    exit::usage,
    output,
    show::load,
};
use drumpost_results::{
    export::{self, ExportError, Selection},
    store,
};
use std::time::SystemTime;

/// Writes what was chosen to a file, or to stdout.
pub(crate) fn export(args: &ExportArgs) -> anyhow::Result<Exit> {
    let record = load(&args.file)?;
    let (dispatch, times) = (args.dispatch.clone(), args.times.clone());
    let selection = Selection { dispatch, trial: args.trial, times };
    let text = match args.format {
        ExportFormat::Hlog => export::hlog(&record, &selection, since_epoch_s(record.started_at.as_deref())),
        ExportFormat::Hgrm => export::hgrm(&record, &selection),
        ExportFormat::Csv => export::csv(&record, &selection),
    };
    let text = text.map_err(|error| match error {
        error @ ExportError::Histogram(_) => error.into(),
        error => usage(format!("{}: {error}", args.file.display())),
    })?;
    match &args.out {
        Some(path) if !store::is_stdout(path) => store::write_text(path, &text, store::Reader::Awaited)
            .map_err(|error| usage(error.to_string()))?,
        Some(_) | None => output::result(&text)?,
    }
    Ok(Exit::Ok)
}

/// Seconds since the epoch; 0 without a date, as in virtual time.
fn since_epoch_s(date: Option<&str>) -> f64 {
    let time = date.and_then(|date| humantime::parse_rfc3339(date).ok());
    let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map_or(0.0, |since| since.as_secs_f64())
}
