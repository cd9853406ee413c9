//! A trial in a process of its own (`--isolate`, and each trial of a comparison of two sides): a program of drumpost, which is told on its
//! standard input what to run and tells on its standard output what happens and what came of it. What one trial leaves in memory, in caches of the allocator or in threads
//! cannot touch the next one, and a trial that ends its process ends nothing else.
//!
//! Every line of the output is one [`Line`] as JSON. The last one has the trial in the record's own format. What the child writes
//! to its standard error is kept for the case that it dies.
//!
//! When the user interrupts the command, the child is asked to save what it has, and killed if it does not answer
//! (`interrupt::farewell`). The signals go to all that it started, because a script may have started the program that can answer.

mod listen;

use super::{
    execute::{Tried, run_trial},
    job::{Job, Target},
    trial::{self, Place},
};
use crate::{
    Exit,
    args::TRIAL,
    exit::usage,
    interrupt::{
        Interrupt,
        farewell::{Farewell, OF_TRIAL},
    },
    live::Events,
    secrets,
    spec::{Document, RunSpec},
};
use drumpost_core::{
    clock::{Clock, Now, as_ns},
    drive::wake_latency::WakeLatency,
    overhead::HarnessThread,
    registry::Registry,
    transport::OpenError,
};
use drumpost_results::{
    format,
    model::{Record, Run, Status, Trial},
    store,
};
use drumpost_tui::Event;
use listen::listen;
use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// How often the child is looked after.
const LOOK: Duration = Duration::from_millis(50);
/// A child that is silent for this long and for the time of the drain hangs, and is ended. Its own limits, which are shorter, normally end its
/// trial before.
const SILENCE: Duration = Duration::from_secs(120);

const NO_ANSWER: &str = "did not end when asked, so it was killed";

/// Whether the error of a trial says that its process did not answer an interruption.
pub(crate) fn tells_of_no_answer(error: &str) -> bool {
    error.contains(NO_ANSWER)
}

/// What a child is to run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The fields of a spec with one dispatch.
    pub spec: Document,
    /// Index of the dispatch among those of the command, for events.
    pub dispatch: usize,
    pub number: u32,
    pub position: u32,
    pub seed: u64,
    pub floor_ns: Option<u64>,
    /// Whether a viewer adds up totals. A program of another version may not say so.
    #[serde(default)]
    pub adds_up: bool,
    /// How late half of the sleeping threads and nine in ten of them wake up on this host, in ns. A program of another version may not say so, and
    /// then the child measures it.
    #[serde(default)]
    pub wakes_late_ns: Option<[u64; 2]>,
}

impl Order {
    /// [`Order::wakes_late_ns`] of what was measured.
    pub(crate) fn late_ns(latency: WakeLatency) -> Option<[u64; 2]> {
        Some([latency.late_p50, latency.late_p90].map(as_ns))
    }
}

/// What a child tells.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    /// For the dashboard.
    Event(Box<Event>),
    /// The end: a record with one run of one trial, and why its dispatch is not to be tried again.
    Done { record: String, give_up: Option<String> },
}

/// What a line says. A program of another version may tell of events that this one does not know, and those are passed over.
enum Told {
    Event(Option<Box<Event>>),
    Done { record: String, give_up: Option<String> },
}

/// Runs a trial of this program in a child process.
pub(super) fn run(
    job: &Job,
    (index, target): (usize, &Target),
    place: Place,
    floor_ns: Option<u64>,
    events: &Events,
    interrupted: &Interrupt,
) -> Tried {
    let failed =
        |why: String| Tried { trial: trial::not_opened(place, &OpenError::Failed(why)), give_up: None };
    let spec = RunSpec { dispatch: vec![target.label.clone()], ..job.spec.clone() };
    let Place { number, position, seed } = place;
    let mut document = spec.document();
    // The child runs it itself.
    document.remove("isolate");
    let adds_up = events.adds_up();
    // As trials in this process have it, which is measured once.
    let wakes_late_ns = Order::late_ns(WakeLatency::of_host());
    let order =
        Order { spec: document, dispatch: index, number, position, seed, floor_ns, adds_up, wakes_late_ns };
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return failed(format!("failed to find this program's own file: {error}")),
    };
    // This program ends its trials itself.
    let patience = Patience { silence: silence(target.plan.drain_deadline), in_all: None };
    match ask(&program, &order, patience, events, interrupted) {
        Ok(Answer { run, give_up, .. }) => match run.trials.into_iter().next() {
            Some(trial) => Tried { trial, give_up },
            None => failed("the process of the trial answered a record without a trial".into()),
        },
        Err(why) if interrupted.is_set() => {
            let trial = trial::not_opened(place, &OpenError::Failed(why));
            Tried { trial: Trial { status: Status::Interrupted, ..trial }, give_up: None }
        }
        Err(why) => failed(why),
    }
}

