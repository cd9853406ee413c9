//! Messages over a server that is killed with SIGKILL and started again over the same store, counted three times: by the audit of the
//! engine, by the handlers, and by a client of the broker's own kind where the broker has one. The three counts have to agree, and where
//! the transport promises to lose nothing and the server keeps what it confirmed, no confirmed message may be lost.
//!
//! A [`Row`] is a transport in one style with one guarantee. In the usual tests a run takes a second and a half beside the restart, and
//! only some rows are run. `scripts/counted` sets `DRUMPOST_COUNTED` to a number of messages, and all rows are run with so many.
#![allow(dead_code, reason = "shared by test binaries, each of which uses a part")]

#[path = "handlers.rs"]
mod handlers;

use crate::trial::{Trial, entry, made};
use drumpost_core::{
    monitor::Watch,
    outcome::{Audit, Ending, Outcome, Snapshot},
    promise::{Acks, Asked, Delivery, Promise},
    scenario::Style,
    server::ServerFacts,
};
use drumpost_kit::suite::{Course, PrivateServer};
use handlers::{HOPS, Handlers, have_sent, two_hops};
use std::{
    env,
    ops::RangeInclusive,
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

/// Names the number of messages that a run has at least.
const MESSAGES: &str = "DRUMPOST_COUNTED";

/// How long the load of a run lasts that nobody wanted longer, beside the time in which the server is away.
const SHORT_NS: u64 = 1_500_000_000;

/// How long a server may take to come back and a run to end. Beside four busy loops and a compiler RabbitMQ took 37 s to start.
const PATIENCE: Duration = Duration::from_secs(120);

/// One run over a server that is killed: a transport, its options and its load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) transport: &'static str,
    pub(crate) style: Style,
    pub(crate) acks: Acks,
    pub(crate) options: &'static [(&'static str, &'static str)],
    /// How the server is set up, in a few words for the table. Empty if that is as in all rows of the broker.
    pub(crate) server: &'static str,
    /// Between two flows.
    pub(crate) every_ns: u64,
    /// The server has what it confirmed when it comes back.
    pub(crate) keeps: bool,
    /// Also run where no number of messages is asked for.
    pub(crate) is_usual: bool,
    /// Messages at most, for a server that is too slow for as many as are asked for.
    pub(crate) most: u64,
}

impl Row {
    /// A row as the transport is without options, over a server that keeps what it confirmed. It is run where a number is asked for.
    pub(crate) const fn of(transport: &'static str, style: Style, every_ns: u64) -> Self {
        Self {
            transport,
            style,
            acks: Acks::After,
            options: &[],
            server: "",
            every_ns,
            keeps: true,
            is_usual: false,
            most: u64::MAX,
        }
    }

    /// How many flows a run has at least. `None`: this row is left out.
    fn flows(&self) -> Option<u64> {
        match env::var(MESSAGES) {
            Ok(messages) => {
                let messages: u64 = messages.parse().expect("DRUMPOST_COUNTED is a number of messages");
                Some(messages.min(self.most).div_ceil(HOPS))
            }
            Err(_) => self.is_usual.then(|| SHORT_NS / self.every_ns),
        }
    }

    /// What the transport promises with the options and acknowledgements of this row.
    fn promise(&self, url: &str) -> Result<Promise, String> {
        let entry = entry(self.transport);
        let acks = Some(self.acks).filter(|acks| *acks != Acks::After);
        made(self.transport, url, self.options).promise(entry.promise, &Asked { guarantee: None, acks })
    }

    /// How long is waited for what has not come when the load is over. What was lost never comes, so nearly every run waits for as
    /// long. Messages of transactions come when the server has recovered these.
    fn drain(&self, is_lossless: bool) -> Duration {
        let seconds = match (is_lossless, self.acks) {
            (_, Acks::Transaction) => 30,
            (true, _) => 10,
            (false, _) => 2,
        };
        Duration::from_secs(if env::var_os(MESSAGES).is_some() { 5 * seconds } else { seconds })
    }
}

/// What a client of the broker's own kind counted.
#[derive(Clone, Debug)]
pub(crate) enum Counted {
    /// Messages that the server ever stored, each of which is handed to a receiver. At least and at most so many, where the server
    /// counts something else among them.
    Stored(RangeInclusive<u64>),
    /// Different messages of which the server gave a copy to another subscriber. A message that was never confirmed may be among the
    /// copies and not arrive, or the other way round.
    Copied(u64),
    /// Messages that the server still has when all are handled.
    Left(u64),
    /// Nothing: the broker has no count that outlives it. The handlers count.
    Nothing,
}

