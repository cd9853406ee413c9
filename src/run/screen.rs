//! What is seen of a run while it goes on: the dashboard on a terminal, else a line of progress on stderr. The trials run
//! on a thread of their own; interrupting either stops them at the next look and keeps what there is.

use super::{execute::execute, job::Job};
use crate::{args::RunArgs, interrupt::Interrupt, output};
use drumpost_core::{
    clock::{Clock, Now},
    registry::Registry,
};
use drumpost_results::model::Record;
use drumpost_tui::{Event, Model, Outcome, Plan, Screen, TerminalKeys, Theme};
use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// Runs the job, showing it. Gives the record and whether it was interrupted.
pub(crate) fn show(registry: &Registry, job: &Job, args: &RunArgs) -> anyhow::Result<(Record, bool)> {
    let interrupted = Interrupt::listen();
    let (events, seen) = channel();
    let model = &mut Model::new(Theme::from_no_color(std::env::var_os("NO_COLOR").as_deref()));
    let _ = events.send(Event::Started(Plan {
        scenario: job.scenario.name.to_owned(),
        load: job.load_text.clone(),
        dispatches: job.targets.iter().map(|target| target.label.clone()).collect(),
        trials: job.trials,
        settings: job.settings_text.clone(),
    }));
    let execute = || {
        let record = execute(registry, job, &events, &interrupted);
        let _ = events.send(Event::Finished { note: String::new() });
        record
    };
    let (record, picture) = thread::scope(|scope| {
        let Ok(running) = thread::Builder::new().spawn_scoped(scope, execute) else {
            // Without a thread to spare nothing is shown while the trials run.
            return (Ok(execute()), None);
        };
        if output::is_terminal() && !args.no_tui && !args.json {
            dashboard(model, &seen, &interrupted);
        }
        let picture = lines(model, &seen);
        (running.join(), picture)
    });
    if let (Some(path), Some(picture)) = (&args.save_frame, picture) {
        drumpost_results::store::write_text(path, &picture)?;
    }
    let record = record
        .map_err(|_| anyhow::anyhow!("failed to run: the trials panicked; this is a defect of drumpost"))?;
    Ok((record, interrupted.is_set()))
}

/// Draws until the run is over or the user wants it to end. If the terminal fails, lines take over.
fn dashboard(model: &mut Model, events: &Receiver<Event>, interrupted: &Interrupt) {
    let Ok(mut screen) = Screen::open() else { return };
    let clock = Clock::start();
    let is_interrupted = || interrupted.is_set();
    let ended = drumpost_tui::run(
        screen.terminal(),
        model,
        events,
        &mut TerminalKeys,
        || clock.now_ns(),
        is_interrupted,
    );
    if matches!(ended, Ok(Outcome::Quit | Outcome::Interrupted)) {
        interrupted.set();
    }
}

/// Says how far the run is: a line that is written over on a terminal, a line per trial elsewhere. Gives the last frame
/// of the run as a picture, as it would be drawn on 120 × 40.
pub(crate) fn lines(model: &mut Model, events: &Receiver<Event>) -> Option<String> {
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
