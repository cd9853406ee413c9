//! `drumpost watch`: the dashboard of a run in progress elsewhere on this machine (`attach`), or of a saved one (`replay`).
//!
//! Lives here: what is meant by the argument, showing events as they come, and how it ends. Where a replay stands is in `tape`. Does not live
//! here: what a run tells (`crate::live`), and drawing (`crate::run::screen`).

mod attach;
mod replay;
mod tape;

use crate::{
    Exit,
    args::WatchArgs,
    exit::usage,
    interrupt::Interrupt,
    output,
    run::screen::{Shows, Viewer},
};
use attach::Attached;
use drumpost_core::clock::{Clock, Now};
use drumpost_results::units;
use drumpost_tui::{Event, Model, Phase, Row, Status, Steer, Theme};
use replay::Replay;
use std::{
    cell::Cell,
    path::Path,
    sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel},
    thread,
    time::Duration,
};

/// How long an event is waited for before keys and signals are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Between two lines of text.
const LINE_NS: u64 = 1_000_000_000;
/// Events that wait for the dashboard at most.
const WAITING: usize = 4_096;
/// How long the dashboard is given to make room for an event. Going back in a replay tells all events before at once.
const ROOM: Duration = Duration::from_millis(50);
/// Between two looks whether there is room.
const ROOM_LOOK: Duration = Duration::from_millis(1);

/// Where events come from.
trait Source {
    /// The next event, waiting for it no longer than told.
    fn next(&mut self, at_most: Duration) -> Next;

    /// Does what a key asks of a replay. A run in progress elsewhere is not steered from here.
    fn steer(&mut self, _to: Steer) {}
}

/// What a source has.
enum Next {
    Event(Box<Event>),
    /// Nothing yet.
    Nothing,
    /// Nothing more: the other side is gone.
    Gone,
}

/// Shows what is asked for.
pub(crate) fn watch(args: &WatchArgs) -> anyhow::Result<Exit> {
    if args.list {
        return list();
    }
    if let Some(path) = args.what.as_deref().map(Path::new).filter(|path| path.exists()) {
        let mut replay = Replay::read(path, args.speed, args.from.unwrap_or(0))?;
        return Showing::new(args, "the replay", Some(args.speed)).show(&mut replay);
    }
    if args.speed != 1.0 || args.from.is_some() {
        let what = args.what.as_deref().unwrap_or("a run in progress");
        return Err(usage(format!(
            "--speed and --from are for records, and {what} is no file here; leave them out to watch a run"
        )));
    }
    let found = attach::choose(args.what.as_deref())?;
    let name = format!("{} {}", found.hello.kind, found.hello.id);
    let mut attached = Attached::to(found);
    Showing::new(args, &name, None).show(&mut attached)
}

fn list() -> anyhow::Result<Exit> {
    let found = attach::running()?;
    if found.is_empty() {
        output::remark("no run that can be watched is in progress");
        return Ok(Exit::Ok);
    }
    output::result(&attach::listed(&found))?;
    Ok(Exit::Ok)
}

/// Shows events until they are over or the user leaves.
struct Showing {
    /// What is watched, for sentences.
    name: String,
    interrupted: Interrupt,
    model: Model,
    clock: Clock,
    /// `None`: lines of text.
    screen: Option<Dashboard>,
    next_line_ns: u64,
    /// Why stdout takes no more lines, other than that its reader went away.
    unprinted: Option<anyhow::Error>,
}

/// The dashboard: where its events go in, and what its keys ask.
struct Dashboard {
    events: SyncSender<Event>,
    steered: Receiver<Steer>,
    viewer: Viewer,
    /// The last event was not taken in time. Others are not waited for until one is.
    is_stuck: Cell<bool>,
}

impl Dashboard {
    /// `speed` is that of a replay. Without a thread for it there is none.
    fn start(interrupted: &Interrupt, speed: Option<f64>) -> Option<Self> {
        let (events, seen) = sync_channel(WAITING);
        let (steer, steered) = channel();
        let shows = speed.map_or(Shows::Elsewhere, |speed| Shows::Replay { speed, steer });
        let viewer = Viewer::start(seen, interrupted.clone(), shows)?;
        Some(Self { events, steered, viewer, is_stuck: Cell::new(false) })
    }