/// What came of a trial.
pub(crate) struct Answer {
    /// Its run: what was set and promised, and the trial, which it always has.
    pub run: Run,
    /// The version of drumpost in the program.
    pub tool_version: String,
    /// The machine and the build of the program, as it says.
    pub environment: BTreeMap<String, String>,
    /// Why its dispatch is not to be tried again.
    pub give_up: Option<String>,
}

/// How long a child may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// It is ended when it has told nothing for this long.
    pub silence: Duration,
    /// It is ended after this long, whatever it tells. `None`: a trial may take any time.
    pub in_all: Option<Duration>,
}

/// How long a child may be silent whose drain may take so long.
pub(crate) fn silence(drain: Duration) -> Duration {
    SILENCE.saturating_add(drain)
}

/// Has a program run a trial. It is ended when it takes longer than `patience` has, or does not answer an interruption.
///
/// # Errors
/// The program cannot be started, dies, hangs or answers nonsense: a sentence, with its last words.
pub(crate) fn ask(
    program: &Path,
    order: &Order,
    patience: Patience,
    events: &Events,
    interrupted: &Interrupt,
) -> Result<Answer, String> {
    let mut child = begin(program, order)
        .map_err(|error| format!("failed to start a process for the trial: {}", store::reason(&error)))?;
    let (lines, words) = listen(&mut child);
    let told = follow(&mut child, &lines, patience, events, interrupted);
    let status = end(&mut child, interrupted);
    told.map_err(|why| {
        let words = words.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
        let words = String::from_utf8_lossy(&words);
        let last = match words.trim() {
            "" => String::new(),
            words => format!("; the end of its standard error: {words}"),
        };
        format!("the process of the trial {why}, by {status}{last}")
    })
}

fn begin(program: &Path, order: &Order) -> io::Result<Child> {
    use std::os::unix::process::CommandExt;
    let mut child = Command::new(program)
        .arg(TRIAL)
        // A command line with secrets stays in this process; the child gets its spec.
        .env_remove(secrets::ARGUMENTS)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C on a terminal reaches this process alone, which tells the child.
        .process_group(0)
        .spawn()?;
    let text = serde_json::to_vec(order)?;
    let input = child.stdin.take();
    let write = move || {
        let _counted = HarnessThread::current();
        // A child that has died says why by itself.
        input.map(|mut to| to.write_all(&text))
    };
    // An order is longer than a pipe has room for if its spec is, and a program may never read it.
    let _ = thread::Builder::new().name("child-order".into()).spawn(write);
    Ok(child)
}

