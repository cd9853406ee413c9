//! Printing: results go to stdout, everything else to stderr. No other module of the command line prints.
//!
//! A result that cannot be printed is an error, because a script that reads an empty file has to notice. A remark that
//! cannot be printed is not: stderr may be a closed pipe, a full disk or a closed terminal, and the measurements are
//! worth more than the remark. The print macros panic in these cases, so nothing uses them.
//!
//! All printed text passes through here, so this module also replaces characters that act on a terminal. A record, an
//! error of a server or a line of a file may contain some.

use crate::{form::FormArgs, secrets};
use anyhow::Context;
use drumpost_results::{
    plain,
    report::{Layout, Report},
    store::{self, Reader},
};
use std::{
    ffi::OsStr,
    io::{self, ErrorKind, IsTerminal, Write},
    path::Path,
};

/// Prints a result. A reader that went away (`| head`) has read what it wanted, which is no error.
///
/// # Errors
/// Stdout takes no more, because its disk is full, for instance.
pub(crate) fn result(text: &str) -> anyhow::Result<()> {
    let text = &secrets::hide(text);
    // JSON stays the same document when these characters are escaped. A table that begins with such a bracket is escaped as well, which does no
    // harm.
    let text: &str = &match text.starts_with(['{', '[']) {
        true => plain::json(text),
        false if layout().colour => plain::coloured(text),
        false => plain::plain(text),
    };
    let mut stdout = io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(end.as_bytes()));
    printed(written.and_then(|()| stdout.flush()))
}

/// Prints a line of a result that goes on.
///
/// # Errors
/// Stdout takes no more lines, whether its reader went away or its disk is full. [`printed`] tells which it is.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let text = secrets::hide(text);
    writeln!(stdout, "{}", plain::line(&text)).and_then(|()| stdout.flush())
}

/// Prints a report, or the document that has the same in JSON, and saves it as a page if that is asked for, too. A page that goes to
/// stdout is all that is printed.
///
/// # Errors
/// As [`result`], or why there is no document.
pub(crate) fn report<E: Into<anyhow::Error>>(
    report: impl Fn() -> Report,
    json: impl FnOnce() -> Result<String, E>,
    form: &FormArgs,
) -> anyhow::Result<()> {
    page(&report, form)?;
    if form.html.as_deref().is_some_and(store::is_stdout) {
        return Ok(());
    }
    result(&match (form.json, form.markdown) {
        (true, _) => json().map_err(Into::into)?,
        // Markdown and HTML escape characters, after which a secret may no longer look like one.
        (false, true) => report().map_texts(secrets::hide).markdown(),
        (false, false) => report().text(layout()),
    })
}

/// A page of more bytes than this is said to be large: mails and browsers take it unwillingly.
const LARGE_BYTES: usize = 5_000_000;

/// Saves a report as a page, if that is asked for.
///
/// # Errors
/// As [`document`].
pub(crate) fn page(report: impl Fn() -> Report, form: &FormArgs) -> anyhow::Result<()> {
    let Some(path) = &form.html else { return Ok(()) };
    let page = report().map_texts(secrets::hide).html();
    if page.len() > LARGE_BYTES {
        remark(&format!(
            "note: the page has {}, so a browser may take a while to open it; `show FILE --html PAGE` makes a page of a single record",
            drumpost_results::units::size(page.len() as u64)
        ));
    }
    document(path, &page, Reader::Soon)
}

/// Writes a text to a file that the user named, or to stdout if that is what the name says.
///
/// # Errors
/// As [`result`], or the path and why it cannot be written.
pub(crate) fn document(path: &Path, text: &str, reader: Reader) -> anyhow::Result<()> {
    if store::is_stdout(path) { result(text) } else { Ok(store::write_text(path, text, reader)?) }
}

/// The result of printing to stdout: see [`result`].
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

/// Says what went wrong, on one line: names in a record, errors of a server and texts of panics may hold line breaks.
pub(crate) fn complain(text: &str) {
    to_stderr(&format!("drumpost: {}\n", short_words(&plain::line(text))));
}