impl Counted {
    fn agrees(&self, audit: &Audit, keeps: bool, is_lossless: bool) -> bool {
        match self {
            Self::Stored(count) if is_lossless => count.contains(&audit.unique),
            // What a receiver took and did not handle is lost.
            Self::Stored(count) => audit.unique <= *count.end() && *count.start() <= audit.sent,
            Self::Copied(count) if keeps => Some(*count) >= audit.confirmed && *count <= audit.sent,
            // Copies are lost as messages are, and others than those: while the server and this client are away.
            Self::Copied(count) => *count <= audit.sent && *count > audit.unique / 3,
            Self::Left(count) => *count == 0 || !is_lossless,
            Self::Nothing => true,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Stored(count) if count.start() == count.end() => format!(", stored {}", count.end()),
            Self::Stored(count) => format!(", stored {} to {}", count.start(), count.end()),
            Self::Copied(count) => format!(", copied {count}"),
            Self::Left(count) => format!(", left {count}"),
            Self::Nothing => String::new(),
        }
    }
}

/// A client of the broker's own kind that counts. It knows nothing of drumpost.
pub(crate) trait Count: Send {
    /// The transport has made its queues, and the load has not begun.
    fn begins(&mut self) {}

    /// Everything is measured, and the transport has not removed anything yet.
    fn counts(&mut self, outcome: &Outcome) -> Counted;
}

/// Nobody but the handlers counts.
pub(crate) struct Nobody;

impl Count for Nobody {
    fn counts(&mut self, _outcome: &Outcome) -> Counted {
        Counted::Nothing
    }
}

/// Follows a run, and has the broker's own client count.
struct Watching {
    course: Course,
    count: Box<dyn Count>,
    counted: Counted,
}

impl Watch for Watching {
    fn sample(&mut self, snapshot: &Snapshot) {
        self.course.sample(snapshot);
    }

    fn opened(&mut self, _server: Option<&ServerFacts>) {
        self.count.begins();
    }

    fn measured(&mut self, outcome: &Outcome) {
        self.counted = self.count.counts(outcome);
    }

    fn is_interrupted(&self) -> bool {
        false
    }
}

/// Runs each row, all of them also if one fails, and fails if one has.
#[track_caller]
pub(crate) fn assert_each(rows: &[Row], run: impl Fn(&Row, u64) -> Result<(), String>) {
    let chosen = rows.iter().filter_map(|row| Some((row, row.flows()?)));
    let broken: Vec<String> = chosen.filter_map(|(row, flows)| run(row, flows).err()).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Runs a row with so many flows over a server at `url` that is killed when half of them have ended, and prints its line of the table. The
/// load goes on until as many again have ended and two messages were sent for each. `count` is the client that counts.
///
/// # Errors
/// What does not agree, and every promise that was broken.
pub(crate) fn over_restart(
    row: &Row,
    flows: u64,
    (server, url): (&mut dyn PrivateServer, &str),
    count: Box<dyn Count>,
) -> Result<(), String> {
    // The handlers of one run count at a time.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    Handlers::begin_anew();
    let promise = row.promise(url)?;
    let is_lossless = row.keeps && promise.is_lossless();
    let trial = Trial {
        style: row.style,
        acks: row.acks,
        order: promise.order,
        options: row.options,
        drain: row.drain(is_lossless),
        ..Trial::until_told(row.every_ns)
    };
    let (plan, course) = (trial.plan(two_hops()), trial.course.clone());
    let mut watch = Watching { course: course.clone(), count, counted: Counted::Nothing };
    let mut dispatcher = made(row.transport, url, row.options);
    let (end, ended) = mpsc::channel();
    thread::spawn(move || {
        let ran = dispatcher.run(&plan, &mut watch);
        let _ = end.send(ran.map(|outcome| (outcome, watch.counted)));
    });
    let within = PATIENCE + Duration::from_nanos(4 * flows * row.every_ns);
    let flowed = course.moves_on(flows / 2, within);
    server.kill();
    server.come_back();
    // Where the service in the middle is given its messages again, flows end several times.
    let flows_again = course.moves_on(flows.div_ceil(2), within) && have_sent(HOPS * flows, within);
    course.end_load();
    let ended = ended.recv_timeout(PATIENCE + trial.drain).map_err(|_| "the run hangs".to_owned());
    let found = ended.and_then(|ran| ran.map_err(|error| format!("not opened: {error}")));
    let (outcome, counted) = found.map_err(|why| format!("{row:?}: {why}"))?;
    let (emitted, distinct, given) = Handlers::counts();
    let found = Found { row, promise, is_lossless, outcome, counted, emitted, distinct, given };
    found.print();
    let flow = (!flowed, "no messages flowed before the server was killed");
    let flow_again = (!flows_again, "too few messages flowed when the server was back");
    let broken = found.broken().into_iter().chain([flow, flow_again]);
    let broken: Vec<&str> = broken.filter_map(|(is_broken, what)| is_broken.then_some(what)).collect();
    if broken.is_empty() { Ok(()) } else { Err(format!("{}: {}", broken.join("; "), found.details())) }
}

/// What a run came to.
struct Found<'a> {
    row: &'a Row,
    promise: Promise,
    /// Nothing that was confirmed may be lost.
    is_lossless: bool,
    outcome: Outcome,
    counted: Counted,
    /// By handlers.
    emitted: u64,
    /// Different messages that handlers were given.
    distinct: u64,
    /// The same with those that came again.
    given: u64,
}

