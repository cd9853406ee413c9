//! `drumpost export FILE`: converts a record to the formats of other tools.

use crate::{
    Exit,
    args::{ExportArgs, ExportSide},
    exit::usage,
    files::{Files, Holds},
    output,
    show::load,
};
use anyhow::Context as _;
use clap::ValueEnum as _;
use drumpost_results::{
    export::{self, ExportError, OfRecord, Selection, Source},
    model::Role,
    rows::Sides,
    store,
};
use std::time::SystemTime;

/// Writes what was chosen to a file, or to stdout.
pub(crate) fn export(args: &ExportArgs) -> anyhow::Result<Exit> {
    let value = args.format.to_possible_value();
    let format = value.and_then(|value| export::named(value.get_name()));
    let format = format.context("failed to find the format")?;
    let out = args.out.as_deref();
    Files::default().reads([&args.file]).writes("--out", out, Holds::Export(format.name())).check()?;
    let record = load(&args.file)?;
    let (dispatch, times) = (args.dispatch.clone(), args.times.clone());
    let side = args.side.map(Into::into);
    let selection = Selection { dispatch, side, trial: args.trial, times };
    let source = Source::record(OfRecord {
        record: &record,
        selection: &selection,
        started_s: since_epoch_s(record.started_at.as_deref()),
        revision: args.revision.as_deref(),
    });
    let exported = export::write(format, &source).map_err(|error| match error {
        error @ ExportError::Histogram(_) => error.into(),
        error => usage(format!("{}: {error}", args.file.display())),
    })?;
    for row in &exported.left_out {
        output::remark(&format!("left out: {row}"));
    }
    match out {
        Some(path) if !store::is_stdout(path) => {
            output::document(path, &exported.text, store::Reader::Awaited)
                .map_err(|error| usage(format!("{error:#}")))?;
        }
        Some(_) | None => output::result(&exported.text)?,
    }
    Ok(Exit::Ok)
}

impl From<ExportSide> for Sides {
    fn from(side: ExportSide) -> Self {
        match side {
            ExportSide::Base => Self::One(Role::Base),
            ExportSide::Head => Self::One(Role::Head),
            ExportSide::Control => Self::One(Role::Control),
            ExportSide::All => Self::All,
        }
    }
}

/// Seconds since the epoch; 0 without a date, as in virtual time.
fn since_epoch_s(date: Option<&str>) -> f64 {
    let time = date.and_then(|date| humantime::parse_rfc3339(date).ok());
    let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map_or(0.0, |since| since.as_secs_f64())
}
