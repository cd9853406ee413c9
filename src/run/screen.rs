//! The display of a running command: the dashboard on a terminal, else lines of progress on stderr.
//!
//! Drawing has a thread of its own that the run does not wait for, because a terminal may be closed or not be read.
//! Trials run, and the record is saved, on the thread of the command.

use super::{execute::execute, job::Job};
use crate::{
    args::RunArgs,
    interrupt::Interrupt,
    live::Live,
    output,
    saver::{Saved, Saver},
    signals,
};
use drumpost_core::{
    clock::{Clock, Now},
    overhead::HarnessThread,
    registry::Registry,
};
use drumpost_results::{model::Record, store::Reader};
use drumpost_tui::{Event, Model, Outcome, Plan, Screen, Steer, TerminalKeys, Theme};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

/// How long the last frame may take once the run is over and saved. A terminal that takes longer is not waited for.
const LAST_FRAME: Duration = Duration::from_secs(1);

/// A run that was shown and saved.
pub(crate) struct Shown {
    pub record: Record,
    pub saved: Saved,
    pub interrupted: bool,
    /// The terminal takes nothing any more: what is printed there may wait for ever.
    pub is_stuck: bool,
}

/// Runs the job, showing it, and saves what it came to.
pub(crate) fn show(
    registry: &Registry,
    job: &Job,
    args: &RunArgs,
    mut saver: Saver,
    mut live: Live,
) -> anyhow::Result<Shown> {
    let interrupted = Interrupt::listen();
    let seen = live.queue();
    let events = live.begin();
    events.tell(Event::Started(Plan {
        scenario: job.scenario.name.to_owned(),
        load: job.load_text.clone(),
        dispatches: job.targets.iter().map(|target| target.label.clone()).collect(),
        trials: job.trials,
        settings: job.settings_text.clone(),
    }));
    let is_free = !args.no_tui && !args.form.has_document() && !saver.takes_stdout();
    let shows = if is_free && output::has_screen() { Shows::Dashboard } else { Shows::Lines };
    let viewer = Viewer::start(seen, interrupted.clone(), shows);
    let measured = catch_unwind(AssertUnwindSafe(|| {
        execute(registry, job, &events, &interrupted, &mut |record| {
            if saver.is_due() {
                record.judge(&job.thresholds);
                saver.keep(record);
            }
        })
    }));
    let outcome = measured.map(|mut record| {
        record.judge(&job.thresholds);
        let saved = saver.finish(&record);
        (record, saved)
    });
    events.tell(Event::Finished { note: String::new() });
    drop(events);
    let shown = viewer.map(Viewer::end);
    live.end();
    let is_stuck = shown.as_ref().is_some_and(Result::is_err);
    let (record, mut saved) = outcome.map_err(|_| {
        anyhow::anyhow!("failed to run: drumpost itself panicked; this is a defect of drumpost")
    })?;
    if let (Some(path), Some(Ok(Some(picture)))) = (&args.save_frame, shown) {
        saved.outcome = saved.outcome.and_then(|()| output::document(path, &picture, Reader::Soon));
    }
    Ok(Shown { record, saved, interrupted: interrupted.is_set(), is_stuck })
}

/// What is shown of events.
pub(crate) enum Shows {
    /// Lines of progress.
    Lines,
    /// The dashboard.
    Dashboard,
    /// The dashboard of a run in another process.
    Elsewhere,
    /// The dashboard of a replay that goes on so many times as fast, and where to say what its keys ask.
    Replay { speed: f64, steer: Sender<Steer> },
}

/// The thread that draws.
pub(crate) struct Viewer {
    /// Has the last frame as a picture once the thread is done.
    done: Receiver<Option<String>>,
}

impl Viewer {
    /// Shows events until they are over. Without a thread for it nothing is shown, which is no reason not to measure.
    pub(crate) fn start(events: Receiver<Event>, interrupted: Interrupt, shows: Shows) -> Option<Self> {
        let (tell, done) = channel();
        let draw = move || {
            let _counted = HarnessThread::current();
            let theme = Theme::from_no_color(std::env::var_os("NO_COLOR").as_deref());
            let mut model = match shows {
                Shows::Replay { speed, .. } => Model::of_replay(theme, speed),
                Shows::Elsewhere => Model::of_run_elsewhere(theme),
                Shows::Lines | Shows::Dashboard => Model::new(theme),
            };
            match shows {
                Shows::Lines => {}
                Shows::Dashboard | Shows::Elsewhere => dashboard(&mut model, &events, &interrupted, |_| ()),
                Shows::Replay { steer, .. } => dashboard(&mut model, &events, &interrupted, |to| {
                    // Whoever plays it may have ended.
                    let _ = steer.send(to);
                }),
            }
            let picture = lines(&mut model, &events);
            // Whoever asked may have stopped waiting.
            let _ = tell.send(picture);
        };
        thread::Builder::new().name("viewer".into()).spawn(draw).ok()?;
        Some(Self { done })
    }

    /// Waits for the last frame, not for long. Gives it as a picture.
    ///
    /// # Errors
    /// The terminal has not taken it in that time.
    pub(crate) fn end(self) -> Result<Option<String>, RecvTimeoutError> {
        self.done.recv_timeout(LAST_FRAME)
    }
}

/// Draws until the run is over or the user wants it to end. If the terminal fails, lines take over.
fn dashboard(model: &mut Model, events: &Receiver<Event>, interrupted: &Interrupt, steer: impl FnMut(Steer)) {
    let Ok(mut screen) = Screen::open() else { return };
    let clock = Clock::start();
    let is_interrupted = || interrupted.is_set();
    let (terminal, keys) = (screen.terminal(), &mut TerminalKeys::default());
    let ended = drumpost_defects::beside_it(|| {
        drumpost_tui::run(terminal, model, events, keys, || clock.now_ns(), is_interrupted, steer)
    });
    let is_left = match ended {
        Ok(Outcome::Quit | Outcome::Interrupted) => true,
        Ok(Outcome::Finished | Outcome::Disconnected) => false,
        // A terminal that was closed does not always get its signal to this process.
        Err(_) => drumpost_tui::is_gone() && !signals::is_hangup_ignored(),
    };
    if is_left {
        interrupted.set();
    }
}

/// Says how far the run is: a line that is written over on a terminal, a line per trial elsewhere. Gives the last frame
/// of the run as a picture, as it would be drawn on 120 × 40.
fn lines(model: &mut Model, events: &Receiver<Event>) -> Option<String> {
    let over = output::remarks_to_terminal();
    let mut picture = None;
    while !model.is_finished() {
        match events.recv_timeout(Duration::from_millis(500)) {
            Ok(event) => {
                if matches!(event, Event::Finished { .. }) {
                    picture = Some(drumpost_tui::to_svg(&drumpost_tui::render(model, 120, 40)));
                }
                let worth_a_line = matches!(event, Event::TrialEnded { .. });
                model.apply(event);
                if over {
                    output::progress(&drumpost_tui::progress_line(model));
                } else if worth_a_line {
                    output::remark(&drumpost_tui::progress_line(model));
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    if over {
        output::progress("");
    }
    picture
}
