//! Signals: what ends a command, and what stops and continues the process.
//!
//! SIGINT, SIGTERM and SIGHUP ask running commands to end and to save what there is (`interrupt`). SIGTSTP (Ctrl-Z)
//! gives the terminal back before the process stops, SIGCONT takes it again. SIGXFSZ does nothing, so that a write beyond a
//! file size limit (`ulimit -f`) is an error like a full disk instead of the end of the process. Other signals that end a
//! process end this one, too, as they would without a handler, but not before the terminal was given back.

use signal_hook::{
    consts::{
        SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU,
        SIGXFSZ,
    },
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

/// Signals that end a process at once and that others send: SIGQUIT to have a core dump, SIGXCPU beyond `ulimit -t`. Those of
/// a defect in the process itself (SIGSEGV, SIGABRT) are not among them, as no thread is sure to run after them.
const DEADLY: [i32; 6] = [SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGXCPU];

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
    // A signal that the program around this library handles, or that the shell told to be ignored, stays theirs.
    let status = own_status();
    let is_default = |signal: &i32| !["SigIgn:", "SigCgt:"].iter().any(|mask| is_in(&status, mask, *signal));
    numbers.extend(DEADLY.into_iter().filter(is_default));
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
        signal if DEADLY.contains(&signal) => {
            drumpost_tui::restore();
            // Ends here.
            let _ = emulate_default_handler(signal);
        }
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
    *IGNORED.get_or_init(|| is_in(&own_status(), "SigIgn:", SIGHUP))
}

fn own_status() -> String {
    std::fs::read_to_string("/proc/self/status").unwrap_or_default()
}

/// Whether a mask of `/proc/self/status` (proc(5)) has a signal: a bit for each, the first for signal 1. Unknown elsewhere.
fn is_in(status: &str, mask: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix(mask));
    let mask = mask.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    mask.is_some_and(|mask| (mask >> (signal - 1)) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_their_mask() {
        let status = "Name:\tdrumpost\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000004\n";
        let (ignored, caught) = ("SigIgn:", "SigCgt:");
        assert!(
            is_in(status, ignored, SIGHUP) && is_in(status, ignored, 13) && is_in(status, caught, SIGQUIT)
        );
        assert!(
            !is_in(status, ignored, SIGINT) && !is_in("", ignored, SIGHUP) && !is_in(status, caught, SIGHUP)
        );
    }
}
