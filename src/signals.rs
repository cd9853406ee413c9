//! Signals: what ends a command, and what stops and continues the process.
//!
//! SIGINT, SIGTERM and SIGHUP ask running commands to end and to save what there is (`interrupt`). SIGTSTP (Ctrl-Z)
//! gives the terminal back before the process stops, SIGCONT takes it again. SIGXFSZ does nothing, so that a write beyond a
//! file size limit (`ulimit -f`) is an error like a full disk instead of the end of the process.

use signal_hook::{
    consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGXFSZ},
    iterator::Signals,
    low_level::emulate_default_handler,
};
use std::{
    io,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::channel,
    },
    thread,
};

/// See [`stops`].
static STOPS: AtomicU64 = AtomicU64::new(0);

/// Handles signals from now on; `end` is called for each that asks to end.
///
/// # Errors
/// The system gives no handler or no thread.
pub(crate) fn handle(end: fn()) -> io::Result<()> {
    let mut numbers = vec![SIGINT, SIGTERM, SIGTSTP, SIGCONT, SIGXFSZ];
    // `nohup` and the like ask that a run outlive its terminal.
    numbers.extend((!is_hangup_ignored()).then_some(SIGHUP));
    let each = move |signal| match signal {
        SIGTSTP => {
            drumpost_tui::suspend();
            // Stops here, and goes on when the process is continued.
            let _ = emulate_default_handler(SIGTSTP);
        }
        SIGCONT => {
            STOPS.fetch_add(1, Ordering::Relaxed);
            drumpost_tui::resume();
        }
        SIGXFSZ => {}
        _ => end(),
    };
    let (tell, ready) = channel();
    // The thread comes first: with handlers and nobody to hear of signals, nothing could end the process any more.
    let watch = move || match Signals::new(numbers) {
        Ok(mut signals) => {
            let _ = tell.send(Ok(()));
            signals.forever().for_each(each);
        }
        Err(error) => {
            let _ = tell.send(Err(error));
        }
    };
    thread::Builder::new().name("signals".into()).spawn(watch)?;
    ready.recv().map_err(io::Error::other)?
}

/// How often the process was continued after it had been stopped. Its clock runs on while it is stopped.
pub(crate) fn stops() -> u64 {
    STOPS.load(Ordering::Relaxed)
}

/// Whether whoever started the process asked that it outlive its terminal (`nohup`). Asked before a handler is
/// installed, and remembered.
pub(crate) fn is_hangup_ignored() -> bool {
    static IGNORED: OnceLock<bool> = OnceLock::new();
    *IGNORED.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        is_ignored(&status, SIGHUP)
    })
}

/// From `/proc/self/status` (proc(5)): a bit for each signal, the first for signal 1. Unknown elsewhere.
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    mask.is_some_and(|mask| (mask >> (signal - 1)) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_their_mask() {
        let status = "Name:\tdrumpost\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n";
        assert!(is_ignored(status, SIGHUP) && is_ignored(status, 13));
        assert!(!is_ignored(status, SIGINT) && !is_ignored("", SIGHUP));
    }
}
