//! The test suite for a broker's transport: what happens when its server is killed, silent, absent or somebody else's, and
//! whether what was promised is kept then. A test of a transport calls it in one line:
//!
//! ```no_run
//! # use drumpost_core::registry::TransportEntry;
//! # use drumpost_kit::suite::{PrivateServer, Suite};
//! # let entry: TransportEntry = unimplemented!();
//! # fn start() -> Box<dyn PrivateServer> { unimplemented!() }
//! Suite::new(&entry, start).set("mq.ack-wait", "500ms").check().assert();
//! ```
//!
//! [`Suite::at`] is a suite at a server that runs already, which it does not kill.
//!
//! `start` starts a private server on a free loopback port ([`PrivateServer`]). The suite sets the transport's address to it, or
//! to a [`Proxy`] in front of it, runs small trials through the dispatcher of the entry, and compares the outcome with the
//! promise. [`CHECKS`] lists all checks. They send commands, and those of faults send events as well ([`Suite::checks`]). The contract kit ([`drumpost_core::contract`]) checks what a transport does while
//! nothing fails; a transport's tests call both.
//!
//! Faults are made when messages flow, and loads end when they flow again, not after a time. So a busy machine changes no verdict.

mod absent;
mod acked_before;
mod backlog;
mod broken;
mod checks;
mod course;
mod dead_letters;
mod given;
mod given_back;
mod kept;
mod kills;
mod permits;
mod pool;
mod process;
mod proxy;
mod runs;
mod scenario;
mod slow;
mod trial;
mod warden;

pub use checks::{CHECKS, Check};
pub use course::{Course, Steady};
use given::Given;
pub use permits::{Permit, Permits};
pub use pool::{ServerPool, Taken};
pub use process::{Process, program, started};
pub use proxy::Proxy;

use drumpost_core::{
    contract::{Line, Report, Verdict},
    options::{Grammar, Options},
    promise::{Acks, Asked},
    registry::{Promise, TransportEntry},
    scenario::{Intent, Style},
};
use std::{
    net::TcpListener,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// How many checks run at the same time. They wait most of the time; more of them would make two cores so busy that a slow run
/// could be taken for a silent one.
const AT_ONCE: usize = 6;

/// A server of a broker that one test has for itself. It ends when it is dropped.
pub trait PrivateServer {
    /// The loopback port on which it listens.
    fn port(&self) -> u16;

    /// Its process, which is killed and started again. A server without one, such as one in a container, has `unreachable!()` here, and
    /// both of the following.
    fn process(&mut self) -> &mut Process;

    /// Kills the server, as a crash would.
    fn kill(&mut self) {
        self.process().kill();
    }

    /// Starts a server that was killed again, on the same port and over the same store, and waits until it serves.
    fn come_back(&mut self) {
        self.process().come_back();
    }

    /// A line to the server that can be cut, for a server that tells its clients to which address they are to connect: it has to
    /// tell them that of the line. Otherwise the suite makes one.
    fn line(&self) -> Option<Proxy> {
        None
    }

    /// The names of the objects that runs make there: streams, queues, topics. `None`: the transport makes none.
    fn objects(&self) -> Option<Vec<String>> {
        None
    }
}

/// Starts a private server.
pub type Start = fn() -> Box<dyn PrivateServer>;

/// Why a check did not pass.
#[derive(Clone, Debug)]
enum Stop {
    Fails(String),
    NotApplicable(String),
}

fn fails<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Fails(why.into()))
}

/// Where the servers of a suite come from.
#[derive(Clone, Debug)]
enum Servers {
    Private(Start),
    /// One that runs already.
    Given(Box<Given>),
}

/// A transport under test, and how its servers are started.
#[derive(Clone, Debug)]
pub struct Suite<'a> {
    entry: &'a TransportEntry,
    servers: Servers,
    options: Options,
    too_large: Option<u32>,
    keeps: bool,
    /// How many checks run at the same time, each at a private server of its own.
    at_once: usize,
    only: Vec<&'static str>,
    /// The style in which all checks run. `None`: see [`Suite::checks`].
    style: Option<Style>,
    /// This is a check's second run, in the other style.
    is_second: bool,
    /// For one check: the style in which checks of faults have a second run.
    second: Option<Style>,
    asked: Asked,
}

impl<'a> Suite<'a> {
    /// A suite for the transport of `entry` at servers that `start` starts.
    #[must_use]
    pub fn new(entry: &'a TransportEntry, start: Start) -> Self {
        Self {
            entry,
            servers: Servers::Private(start),
            options: Options::default(),
            too_large: None,
            keeps: false,
            at_once: AT_ONCE,
            only: Vec::new(),
            style: None,
            is_second: false,
            second: None,
            asked: Asked::default(),
        }
    }

