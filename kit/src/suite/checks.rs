//! The list of checks, and how several of them run at the same time.

use super::{
    Stop, Suite, absent, acked_before, backlog, broken, dead_letters, given_back, kills, runs, slow,
};
use drumpost_core::{contract::Line, scenario::Style};
use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// One check of the suite.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// The property that the check proves.
    pub proves: &'static str,
    /// About how many seconds it waits: those that wait longest begin first.
    waits_s: u8,
    /// It runs in both styles of a transport, because queues of commands and subscriptions to events may recover differently from its fault.
    pub(super) in_both_styles: bool,
    pub(super) run: fn(&Suite<'_>) -> Result<(), Stop>,
}

/// All checks, in the order in which they are reported.
pub const CHECKS: &[Check] = &[
    Check {
        name: "second-run",
        proves: "a second run on the same dispatcher with the same name keeps the promise like the first, and neither leaves \
                 anything behind",
        waits_s: 1,
        in_both_styles: false,
        run: runs::second_run,
    },
    Check {
        name: "two-at-once",
        proves: "two runs at once at one server do not hear each other",
        waits_s: 2,
        in_both_styles: false,
        run: runs::two_at_once,
    },
    Check {
        name: "options",
        proves: "with each word of an option that changes what is compared, and with another count, the promise is kept that the transport \
                 then makes",
        waits_s: 2,
        in_both_styles: false,
        run: runs::options,
    },
    Check {
        name: "interrupted",
        proves: "an interrupted run ends soon and leaves nothing behind",
        waits_s: 1,
        in_both_styles: false,
        run: runs::interrupted,
    },
    Check {
        name: "clean",
        proves: "cleaning while a run is under way names the run's objects and leaves them alone",
        waits_s: 2,
        in_both_styles: false,
        run: runs::clean,
    },
    Check {
        name: "absent",
        proves: "a server that is not there is an error that names its address, in time",
        waits_s: 1,
        in_both_styles: false,
        run: absent::absent,
    },
    Check {
        name: "mute",
        proves: "a server that takes connections and never says a word is an error that names its address, \
                 in time",
        waits_s: 5,
        in_both_styles: false,
        run: absent::mute,
    },
    Check {
        name: "wrong-protocol",
        proves: "a server that speaks another protocol is an error that names its address, in time",
        waits_s: 5,
        in_both_styles: false,
        run: absent::wrong_protocol,
    },
    Check {
        name: "secrets",
        proves: "no error holds a password, be it in the address or in an option",
        waits_s: 2,
        in_both_styles: false,
        run: absent::secrets,
    },
    Check {
        name: "too-large",
        proves: "a payload that the server would not take is refused in a sentence that has the size in bytes, or the server's limit",
        waits_s: 1,
        in_both_styles: false,
        run: absent::too_large,
    },
    Check {
        name: "server-killed",
        proves: "a server that is killed in the middle ends the run in time, as failed, with its address and with what may \
                 remain there; the next run removes it",
        waits_s: 6,
        in_both_styles: true,
        run: broken::server_killed,
    },
    Check {
        name: "line-silent",
        proves: "a line that goes silent is told from lost messages; the next run removes what had to remain",
        waits_s: 16,
        in_both_styles: false,
        run: broken::line_silent,
    },
    Check {
        name: "silent-and-back",
        proves: "with a run that is to reconnect, connections go silent while messages flow and new ones are let through: every instance \
                 notices by itself, the outage is told, messages flow again, and no confirmed message is lost where none may be",
        waits_s: 25,
        in_both_styles: false,
        run: broken::silent_and_back,
    },
    Check {
        name: "line-cut",
        proves: "a line that is cut ends the run as failed, and nothing is left behind",
        waits_s: 1,
        in_both_styles: false,
        run: broken::line_cut,
    },
    Check {
        name: "line-cut-and-back",
        proves: "with a run that is to reconnect, a line that was cut comes back: the run completes, the outage is told, and \
                 no confirmed message is lost where none may be; it sends requests and hears replies where the transport has them, or else \
                 commands",
        waits_s: 5,
        in_both_styles: true,
        run: broken::line_cut_and_back,
    },
    Check {
        name: "server-restarted",
        proves: "with a run that is to reconnect, a server is killed and started again on its port: the run completes, the outage is \
                 told, and no confirmed message is lost where none may be; it sends requests and hears replies where the transport has \
                 them, or else commands",
        waits_s: 8,
        in_both_styles: true,
        run: broken::server_restarted,
    },
    Check {
        name: "line-reset",
        proves: "with a run that is to reconnect, all connections are reset, so that clients get an error in place of an end: the run \
                 completes, the outage is told, and no confirmed message is lost where none may be",
        waits_s: 5,
        in_both_styles: false,
        run: broken::line_reset,
    },
    Check {
        name: "line-slow",
        proves: "over a line that delays bytes, and over one that passes few of them, messages take as long as that takes, and the promise \
                 is kept",
        waits_s: 4,
        in_both_styles: false,
        run: slow::slow_line,
    },
    Check {
        name: "consumer-paused",
        proves: "a paused consumer goes on: the run completes, the pause is told as an outage and as a gap between flows, and no message is \
                 lost where none may be",
        waits_s: 3,
        in_both_styles: false,
        run: slow::paused,
    },
    Check {
        name: "backlog",
        proves: "where the transport stores messages for absent consumers, messages pile up for one; when it has joined, all of them are \
                 delivered, and the outcome tells how it caught up; where the transport has both styles, commands have a second consumer, \
                 which goes on alone until the absent one joins",
        waits_s: 3,
        in_both_styles: true,
        run: backlog::backlog,
    },
    Check {
        name: "consumer-killed",
        proves: "a killed consumer is back; the messages that it died with come again, or the audit counts them as lost where \
                 that may be",
        waits_s: 7,
        in_both_styles: true,
        run: kills::consumer,
    },
    Check {
        name: "connection-killed",
        proves: "an instance whose connections are all killed, on the receiving and on the sending side, is back; the messages that it \
                 had come again, or the audit counts them as lost where that may be",
        waits_s: 6,
        in_both_styles: true,
        run: kills::connection,
    },
    Check {
        name: "acked-before",
        proves: "acknowledged before handling, no message comes again, not even those that a killed consumer had",
        waits_s: 4,
        in_both_styles: true,
        run: acked_before::acked_before,
    },
    Check {
        name: "given-back",
        proves: "a message that its receiver gives back comes again, as often as it is given back, and is neither lost nor handled \
                 twice",
        waits_s: 3,
        in_both_styles: true,
        run: given_back::given_back,
    },
    Check {
        name: "dead-letters",
        proves: "a message that is given back more often than an option allows is counted as a dead letter: neither lost nor handled, \
                 its flow is over, and nobody waits for it",
        waits_s: 3,
        in_both_styles: true,
        run: dead_letters::dead_letters,
    },
];

