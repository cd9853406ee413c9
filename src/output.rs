//! What is printed, and where: results to stdout, everything else to stderr. Nothing else in the command line prints.
//!
//! A result that cannot be printed is an error, because a script that reads an empty file has to notice. A remark that
//! cannot be printed is none: stderr may be a closed pipe, a full disk or a terminal that went away, and what was
//! measured is worth more than the line about it. The print macros panic there, so nothing uses them.

use crate::secrets;
use anyhow::Context;
use drumpost_results::report::Layout;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Prints a result. A reader that went away (`| head`) has read what it wanted, which is no error.
///
/// # Errors
/// Stdout takes no more, because its disk is full, for instance.
pub(crate) fn result(text: &str) -> anyhow::Result<()> {
    let text = &secrets::hide(text);
    let mut stdout = io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(end.as_bytes()));
    printed(written.and_then(|()| stdout.flush()))
}

/// What came of printing to stdout: see [`result`].
///
/// # Errors
/// As [`result`].
pub(crate) fn printed(outcome: io::Result<()>) -> anyhow::Result<()> {
    match outcome {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("failed to write to stdout; check where the output goes")
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Says what went wrong.
pub(crate) fn complain(text: &str) {
    to_stderr(&format!("drumpost: {text}\n"));
}

/// Says something beside the result.
pub(crate) fn remark(text: &str) {
    to_stderr(&format!("{text}\n"));
}

fn to_stderr(text: &str) {
    // Nobody is left to be told if this fails.
    let _ = io::stderr().lock().write_all(secrets::hide(text).as_bytes());
}

/// Writes a line over the last one, on a terminal. What does not fit is left out: a wrapped line could not be written over.
pub(crate) fn progress(text: &str) {
    let columns = width_of(io::stderr()).unwrap_or(80);
    let fits: String = text.chars().take(columns.saturating_sub(1)).collect();
    to_stderr(&format!("\r{fits}\x1b[K"));
}

/// Whether results go to a terminal.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether remarks go to a terminal.
pub(crate) fn remarks_to_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Width and colours for stdout.
pub(crate) fn layout() -> Layout {
    let colour = is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let columns = terminal_width().or_else(|| std::env::var("COLUMNS").ok()?.parse().ok());
    Layout { width: columns.unwrap_or(120).max(60), colour }
}

fn terminal_width() -> Option<usize> {
    is_terminal().then(|| width_of(io::stdout())).flatten()
}

fn width_of(terminal: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}