impl Found<'_> {
    /// What may be broken, with whether it is.
    fn broken(&self) -> Vec<(bool, &'static str)> {
        let Self { row, outcome, distinct, given, .. } = self;
        let audit = &outcome.audit;
        let is_transacted = row.acks == Acks::Transaction;
        let is_once = self.promise.delivery == Delivery::ExactlyOnce;
        let is_at_most = self.promise.delivery == Delivery::AtMostOnce;
        vec![
            (outcome.ending != Ending::Completed, "it did not complete"),
            (outcome.outages.is_empty(), "no outage is told"),
            (outcome.outages.iter().any(|outage| outage.until_end), "an instance did not come back"),
            (self.emitted != audit.sent + audit.unsent, "handlers sent another number of messages"),
            (*distinct != audit.unique, "handlers were given another number of different messages"),
            (*given != audit.delivered, "handlers were given another number of deliveries"),
            // What is handled again after a transaction was rolled back is no duplicate.
            (!is_transacted && given - distinct != audit.duplicated, "handlers count other duplicates"),
            (distinct + audit.lost + audit.unknown != audit.expected, "the lost are not what is missing"),
            (audit.corrupted > 0, "messages were damaged"),
            (self.is_lossless && audit.confirmed_lost != Some(0), "messages were confirmed and lost"),
            (is_once && (audit.lost, audit.duplicated) != (0, 0), "messages did not take effect once"),
            (is_at_most && audit.duplicated > 0, "messages came again, which at most once excludes"),
            // A flow is not started again whose first message was in a transaction that was rolled back.
            (is_transacted && Some(outcome.unfinished) > audit.rolled_back, "flows did not end"),
            (
                !self.counted.agrees(audit, row.keeps, self.is_lossless),
                "the broker's own client counts another number",
            ),
        ]
    }

    fn details(&self) -> String {
        let Self { row, outcome, counted, emitted, distinct, given, .. } = self;
        let Outcome { ending, audit, outages, notes, unfinished, .. } = outcome;
        format!(
            "{row:?}: handlers sent {emitted} and were given {distinct} different messages in {given} deliveries, {counted:?}, \
             {audit:?}, {unfinished} flows unfinished, ended {ending}, {outages:?}, {notes:?}"
        )
    }

    #[expect(clippy::print_stdout, reason = "the lines of the table that `scripts/counted` makes")]
    fn print(&self) {
        let Self { row, outcome, .. } = self;
        let audit = &outcome.audit;
        let or_none = |count: Option<u64>| count.map_or_else(|| "–".to_owned(), |count| count.to_string());
        let set = row.options.iter().map(|(name, value)| format!(", {name}={value}"));
        let server = if row.server.is_empty() { String::new() } else { format!(", {}", row.server) };
        let away_ns = outcome.outages.iter().map(|outage| outage.away_ns).max().unwrap_or(0);
        println!(
            "counted | {}{}{server} | {} | {} | {} | {} | {} | {} | {} | {} | given {}{} | {:.1} |",
            row.transport,
            set.collect::<String>(),
            row.style,
            self.promise.delivery,
            audit.sent,
            or_none(audit.confirmed),
            audit.unique,
            audit.duplicated,
            audit.lost,
            or_none(audit.confirmed_lost),
            self.distinct,
            self.counted.words(),
            away_ns as f64 / 1e9,
        );
    }
}

/// What another client counts can differ from the audit, and then it is told.
#[test]
fn another_count_is_told() {
    let audit = Audit { sent: 10, confirmed: Some(8), unique: 9, ..Audit::default() };
    for (counted, agrees) in [
        (Counted::Stored(9..=9), [true, true, true]),
        (Counted::Stored(9..=10), [true, true, true]),
        (Counted::Stored(10..=10), [false, true, true]),
        (Counted::Stored(8..=8), [false, false, false]),
        (Counted::Stored(11..=11), [false, false, false]),
        (Counted::Copied(8), [true, true, true]),
        (Counted::Copied(7), [false, false, true]),
        (Counted::Copied(11), [false, false, false]),
        (Counted::Left(0), [true, true, true]),
        (Counted::Left(1), [false, true, true]),
    ] {
        // Nothing may be lost; what was confirmed may be lost on the way to a handler; the server forgets.
        let found = [(true, true), (true, false), (false, false)];
        let found = found.map(|(keeps, is_lossless)| counted.agrees(&audit, keeps, is_lossless));
        assert_eq!(found, agrees, "{counted:?}");
    }
}