/// Hands on what a child tells until it has told all. The error says what it did instead.
fn follow(
    child: &mut Child,
    lines: &Receiver<io::Result<String>>,
    patience: Patience,
    events: &Events,
    interrupted: &Interrupt,
) -> Result<Answer, String> {
    let (mut farewell, mut silent, clock) = (Farewell::new(OF_TRIAL), Duration::ZERO, Clock::start());
    loop {
        let took = Duration::from_nanos(clock.now_ns());
        if let Some(in_all) = patience.in_all.filter(|in_all| took >= *in_all) {
            return Err(format!(
                "did not end within {in_all:?}, though it still reports progress; it was ended"
            ));
        }
        if let Some(signal) = farewell.due(took, silent, interrupted) {
            // The child leads a group of processes. A script that runs a program is one with two.
            let _ = kill_process_group(Pid::from_child(child), signal);
            if signal == Signal::KILL {
                return Err(NO_ANSWER.into());
            }
        }
        match lines.recv_timeout(LOOK) {
            Ok(Ok(line)) => {
                silent = Duration::ZERO;
                match understood(&line) {
                    Some(Told::Event(Some(event))) => events.tell(*event),
                    Some(Told::Event(None)) => {}
                    Some(Told::Done { record, give_up }) => return read(&record, give_up),
                    None => return Err("wrote a line that is no answer of drumpost".into()),
                }
            }
            Ok(Err(error)) => return Err(format!("cannot be read: {error}")),
            Err(RecvTimeoutError::Timeout) => {
                silent += LOOK;
                if silent >= patience.silence {
                    return Err(format!("hangs: no sign of life for {:?}; it was ended", patience.silence));
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Err("ended without a result".into()),
        }
    }
}

fn understood(line: &str) -> Option<Told> {
    match serde_json::from_str(line) {
        Ok(Line::Event(event)) => Some(Told::Event(Some(event))),
        Ok(Line::Done { record, give_up }) => Some(Told::Done { record, give_up }),
        Err(_) => {
            let said: Document = serde_json::from_str(line).ok()?;
            said.contains_key("event").then_some(Told::Event(None))
        }
    }
}

fn read(record: &str, give_up: Option<String>) -> Result<Answer, String> {
    let read = format::from_json(record).map_err(|error| format!("answered what is no record: {error}"))?;
    let run = read.runs.into_iter().next().filter(|run| !run.trials.is_empty());
    let run = run.ok_or("answered a record without a trial")?;
    Ok(Answer { run, tool_version: read.tool_version, environment: read.environment, give_up })
}

/// Ends a child that has told all, or that is not listened to any more, with all that it started. Says how it ended.
fn end(child: &mut Child, interrupted: &Interrupt) -> String {
    /// What a child takes at most to leave after its last line.
    const LEAVES: Duration = Duration::from_secs(2);
    /// The same when the user asked twice.
    const HURRIES: Duration = Duration::from_millis(100);
    let most = || if interrupted.is_urgent() { HURRIES } else { LEAVES };
    if let Some(ended) = ended_within(most, child) {
        return ended;
    }
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    // A process that waits for a file system on a network ends when that answers, which may be never.
    ended_within(|| LEAVES, child)
        .unwrap_or_else(|| "SIGKILL, and it is still there; it may wait for a disk or a network".into())
}

/// How a child ended, if it did within a time, which is asked again and again.
fn ended_within(most: impl Fn() -> Duration, child: &mut Child) -> Option<String> {
    // Most leave within a few milliseconds, and a comparison waits for hundreds of them.
    let (mut waited, mut nap) = (Duration::ZERO, Duration::from_millis(1));
    while waited < most() {
        match child.try_wait() {
            Ok(Some(status)) => return Some(ended(status)),
            Ok(None) => thread::sleep(nap),
            Err(error) => return Some(error.to_string()),
        }
        waited += nap;
        nap = LOOK.min(nap * 2);
    }
    None
}

fn ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    status.signal().map_or_else(|| status.to_string(), |signal| format!("signal {signal}"))
}

/// The child: runs what its standard input says.
///
/// # Errors
/// The input is no order, or the output takes nothing.
pub(crate) fn obey(registry: &Registry) -> anyhow::Result<Exit> {
    // A parent that is killed takes its trial with it.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let order: Order = serde_json::from_reader(io::stdin().lock()).map_err(|error| {
        usage(format!(
            "`drumpost {TRIAL}` is for drumpost itself (`run --isolate`), which tells it what to run; {error}"
        ))
    })?;
    if let Some(late) = order.wakes_late_ns {
        let [p50, p90] = late.map(Duration::from_nanos);
        WakeLatency::learn(p50, p90);
    }
    let spec = RunSpec::from_document(order.spec).map_err(anyhow::Error::msg)?;
    let interrupted = Interrupt::listen();
    let job = Job::new(registry, &spec)?;
    let place = Place { number: order.number, position: order.position, seed: order.seed };
    let (to, seen) = channel();
    let events = Events::new(to, order.adds_up);
    let tell = thread::Builder::new().name("teller".into()).spawn(move || {
        let _counted = HarnessThread::current();
        seen.into_iter().try_for_each(|event| say(&Line::Event(Box::new(event))))
    })?;
    let tried = match job.targets.first() {
        Some(target) => {
            run_trial(&job, (order.dispatch, target), place, order.floor_ns, &events, &interrupted)
        }
        None => anyhow::bail!("the order has no dispatch; this is a defect of drumpost"),
    };
    drop(events);
    let _ = tell.join();
    let mut runs = job.record.runs.clone();
    runs.truncate(1);
    runs.iter_mut().for_each(|run| run.trials = vec![tried.trial.clone()]);
    let record = format::to_json(&Record { runs, ..job.record })?;
    say(&Line::Done { record, give_up: tried.give_up })?;
    Ok(Exit::Ok)
}

fn say(line: &Line) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, line)?;
    out.write_all(b"\n")?;
    out.flush()
}

#[cfg(test)]
mod tests;
