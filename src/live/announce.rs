//! Lets `drumpost watch` attach to this command, by a Unix socket in the user's private folder.
//!
//! A watcher gets a line of JSON that says what the command is, then a line for each event: first those that lead to the state of now, then
//! what happens. A watcher that stops reading misses samples, and after some seconds its connection is closed.

use super::{
    About, Viewer,
    accept::{Serving, accept_all},
    folder,
    queue::Queue,
};
use crate::environment;
use drumpost_core::overhead::HarnessThread;
use drumpost_tui::{Event, Sample};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    collections::VecDeque,
    fs,
    io::{self, BufWriter, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

/// Watchers.
const WATCHERS: Serving = Serving { thread: "watcher", at_most: 8 };
/// A watcher that takes nothing for so long is sent away.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether a watcher is still there while nothing happens.
const LOOK: Duration = Duration::from_secs(1);
/// How long the last events may take to reach watchers.
const LAST: Duration = Duration::from_millis(500);
/// Events that are kept for watchers who come later, besides samples. The first one, which has the plan, is kept in any case.
const EVENTS: usize = 8_192;
/// Samples that are kept of the trial that goes on: with more, every other one is left out.
const SAMPLES: usize = 256;
/// Samples that are kept of a trial that is over, until its row has another one.
const SAMPLES_AFTER: usize = 16;

/// The announcement of a command. It is taken back when this is ended or dropped.
#[derive(Debug)]
pub(super) struct Announced {
    path: PathBuf,
    shared: Arc<Shared>,
    /// Ends once no thread that serves watchers is left.
    served: Receiver<()>,
}

#[derive(Debug, Default)]
struct Shared {
    log: Mutex<Log>,
    stops: AtomicBool,
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells watchers what happens.
#[derive(Debug)]
pub(super) struct Teller(Arc<Shared>);

impl Viewer for Teller {
    fn tell(&mut self, event: &Event) -> bool {
        let mut log = self.0.log();
        log.note(event);
        log.watchers.retain_mut(|watcher| watcher.tell(event));
        true
    }
}

impl Announced {
    /// Announces a command. `None`: the user has no folder for it.
    ///
    /// # Errors
    /// A sentence.
    pub(super) fn start(about: &About) -> Result<Option<(Self, Teller)>, String> {
        folder::place().map(|folder| Self::start_in(&folder, about)).transpose()
    }

    /// The same in a certain folder.
    pub(super) fn start_in(folder: &Path, about: &About) -> Result<(Self, Teller), String> {
        folder::make(folder)?;
        // What killed processes left is removed on the way.
        folder::sockets(folder);
        let path = folder::file(folder, environment::nonce());
        let listener = UnixListener::bind(&path)
            .map_err(|error| format!("failed to make the socket {}: {error}", path.display()))?;
        let hello = folder::Hello {
            drumpost: env!("CARGO_PKG_VERSION").into(),
            kind: about.kind.into(),
            id: about.id.clone(),
            pid: std::process::id(),
        };
        let shared = Arc::new(Shared::default());
        let (serving, served) = channel();
        let of_thread = shared.clone();
        let accept = move || {
            let _counted = HarnessThread::current();
            accept(&listener, &of_thread, &hello, &serving);
        };
        let own = Self { path, shared: shared.clone(), served };
        let started = thread::Builder::new().name("announce".into()).spawn(accept);
        started.map_err(|error| format!("failed to start a thread: {error}"))?;
        Ok((own, Teller(shared)))
    }

    /// Takes the announcement back. Watchers have half a second to take the last events.
    pub(super) fn end(self) {
        drop(self);
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        self.shared.stops.store(true, Ordering::Relaxed);
        self.shared.log().watchers.clear();
        // The thread waits for a connection.
        let is_woken = UnixStream::connect(&self.path).is_ok();
        let _ = fs::remove_file(&self.path);
        if is_woken {
            // An error, too, says that all are gone.
            let _ = self.served.recv_timeout(LAST);
        }
    }
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>, hello: &folder::Hello, serving: &Sender<()>) {
    let accept = || listener.accept().map(|(connection, _)| connection);
    accept_all(accept, &shared.stops, &WATCHERS, |connection| {
        let (queue, seen) = Queue::new();
        let mut log = shared.log();
        let before = log.replayed();
        log.watchers.push(queue);
        drop(log);
        let (hello, serving) = (hello.clone(), serving.clone());
        move || {
            // A watcher that went away has seen what it wanted.
            let _ = serve(connection, &hello, before, &seen);
            drop(serving);
        }
    });
}

fn serve(
    connection: UnixStream,
    hello: &folder::Hello,
    before: Vec<Event>,
    seen: &Receiver<Event>,
) -> io::Result<()> {
    connection.set_write_timeout(Some(PATIENCE))?;
    let mut out = BufWriter::new(connection);
    say(&mut out, &serde_json::to_vec(hello)?)?;
    for event in before {
        say(&mut out, &serde_json::to_vec(&event)?)?;
    }
    loop {
        match seen.recv_timeout(LOOK) {
            Ok(event) => say(&mut out, &serde_json::to_vec(&event)?)?,
            // While nothing happens, nothing that is said would show that the watcher has gone.
            Err(RecvTimeoutError::Timeout) if !is_gone(out.get_ref()) => {}
            Err(_) => return Ok(()),
        }
    }
}

fn say(out: &mut BufWriter<UnixStream>, text: &[u8]) -> io::Result<()> {
    out.write_all(text)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Whether the other side has closed the connection.
fn is_gone(connection: &UnixStream) -> bool {
    let mut asked = [PollFd::new(connection, PollFlags::empty())];
    let gone = PollFlags::HUP | PollFlags::ERR;
    poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok() && asked[0].revents().intersects(gone)
}

/// What leads to the state of now, in bounded memory.
#[derive(Debug, Default)]
struct Log {
    started: Option<Event>,
    /// All events but samples.
    events: VecDeque<Event>,
    /// The samples of the latest trial of each row, by row.
    samples: Vec<Samples>,
    watchers: Vec<Queue>,
}

#[derive(Debug, Default)]
struct Samples {
    trial: u32,
    of: Vec<Sample>,
}

impl Log {
    fn note(&mut self, event: &Event) {
        match event {
            Event::Totals { .. } => return,
            Event::Started(plan) => {
                self.samples = plan.dispatches.iter().map(|_| Samples::default()).collect();
                (self.started, self.events) = (Some(event.clone()), VecDeque::new());
                return;
            }
            Event::Sample(sample) => {
                let Some(kept) = self.samples.get_mut(sample.dispatch) else { return };
                if kept.of.len() == SAMPLES {
                    thin(&mut kept.of, 2);
                }
                kept.of.push(*sample);
                return;
            }
            Event::TrialStarted { dispatch, trial } => {
                if let Some(kept) = self.samples.get_mut(*dispatch) {
                    *kept = Samples { trial: *trial, of: Vec::new() };
                }
            }
            Event::TrialEnded { dispatch, .. } => {
                if let Some(kept) = self.samples.get_mut(*dispatch) {
                    let by = kept.of.len().div_ceil(SAMPLES_AFTER).max(1);
                    thin(&mut kept.of, by);
                    kept.of.shrink_to_fit();
                }
            }
            _ => {}
        }
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event.clone());
    }

    /// Events that lead to the state of now.
    fn replayed(&self) -> Vec<Event> {
        let mut all: Vec<Event> = self.started.iter().cloned().collect();
        for event in &self.events {
            all.push(event.clone());
            if let Event::TrialStarted { dispatch, trial } = event
                && let Some(kept) = self.samples.get(*dispatch).filter(|kept| kept.trial == *trial)
            {
                all.extend(kept.of.iter().map(|sample| Event::Sample(*sample)));
            }
        }
        all
    }
}

/// Keeps every `by`th sample, and the last one.
fn thin(samples: &mut Vec<Sample>, by: usize) {
    let n = samples.len();
    let mut at = 0;
    samples.retain(|_| {
        at += 1;
        (n - at).is_multiple_of(by)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_tui::{Model, Plan, Status, Theme};

    fn sample(dispatch: usize, trial: u32, i: u64) -> Event {
        Event::Sample(Sample {
            dispatch,
            trial,
            elapsed_ns: i * 100_000_000,
            throughput_per_s: 100.0,
            sent: i,
            ..Sample::default()
        })
    }

    /// A late watcher sees the same rows as one that was there from the start.
    #[test]
    fn who_comes_late_sees_the_state_of_now() {
        let dispatches = ["message/a", "event/a"].map(str::to_owned).to_vec();
        let mut events = vec![Event::Started(Plan { dispatches, trials: 3, ..Plan::default() })];
        for trial in 0..3 {
            for dispatch in 0..2 {
                events.push(Event::TrialStarted { dispatch, trial });
                events.extend((1..=1_000).map(|i| sample(dispatch, trial, i)));
                events.push(Event::TrialEnded {
                    dispatch,
                    trial,
                    status: Status::Suspect,
                    note: "so".into(),
                });
            }
        }
        events.truncate(events.len() - 300);
        let mut log = Log::default();
        let (mut whole, mut late) = (Model::new(Theme::plain()), Model::new(Theme::plain()));
        for event in events {
            log.note(&event);
            whole.apply(event);
        }
        let kept = log.replayed();
        assert!(kept.len() < 400, "{}", kept.len());
        kept.into_iter().for_each(|event| late.apply(event));
        for (a, b) in whole.live().rows.iter().zip(&late.live().rows) {
            assert_eq!(
                (a.phase, a.trials_ended, a.last, a.worst),
                (b.phase, b.trials_ended, b.last, b.worst)
            );
            assert!((a.mean_per_s().unwrap() - b.mean_per_s().unwrap()).abs() < 1.0);
        }
        assert_eq!(whole.live().current, late.live().current);
    }

    #[test]
    fn the_log_is_bounded() {
        let mut log = Log::default();
        log.note(&Event::Started(Plan { dispatches: vec!["message/a".into()], ..Plan::default() }));
        for trial in 0..10_000 {
            log.note(&Event::TrialStarted { dispatch: 0, trial });
            log.note(&sample(0, trial, 1));
        }
        let kept = log.replayed();
        assert!(kept.len() <= EVENTS + SAMPLES + 1);
        assert!(matches!(kept[0], Event::Started(_)));
    }
}