/// The lines of these checks, each in a style, in their order, of which so many run at the same time. Checks that take long begin first.
pub(super) fn side_by_side(
    checks: &[(&Check, Style)],
    at_once: usize,
    line: impl Fn(&Check, Style) -> Line + Sync,
) -> Vec<Line> {
    let mut order: Vec<usize> = (0..checks.len()).collect();
    order.sort_by_key(|at| Reverse(checks[*at].0.waits_s));
    let (next, lines) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        while let Some(at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (check, style) = checks[*at];
            let line = line(check, style);
            lines.lock().unwrap_or_else(PoisonError::into_inner).insert(*at, line);
        }
    };
    thread::scope(|scope| (0..at_once.max(1)).for_each(|_| drop(scope.spawn(work))));
    lines.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::{contract::Verdict, registry::TransportEntry, scenario::Intent};
    use std::time::Duration;

    #[test]
    fn checks_run_at_the_same_time_and_are_reported_in_their_order() {
        let all: Vec<(&Check, Style)> = CHECKS.iter().map(|check| (check, Style::Message)).collect();
        let (running, most, first) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(None));
        let line = |check: &Check, style| {
            first.lock().unwrap().get_or_insert(check.name);
            most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(20));
            running.fetch_sub(1, Ordering::Relaxed);
            Line { check: check.name, style, verdict: Verdict::Passed }
        };
        let names = |lines: Vec<Line>| lines.into_iter().map(|line| line.check).collect::<Vec<_>>();
        let in_order: Vec<&str> = all.iter().map(|(check, _)| check.name).collect();
        assert_eq!(names(side_by_side(&all, 1, line)), in_order);
        assert_eq!(
            (most.load(Ordering::Relaxed), first.lock().unwrap().take()),
            (1, Some("silent-and-back"))
        );
        assert_eq!(names(side_by_side(&all, 6, line)), in_order);
        assert!((2..=6).contains(&most.load(Ordering::Relaxed)), "{most:?}");
    }

    #[test]
    fn faults_are_checked_in_both_styles_of_a_transport_that_has_both() {
        let names = |suite: &Suite<'_>, style| {
            let checks = suite.checks().into_iter().filter(|(_, of)| *of == style);
            checks.map(|(check, _)| check.name).collect::<Vec<_>>()
        };
        let all: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
        let both = TransportEntry { name: "both", ..TransportEntry::IN_MEMORY };
        let suite = Suite::new(&both, || unreachable!("nothing is run"));
        assert_eq!(names(&suite, Style::Message), all);
        let again = names(&suite, Style::Event);
        assert!(again.contains(&"server-restarted") && !again.contains(&"absent"), "{again:?}");
        let one = suite.clone().only(&["absent", "line-cut-and-back"]);
        assert_eq!(names(&one, Style::Event), ["line-cut-and-back"]);
        let events = suite.style(Style::Event);
        assert_eq!((names(&events, Style::Message), names(&events, Style::Event)), (vec![], all.clone()));
        let commands = TransportEntry { intents: &[(Style::Message, &[Intent::Command])], ..both.clone() };
        let suite = Suite::new(&commands, || unreachable!("nothing is run"));
        assert_eq!((names(&suite, Style::Message), names(&suite, Style::Event)), (all, vec![]));
        let Verdict::NotApplicable(why) = suite.line(&CHECKS[0], Style::Event).verdict else { panic!() };
        assert_eq!(why, "the transport has no events");
    }
}
