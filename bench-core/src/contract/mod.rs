//! The contract of a transport, as checks that a test of a transport calls in one line:
//!
//! ```no_run
//! # let entry: drumpost_core::registry::TransportEntry = unimplemented!();
//! use drumpost_core::{contract, registry::Options};
//! contract::check(&entry, &Options::default()).assert();
//! ```
//!
//! The kit has scenarios, handlers and a feed of its own. It runs them through the dispatcher of the transport's entry,
//! for every style and intent that the entry lists, and compares the outcome with the entry's promises. Every run and every
//! check is bounded by a count and a time limit, so a style takes some seconds. After a run that hangs nothing more is run, as
//! each further run would hang as long. [`CHECKS`] lists all checks. The kit knows no
//! particular transport.
//!
//! Handlers report faults by emitting a kind that no service receives. The outcome counts it as `unrouted`.

mod deliveries;
mod endings;
mod follow;
mod handlers;
mod intents;
mod ports;
mod pressure;
mod report;
mod scenarios;
mod stamps;
mod subject;
#[cfg(test)]
mod tests;
mod trial;

pub use report::{Line, Report, Verdict};

use crate::{
    promise::Asked,
    registry::{Options, TransportEntry},
    scenario::Style,
};
use subject::Subject;

/// One check of the kit.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// The property that the check proves.
    pub proves: &'static str,
    run: fn(&Subject<'_>, Style) -> Result<(), Stop>,
}

/// Why a check did not pass.
#[derive(Clone, Debug)]
enum Stop {
    Fails(String),
    NotApplicable(String),
}

/// All checks of the kit, in the order in which they run.
pub const CHECKS: &[Check] = &[
    Check {
        name: "ports",
        proves: "ports return what they did: `drain` how many messages it handed over, with one `Told` for each or none, \
                 and `offer` no more than it was offered; no call blocks or panics",
        run: ports::ports,
    },
    Check {
        name: "count",
        proves: "everything sent arrives exactly once; what a promise excepts (loss, duplicates) is admitted and counted",
        run: deliveries::count,
    },
    Check {
        name: "order",
        proves: "messages of one producer, key or shard arrive in the order they were sent, whichever is promised",
        run: deliveries::order,
    },
    Check {
        name: "payload",
        proves: "header and payload bytes of many sizes, none and odd ones included, arrive as they were sent",
        run: deliveries::payload,
    },
    Check {
        name: "headers",
        proves: "application headers arrive as they were sent, empty ones too, none missing and none more, or the wiring is \
                 refused in a sentence that names headers",
        run: deliveries::headers,
    },
    Check {
        name: "stamps",
        proves: "`due` and `sent` arrive as the lane sealed them; hop times are never negative, never more than the wall \
                 time, and hold the time a message waited in the transport",
        run: stamps::stamps,
    },
    Check {
        name: "wake-ups",
        proves: "a receiver that sleeps is woken by what arrives, not by the end of its nap",
        run: stamps::wake_ups,
    },
    Check {
        name: "back-pressure",
        proves: "a slow receiver costs nothing but time: a transport that blocks senders holds no more than its \
                 capacity and the blocked time is measured; another one delivers or admits what it dropped",
        run: pressure::back_pressure,
    },
    Check {
        name: "fan-out",
        proves: "an event reaches each of no, one and three subscribers, a slow one too",
        run: intents::fan_out,
    },
    Check {
        name: "competing",
        proves: "of several instances of a service exactly one handles a message, or the wiring is refused by intent",
        run: intents::competing,
    },
    Check {
        name: "request-reply",
        proves: "each of two requesters gets its own replies and no other's, or the wiring is refused by intent",
        run: intents::request_reply,
    },
    Check {
        name: "request-reply-awaited",
        proves: "the same when a requester awaits each reply; nothing else is handed to it meanwhile",
        run: intents::request_reply_awaited,
    },
    Check {
        name: "replies-apart",
        proves: "a service that both reacts and asks gets both, awaiting or not",
        run: intents::replies_apart,
    },
    Check {
        name: "refusal",
        proves: "an intent that is not claimed is refused when opened, in a sentence that names it",
        run: intents::refusal,
    },
    Check {
        name: "shutdown",
        proves: "the last message is delivered like the first, run after run; the drain deadline is kept; no thread stays",
        run: endings::shutdown,
    },
    Check {
        name: "panic",
        proves: "a receiver that goes away with a panic ends the run within seconds as failed, with the panic's text",
        run: endings::panic,
    },
    Check {
        name: "interruption",
        proves: "an interrupted run ends soon, whether messages flow, senders are blocked or all lanes sleep",
        run: endings::interruption,
    },
];

/// Name of the line about a transport that cannot even be made.
const MAKE: &str = "make";

/// Checks everything `entry` claims, made with `options`.
#[must_use]
pub fn check(entry: &TransportEntry, options: &Options) -> Report {
    check_only(entry, options, |_| true)
}

/// As [`check`], with the checks whose name `wanted` says yes to.
#[must_use]
pub fn check_only(entry: &TransportEntry, options: &Options, wanted: impl Fn(&str) -> bool) -> Report {
    check_where(entry, options, |_, check| wanted(check))
}

/// As [`check`], with the checks that `wanted` says yes to. It is asked for each of them, by style and name, right before it
/// is run.
#[must_use]
pub fn check_where(
    entry: &TransportEntry,
    options: &Options,
    wanted: impl Fn(Style, &'static str) -> bool,
) -> Report {
    check_telling(entry, options, &Asked::default(), wanted, |_| {})
}

/// As [`check_where`], of a transport of which this is asked. Each line is given to `tell` as soon as it is known.
#[must_use]
pub fn check_telling(
    entry: &TransportEntry,
    options: &Options,
    asked: &Asked,
    wanted: impl Fn(Style, &'static str) -> bool,
    mut tell: impl FnMut(&Line),
) -> Report {
    let mut report = Report { transport: entry.name.to_owned(), lines: Vec::new() };
    let mut add = |line: Line| {
        tell(&line);
        report.lines.push(line);
    };
    let made = entry.made(options);
    let made = made.and_then(|made| Subject::new(entry, options, asked, &*made));
    let subject = match made {
        Ok(subject) => subject,
        Err(error) => {
            let verdict = Verdict::Failed(format!("the transport is not made: {error}"));
            add(Line { check: MAKE, style: Style::Message, verdict });
            return report;
        }
    };
    for style in Style::ALL {
        // Of a style it does not have, only the refusal can be checked.
        let applies = |check: &&Check| entry.intents(style).is_some() || check.name == "refusal";
        for check in CHECKS.iter().filter(applies).filter(|check| wanted(style, check.name)) {
            let verdict = subject.begin(style, check.name).and_then(|()| (check.run)(&subject, style));
            let verdict = match verdict {
                Ok(()) => Verdict::Passed,
                Err(Stop::Fails(why)) => Verdict::Failed(why),
                Err(Stop::NotApplicable(why)) => Verdict::NotApplicable(why),
            };
            add(Line { check: check.name, style, verdict });
        }
    }
    report
}

/// Fails the check unless `holds`.
fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), Stop> {
    if holds { Ok(()) } else { Err(Stop::Fails(why())) }
}
