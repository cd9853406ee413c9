//! What is printed, and where: results to stdout, everything else to stderr. Nothing else in the command line prints.

#![expect(clippy::print_stderr, reason = "the one place that prints")]

use drumpost_results::report::Layout;
use std::io::{IsTerminal, Write};

/// Prints a result.
pub(crate) fn result(text: &str) {
    let mut stdout = std::io::stdout().lock();
    // A reader that went away (`| head`) is no failure of ours.
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| if text.ends_with('\n') { Ok(()) } else { stdout.write_all(b"\n") });
    let _ = stdout.flush();
}

/// Says what went wrong.
pub(crate) fn complain(text: &str) {
    eprintln!("drumpost: {text}");
}

/// Says something beside the result.
pub(crate) fn remark(text: &str) {
    eprintln!("{text}");
}

/// Writes a line over the last one, on a terminal. What does not fit is left out: a wrapped line could not be written over.
pub(crate) fn progress(text: &str) {
    let columns = width_of(std::io::stderr()).unwrap_or(80);
    let fits: String = text.chars().take(columns.saturating_sub(1)).collect();
    eprint!("\r{fits}\x1b[K");
}

/// Whether results go to a terminal.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether remarks go to a terminal.
pub(crate) fn remarks_to_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Width and colours for stdout.
pub(crate) fn layout() -> Layout {
    let colour = is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let columns = terminal_width().or_else(|| std::env::var("COLUMNS").ok()?.parse().ok());
    Layout { width: columns.unwrap_or(120).max(60), colour }
}

fn terminal_width() -> Option<usize> {
    is_terminal().then(|| width_of(std::io::stdout())).flatten()
}

fn width_of(terminal: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}
