//! The checks of the suite for brokers (`drumpost_kit::suite`) at the server that a transport is told of: what happens when a line to
//! it is cut or silent, when consumers and connections are killed, and when no server is there. The server itself is not killed.
//! A build without transports over brokers does not have the suite.

use drumpost_core::{
    contract::Line,
    promise::Asked,
    registry::{Options, TransportEntry},
    scenario::Style,
};

/// The names of the checks, with what each proves.
#[cfg(feature = "suite")]
pub(super) fn checks() -> Vec<(&'static str, &'static str)> {
    drumpost_kit::suite::CHECKS.iter().map(|check| (check.name, check.proves)).collect()
}

/// Whether the server of a transport that has one can be reached, by a small run.
///
/// # Errors
/// A sentence about the server.
#[cfg(feature = "suite")]
pub(super) fn reach(entry: &TransportEntry, options: &Options, asked: Asked) -> Result<(), String> {
    if entry.needs_server && !entry.runs_server(options) {
        drumpost_kit::suite::Suite::at(entry, options)?.asking(asked).reach()
    } else {
        Ok(())
    }
}

#[cfg(not(feature = "suite"))]
pub(super) fn reach(_entry: &TransportEntry, _options: &Options, _asked: Asked) -> Result<(), String> {
    Ok(())
}

/// Runs those that are `wanted`, and hands over each line as it is known. None for a transport without a server. All of them run in the
/// style that was asked for. If both were, they send commands, and those of faults send events as well.
///
/// # Errors
/// A sentence about the address of the server.
#[cfg(feature = "suite")]
pub(super) fn run(
    (entry, styles): (&TransportEntry, &[Style]),
    options: &Options,
    asked: Asked,
    wanted: impl Fn(Style, &'static str) -> bool,
    mut tell: impl FnMut(&Line),
) -> Result<Vec<Line>, String> {
    use drumpost_kit::suite::Suite;
    if !entry.needs_server || entry.runs_server(options) {
        return Ok(Vec::new());
    }
    let mut lines = Vec::new();
    let mut suite = Suite::at(entry, options)?.asking(asked);
    if let Some(only) = styles.first().filter(|first| styles.iter().all(|style| style == *first)) {
        suite = suite.style(*only);
    }
    for (check, style) in suite.checks() {
        if wanted(style, check.name) {
            let line = suite.line(check, style);
            tell(&line);
            lines.push(line);
        }
    }
    Ok(lines)
}

#[cfg(not(feature = "suite"))]
pub(super) fn checks() -> Vec<(&'static str, &'static str)> {
    Vec::new()
}

#[cfg(not(feature = "suite"))]
pub(super) fn run(
    _subject: (&TransportEntry, &[Style]),
    _options: &Options,
    _asked: Asked,
    _wanted: impl Fn(Style, &'static str) -> bool,
    _tell: impl FnMut(&Line),
) -> Result<Vec<Line>, String> {
    Ok(Vec::new())
}