    /// A suite at the server that runs at the address in `options`. Checks that would kill the server are not applicable.
    ///
    /// # Errors
    /// A sentence: the transport has no option for an address, or the address is no URL.
    pub fn at(entry: &'a TransportEntry, options: &Options) -> Result<Self, String> {
        let given = Given::of(entry, options)?;
        let suite = Self::new(entry, || unreachable!("a server is given"));
        Ok(Self { servers: Servers::Given(given.into()), options: options.clone(), ..suite })
    }

    /// The same with an option, such as a short time after which a broker delivers again: kills need one of less than 5 s.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.options.set(name, value);
        self
    }

    /// The same with a payload in bytes that is above the server's limit.
    #[must_use]
    pub fn too_large(self, payload_len: u32) -> Self {
        Self { too_large: Some(payload_len), ..self }
    }

    /// The same for a server that keeps, when it is killed, what it has confirmed. Without that, losses are allowed when a
    /// server is restarted.
    #[must_use]
    pub fn keeps_what_it_confirmed(self) -> Self {
        Self { keeps: true, ..self }
    }

    /// The same with so many checks at the same time, each at a private server of its own. Without that, they are a few.
    #[must_use]
    pub fn at_once(self, checks: usize) -> Self {
        Self { at_once: checks, ..self }
    }

    /// The same with these checks only, by name.
    #[must_use]
    pub fn only(self, names: &[&'static str]) -> Self {
        Self { only: names.to_vec(), ..self }
    }

    /// The same with all checks in one style.
    #[must_use]
    pub fn style(self, style: Style) -> Self {
        Self { style: Some(style), ..self }
    }

    /// The same with trials that ask this of the transport.
    #[must_use]
    pub fn asking(self, asked: Asked) -> Self {
        Self { asked, ..self }
    }

    /// The checks, each with the style in which it runs, in the order in which they are reported. If no style was asked for, all of them send
    /// commands, or events where the transport has no commands. If the transport has both, the checks of faults run a second time with events.
    #[must_use]
    pub fn checks(&self) -> Vec<(&'static Check, Style)> {
        let chosen = CHECKS.iter().filter(|check| self.only.is_empty() || self.only.contains(&check.name));
        let second = self.second_style();
        let again =
            chosen.clone().filter(|check| check.in_both_styles).filter_map(|check| Some((check, second?)));
        chosen.map(|check| (check, self.trial_style())).chain(again).collect()
    }

    /// Runs the checks. It takes some tens of seconds at private servers, and some minutes at one that runs already, most of which is
    /// spent waiting for silence to be noticed.
    #[must_use]
    pub fn check(&self) -> Report {
        // Runs at a server that is given would find each other's objects there.
        let at_once = if matches!(self.servers, Servers::Given(_)) { 1 } else { self.at_once };
        Report {
            transport: self.entry.name.to_owned(),
            lines: checks::side_by_side(&self.checks(), at_once, |check, style| self.line(check, style)),
        }
    }

    /// Whether messages go through the server at all, by a small run: without that, checks would speak of the transport where the
    /// server is not there or is another one.
    ///
    /// # Errors
    /// The sentence of the run.
    pub fn reach(&self) -> Result<(), String> {
        let reached = self.server().and_then(|server| {
            let options = self.options_at(server.port())?;
            self.run(&options, &trial::Trial::new())
        });
        match reached {
            Ok(outcome) if outcome.ending == drumpost_core::outcome::Ending::Completed => Ok(()),
            Ok(outcome) => Err(format!("a small run ended {}", outcome.ending)),
            Err(Stop::Fails(why) | Stop::NotApplicable(why)) => Err(why),
        }
    }

    /// Runs one check in a style.
    #[must_use]
    pub fn line(&self, check: &Check, style: Style) -> Line {
        let second = self.second_style();
        let suite = Self { style: Some(style), is_second: second == Some(style), second, ..self.clone() };
        Line { check: check.name, style, verdict: suite.verdict(check) }
    }

    fn verdict(&self, check: &Check) -> Verdict {
        if !self.has(self.trial_style()) {
            let what = if self.trial_style() == Style::Message { "commands" } else { "events" };
            return Verdict::NotApplicable(format!("the transport has no {what}"));
        }
        match catch_unwind(AssertUnwindSafe(|| (check.run)(self))) {
            Ok(Ok(())) => Verdict::Passed,
            Ok(Err(Stop::Fails(why))) => Verdict::Failed(why),
            Ok(Err(Stop::NotApplicable(why))) => Verdict::NotApplicable(why),
            Err(panic) => {
                Verdict::Failed(format!("panicked: {}", drumpost_core::dispatcher::panic_text(&*panic)))
            }
        }
    }

    /// Whether the transport carries one hop in this style: a command, or an event.
    fn has(&self, style: Style) -> bool {
        let intent = if style == Style::Message { Intent::Command } else { Intent::Event };
        self.entry.intents(style).is_some_and(|intents| intents.contains(&intent))
    }

    /// The style of the trials: the asked one, or else commands where the transport has them, or else events.
    fn trial_style(&self) -> Style {
        let usual = if self.has(Style::Message) { Style::Message } else { Style::Event };
        self.style.unwrap_or(usual)
    }

    /// The style in which checks of faults run a second time.
    fn second_style(&self) -> Option<Style> {
        let has_both = self.has(Style::Message) && self.has(Style::Event);
        (self.style.is_none() && has_both).then_some(Style::Event)
    }

    /// Batch sizes of trials whose check depends on them. The second run of a check takes one of them, because batches are made alike in both styles.
    fn batches(&self) -> &'static [usize] {
        if self.is_second { &[32] } else { &[1, 32] }
    }

    /// The options, with the address of a server on this loopback port.
    fn options_at(&self, port: u16) -> Result<Options, Stop> {
        let mut options = self.options.clone();
        let url = match &self.servers {
            Servers::Given(given) => given.url_at(port),
            Servers::Private(_) => self.url("", port)?,
        };
        options.set(self.address_option()?, url);
        Ok(options)
    }

    /// A server for one check.
    fn server(&self) -> Result<Box<dyn PrivateServer>, Stop> {
        match &self.servers {
            Servers::Private(start) => Ok(start()),
            Servers::Given(given) => Ok(Box::new(given.now())),
        }
    }

    /// A server that may be killed.
    fn private_server(&self) -> Result<Box<dyn PrivateServer>, Stop> {
        match &self.servers {
            Servers::Private(start) => Ok(start()),
            Servers::Given(_) => {
                Err(Stop::NotApplicable("the server that is given is not to be killed".into()))
            }
        }
    }

    /// A line to a server that can be cut.
    fn line_to(&self, server: &dyn PrivateServer) -> Result<Proxy, Stop> {
        let left_out = |why: &str| Err(Stop::NotApplicable(format!("left out: {why}")));
        match &self.servers {
            Servers::Private(_) => Ok(server.line().unwrap_or_else(|| Proxy::to(server.port()))),
            Servers::Given(given) if !given.is_local() => left_out("the server is not on this machine"),
            Servers::Given(given) if given.goes_past(|| self.goes_past(server))? => left_out(
                "the server tells its clients its own address, so they go past a line in front of it",
            ),
            Servers::Given(_) => Ok(Proxy::to(server.port())),
        }
    }

    /// Whether the messages of a run go past a line in front of a server.
    fn goes_past(&self, server: &dyn PrivateServer) -> Result<bool, Stop> {
        let line = Proxy::to(server.port());
        let trial = trial::Trial { payload_len: 1_000, ..trial::Trial::new() };
        let outcome = self.run(&self.options_at(line.port())?, &trial)?;
        Ok(given::went_past(&outcome.audit, trial.payload_len, line.bytes_to_server()))
    }

    fn address_option(&self) -> Result<&'static str, Stop> {
        let none = || Stop::Fails("no option of the transport is the address of its server".into());
        self.entry.address().map(|option| option.name).ok_or_else(none)
    }

    /// A URL of the first scheme that the transport's address may have; `who` stands before the host.
    fn url(&self, who: &str, port: u16) -> Result<String, Stop> {
        let scheme = match self.entry.address().map(|option| option.grammar) {
            Some(Grammar::Url([scheme, ..])) => scheme,
            _ => return fails("the address of the transport's server is no URL"),
        };
        Ok(format!("{scheme}://{who}127.0.0.1:{port}"))
    }

    /// What the transport promises with these options.
    fn promise(&self, options: &Options) -> Result<Promise, Stop> {
        self.promise_of(options, Acks::default())
    }

    /// The same where receivers acknowledge then.
    fn promise_of(&self, options: &Options, acks: Acks) -> Result<Promise, Stop> {
        let made = self.entry.made(options).map_err(Stop::Fails)?;
        made.promise(self.entry.promise, &self.asks(acks)).map_err(Stop::Fails)
    }

    /// What a trial asks for whose check wants messages to be acknowledged then: before they are handled, or else as the suite was told.
    fn asks(&self, acks: Acks) -> Asked {
        if acks == Acks::Before { Asked { guarantee: None, acks: Some(acks) } } else { self.asked }
    }

    /// When receivers acknowledge, unless a check wants something else.
    fn acks(&self) -> Acks {
        self.asked.acks(&self.entry.promise)
    }
}

/// A loopback port that was free a moment ago.
///
/// # Panics
/// The system gives out none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0");
    listener.and_then(|listener| listener.local_addr()).expect("a free port").port()
}
