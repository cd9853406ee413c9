//! Where the code that runs trials says what happens.
//!
//! Does not live here: handing events to viewers (`mod`), and what the events are (`drumpost_tui`).

use drumpost_results::{metrics::Totals, model::Trial};
use drumpost_tui::Event;
use std::sync::mpsc::Sender;

/// Says what happens in a command. That never waits, and nobody need listen.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    to: Sender<Event>,
    adds_up: bool,
}

impl Events {
    /// Events into a channel. `adds_up`: a viewer adds up counts and times, and so is to be told totals.
    pub(crate) const fn new(to: Sender<Event>, adds_up: bool) -> Self {
        Self { to, adds_up }
    }

    /// Whether totals are wanted. Making those of a snapshot reads a whole histogram, which a run without such a viewer does not pay for.
    pub(crate) const fn adds_up(&self) -> bool {
        self.adds_up
    }

    /// Tells an event. The user may have left the dashboard. The run goes on.
    pub(crate) fn tell(&self, event: Event) {
        let _ = self.to.send(event);
    }

    /// Tells what a trial came to, if a viewer adds up.
    pub(crate) fn tell_totals(&self, dispatch: usize, trial: &Trial) {
        if self.adds_up {
            let totals = Box::new(Totals::of(trial));
            self.tell(Event::Totals { dispatch, trial: trial.number, is_over: true, totals });
        }
    }
}