    /// Hands an event on. A dashboard whose terminal takes nothing makes no room, and misses it.
    fn tell(&self, event: Event) {
        let (mut event, mut waited) = (event, if self.is_stuck.get() { ROOM } else { Duration::ZERO });
        while let Err(TrySendError::Full(back)) = self.events.try_send(event) {
            if waited >= ROOM {
                return self.is_stuck.set(true);
            }
            thread::sleep(ROOM_LOOK);
            (event, waited) = (back, waited + ROOM_LOOK);
        }
        self.is_stuck.set(false);
    }
}

impl Showing {
    /// `speed` is that of a replay, which keys steer.
    fn new(args: &WatchArgs, name: &str, speed: Option<f64>) -> Self {
        let interrupted = Interrupt::listen();
        let has_dashboard = !args.no_tui && output::has_screen();
        let screen = has_dashboard.then(|| Dashboard::start(&interrupted, speed)).flatten();
        Self {
            name: name.to_owned(),
            interrupted,
            model: Model::new(Theme::plain()),
            clock: Clock::start(),
            screen,
            next_line_ns: LINE_NS,
            unprinted: None,
        }
    }

    /// # Errors
    /// Stdout takes no more, because its disk is full, for instance.
    fn show(mut self, source: &mut dyn Source) -> anyhow::Result<Exit> {
        let mut is_gone = false;
        while !self.model.is_finished() && !self.interrupted.is_set() && self.unprinted.is_none() {
            for to in self.screen.iter().flat_map(|screen| screen.steered.try_iter()) {
                source.steer(to);
            }
            match source.next(LOOK) {
                Next::Event(event) => self.take(*event),
                Next::Nothing => {}
                Next::Gone => {
                    is_gone = true;
                    break;
                }
            }
            self.say_line();
        }
        let is_left = self.interrupted.is_set() && !self.model.is_finished();
        if let Some(Dashboard { events, viewer, .. }) = self.screen.take() {
            drop(events);
            // A terminal that takes nothing more is not waited for.
            let _ = viewer.end();
        }
        match self.unprinted.take() {
            Some(error) => Err(error),
            None => self.end(is_gone, is_left),
        }
    }

    fn take(&mut self, event: Event) {
        if let Some(screen) = &self.screen {
            screen.tell(event.clone());
        }
        self.model.apply(event);
    }

    /// Prints how far it is, once a second, where there is no dashboard.
    fn say_line(&mut self) {
        let now_ns = self.clock.now_ns();
        if self.screen.is_some() || now_ns < self.next_line_ns || self.model.live().plan.is_none() {
            return;
        }
        self.next_line_ns = now_ns + LINE_NS;
        let line = drumpost_tui::progress_line(&self.model);
        let printed = output::line(&line);
        if printed.is_err() {
            match output::printed(printed) {
                // Whoever read the lines has left.
                Ok(()) => self.interrupted.set(),
                Err(error) => self.unprinted = Some(error),
            }
        }
    }

    /// Says how it ended, and what was seen of each row.
    fn end(self, is_gone: bool, is_left: bool) -> anyhow::Result<Exit> {
        let rows = &self.model.live().rows;
        let text: String = rows.iter().map(|row| sentence(row) + "\n").collect();
        // Who left has seen it.
        let printed = if text.is_empty() || is_left { Ok(()) } else { output::result(&text) };
        if is_left {
            return Ok(Exit::Interrupted);
        }
        if is_gone {
            output::complain(&format!("{} is gone: it did not say that it ended", self.name));
            return printed.map(|()| Exit::Failed);
        }
        output::remark(&format!("{} ended", self.name));
        printed?;
        // As a run ends, as far as it can be told from here.
        let has_faults = rows.iter().any(|row| row.faults() > 0);
        Ok(match rows.iter().filter_map(|row| row.worst).max() {
            Some(Status::Failed) => Exit::Failed,
            Some(Status::Refused) => Exit::Usage,
            _ if has_faults => Exit::Audit,
            Some(Status::Invalid) => Exit::Invalid,
            Some(Status::Suspect | Status::Valid) | None => Exit::Ok,
        })
    }
}

/// A row of the dashboard as a line.
fn sentence(row: &Row) -> String {
    let word = match row.phase {
        Phase::Ended(status) => status.word(),
        other => other.word(),
    };
    let mut parts =
        vec![format!("{}: {word}", row.name), units::counted(u64::from(row.trials_ended), "trial", "trials")];
    parts.extend(row.mean_of_trials_per_s().map(units::rate));
    let faults = row.faults();
    if faults > 0 {
        parts.push(units::counted(faults, "fault", "faults"));
    }
    parts.join(" · ")
}