/// The text with its longest words cut. A name in a file may be as long as the file, and an error that quotes it would
/// push everything else off the screen.
pub(crate) fn short_words(text: &str) -> String {
    /// Longer than any name, and than paths that people type.
    const WORD_LEN: usize = 1_000;
    let short = |word: &str| plain::cut(word, WORD_LEN).into_owned();
    let line = |line: &str| line.split(' ').map(short).collect::<Vec<_>>().join(" ");
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Says something beside the result, on one line, as [`complain`] does.
pub(crate) fn remark(text: &str) {
    to_stderr(&format!("{}\n", plain::line(text)));
}

/// Says something beside the result that is laid out in lines of its own. Foreign texts in it have no line breaks left.
pub(crate) fn remark_lines(text: &str) {
    to_stderr(&format!("{}\n", plain::plain(text)));
}

fn to_stderr(text: &str) {
    // Nobody is left to be told if this fails.
    let _ = io::stderr().lock().write_all(secrets::hide(text).as_bytes());
}

/// Has secrets hidden in the text of a panic, too, and whatever acts on a terminal: a transport may have put a server's
/// error into it. A harmless text is told as usual, with a backtrace if one is asked for.
pub(crate) fn hide_secrets_in_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = drumpost_core::dispatcher::panic_text(panic.payload());
        let is_harmless = secrets::hide(&said) == said && plain::line(&said) == said;
        if is_harmless { usual(panic) } else { complain(&panic.to_string()) }
    }));
}

/// Writes a line over the last one. What does not fit is left out: a wrapped line could not be written over. Where there is no terminal,
/// such as in the log of a CI job, nothing is written.
pub(crate) fn progress(text: &str) {
    if !remarks_to_terminal() {
        return;
    }
    let columns = width_of(io::stderr()).unwrap_or(80);
    let fits: String = plain::line(text).chars().take(columns.saturating_sub(1)).collect();
    to_stderr(&format!("\r{fits}\x1b[K"));
}

/// Whether results go to a terminal.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether a dashboard can be drawn where results go.
pub(crate) fn has_screen() -> bool {
    is_terminal() && understands_escapes(std::env::var_os("TERM").as_deref())
}

/// Whether remarks go to a terminal that a line can be written over on.
pub(crate) fn remarks_to_terminal() -> bool {
    io::stderr().is_terminal() && understands_escapes(std::env::var_os("TERM").as_deref())
}

/// Whether a terminal of that name can do more than print lines. One that says nothing of itself is taken at its word.
fn understands_escapes(term: Option<&OsStr>) -> bool {
    term.is_some_and(|name| !name.is_empty() && name != "dumb" && name != "unknown")
}

/// Width and colours for stdout.
pub(crate) fn layout() -> Layout {
    /// In fewer columns not even the names of dispatches have room.
    const NARROWEST: usize = 20;
    /// No terminal has more columns. A variable may say any number.
    const WIDEST: usize = u16::MAX as usize;
    let colour = has_screen() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let columns = terminal_width().or_else(|| std::env::var("COLUMNS").ok()?.parse().ok());
    Layout { width: columns.unwrap_or(120).clamp(NARROWEST, WIDEST), colour }
}

fn terminal_width() -> Option<usize> {
    is_terminal().then(|| width_of(io::stdout())).flatten()
}

fn width_of(terminal: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_without_a_name_gets_lines() {
        let names = ["", "dumb", "unknown"].map(|name| Some(OsStr::new(name)));
        assert!(names.into_iter().chain([None]).all(|name| !understands_escapes(name)));
        assert!(
            ["xterm", "linux", "screen-256color", "vt100"]
                .map(OsStr::new)
                .map(Some)
                .into_iter()
                .all(understands_escapes)
        );
    }

    #[test]
    fn long_words_of_an_error_are_cut_and_nothing_else_is_changed() {
        let long = "x".repeat(70_000);
        let text = short_words(&format!("s.toml:  unknown `{long}`;\n  line 2\n"));
        assert_eq!(text, format!("s.toml:  unknown `{}…\n  line 2\n", "x".repeat(998)));
        assert_eq!(short_words("a  b\n\n c "), "a  b\n\n c ");
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure_and_a_full_disk_is_one() {
        let of = |kind: ErrorKind| printed(Err(kind.into()));
        assert!(printed(Ok(())).is_ok() && of(ErrorKind::BrokenPipe).is_ok());
        let full = format!("{:#}", of(ErrorKind::StorageFull).unwrap_err());
        assert_eq!(full, "failed to write to stdout; check where the output goes: no storage space");
    }
}
