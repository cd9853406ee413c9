//! The model of the dashboard: its state, the part that is shown, and the keys that change it.
//!
//! Lives here: pause, focus and keys. Does not live here: the meaning of events (`state.rs`), drawing, the terminal.

use crate::event::Event;
use crate::key::Key;
use crate::state::State;
use crate::steer::{Steer, Steering};
use crate::theme::Theme;

/// The action that a key asks of the caller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// The user wants to stop.
    Quit,
    /// The user steers a replay.
    Steer(Steer),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Focus {
    Follow,
    Chosen(usize),
}

/// Plain data: the live state, a frozen copy while the view is paused, and what the user chose to see.
#[derive(Debug, Clone)]
pub struct Model {
    theme: Theme,
    live: State,
    frozen: Option<Box<State>>,
    focus: Focus,
    help: bool,
    /// How a replay goes on; `None` for a run.
    steering: Option<Steering>,
    /// The run is that of another process.
    is_elsewhere: bool,
}

impl Model {
    /// A dashboard that has been told nothing yet.
    #[must_use]
    pub fn new(theme: Theme) -> Self {
        Self {
            theme,
            live: State::default(),
            frozen: None,
            focus: Focus::Follow,
            help: false,
            steering: None,
            is_elsewhere: false,
        }
    }

    /// The dashboard of a run in another process, which goes on when the dashboard is left.
    #[must_use]
    pub fn of_run_elsewhere(theme: Theme) -> Self {
        Self { is_elsewhere: true, ..Self::new(theme) }
    }

    /// Whether the run is that of another process.
    #[must_use]
    pub const fn is_elsewhere(&self) -> bool {
        self.is_elsewhere
    }

    /// The dashboard of a replay, which its keys steer.
    #[must_use]
    pub fn of_replay(theme: Theme, speed: f64) -> Self {
        Self { steering: Some(Steering::new(speed)), ..Self::new(theme) }
    }

    /// Takes in what happened, paused or not. The end of the run lifts a pause: the last frame shows the end.
    pub fn apply(&mut self, event: Event) {
        self.live.apply(event);
        if self.is_finished() {
            self.frozen = None;
        }
    }

    /// Reacts to a key; says so if the caller has to do something about it.
    pub fn key(&mut self, key: Key) -> Option<Action> {
        let is_over = self.is_finished();
        if let Some(steer) =
            self.steering.as_mut().filter(|_| !is_over).and_then(|steering| steering.key(key))
        {
            return Some(Action::Steer(steer));
        }
        match key {
            Key::Esc if self.help => self.help = false,
            Key::Char('q') | Key::Esc | Key::Interrupt => return Some(Action::Quit),
            Key::Char(' ' | 'p') => self.pause(),
            Key::Char('?' | 'h') => self.help = !self.help,
            Key::Char('f') => self.focus = Focus::Follow,
            Key::Char(digit @ '1'..='9') => self.choose(digit as usize - '1' as usize),
            Key::Tab | Key::Right => self.step(1),
            Key::BackTab | Key::Left => self.step(self.shown().rows.len().saturating_sub(1)),
            Key::Char(_) => {}
        }
        None
    }

    /// The state to draw: frozen while paused, else live.
    #[must_use]
    pub fn shown(&self) -> &State {
        self.frozen.as_deref().unwrap_or(&self.live)
    }

    /// The state as of the latest event.
    #[must_use]
    pub fn live(&self) -> &State {
        &self.live
    }

    /// Index of the dispatch whose details are shown; it has a row unless there are none.
    #[must_use]
    pub fn focus(&self) -> usize {
        let state = self.shown();
        let wanted = match self.focus {
            Focus::Chosen(dispatch) => dispatch,
            Focus::Follow => state.current.map_or(0, |c| c.dispatch),
        };
        wanted.min(state.rows.len().saturating_sub(1))
    }

    /// Whether the focus goes along with the dispatch being measured.
    #[must_use]
    pub fn is_following(&self) -> bool {
        self.focus == Focus::Follow
    }

    /// Whether the view is frozen, or the replay is held.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        let is_held = self.steering.is_some_and(|steering| steering.is_paused);
        self.frozen.is_some() || (is_held && !self.is_finished())
    }

    /// How the replay goes on; `None` for a run.
    #[must_use]
    pub fn steering(&self) -> Option<Steering> {
        self.steering
    }

    /// Whether the run is over.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.live.finished.is_some()
    }

    /// Whether the help is shown.
    #[must_use]
    pub fn is_help_open(&self) -> bool {
        self.help
    }

    /// How to draw.
    #[must_use]
    pub fn theme(&self) -> Theme {
        self.theme
    }

    fn pause(&mut self) {
        self.frozen = match self.frozen.take() {
            None if !self.is_finished() => Some(Box::new(self.live.clone())),
            _ => None,
        };
    }

    fn choose(&mut self, dispatch: usize) {
        if dispatch < self.shown().rows.len() {
            self.focus = Focus::Chosen(dispatch);
        }
    }

    fn step(&mut self, by: usize) {
        let rows = self.shown().rows.len();
        if rows > 0 {
            self.focus = Focus::Chosen((self.focus() + by) % rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Plan, Sample};

    fn model(dispatches: usize) -> Model {
        let mut model = Model::new(Theme::plain());
        let dispatches = (0..dispatches).map(|i| format!("message/{i}")).collect();
        model.apply(Event::Started(Plan { dispatches, trials: 1, ..Plan::default() }));
        model
    }

    fn measure(model: &mut Model, dispatch: usize, sent: u64) {
        model.apply(Event::Sample(Sample { dispatch, sent, ..Sample::default() }));
    }

    fn keys(model: &mut Model, keys: &[Key]) {
        keys.iter().for_each(|key| assert_eq!(model.key(*key), None));
    }

    #[test]
    fn the_keys_to_quit_quit() {
        for key in [Key::Char('q'), Key::Esc, Key::Interrupt] {
            assert_eq!(model(1).key(key), Some(Action::Quit));
        }
    }

    #[test]
    fn escape_closes_the_help_first() {
        let mut model = model(1);
        keys(&mut model, &[Key::Char('?')]);
        assert!(model.is_help_open());
        keys(&mut model, &[Key::Esc]);
        assert!(!model.is_help_open());
        keys(&mut model, &[Key::Char('h'), Key::Char('h')]);
        assert!(!model.is_help_open());
        assert_eq!(model.key(Key::Esc), Some(Action::Quit));
    }

    #[test]
    fn the_focus_follows_until_the_user_chooses() {
        let mut model = model(3);
        measure(&mut model, 1, 1);
        assert_eq!((model.focus(), model.is_following()), (1, true));
        keys(&mut model, &[Key::Tab]);
        assert_eq!((model.focus(), model.is_following()), (2, false));
        measure(&mut model, 0, 1);
        assert_eq!(model.focus(), 2);
        keys(&mut model, &[Key::Right]);
        assert_eq!(model.focus(), 0);
        keys(&mut model, &[Key::Left]);
        assert_eq!(model.focus(), 2);
        keys(&mut model, &[Key::BackTab]);
        assert_eq!(model.focus(), 1);
        keys(&mut model, &[Key::Char('3'), Key::Char('9')]);
        assert_eq!(model.focus(), 2);
        keys(&mut model, &[Key::Char('f')]);
        assert_eq!((model.focus(), model.is_following()), (0, true));
    }

    #[test]
    fn a_paused_view_stands_still_while_the_state_moves_on() {
        let mut model = model(2);
        measure(&mut model, 0, 10);
        keys(&mut model, &[Key::Char(' ')]);
        measure(&mut model, 1, 20);
        assert_eq!(model.focus(), 0);
        assert_eq!(model.shown().current_sample().map(|s| s.sent), Some(10));
        assert_eq!(model.live().current_sample().map(|s| s.sent), Some(20));
        keys(&mut model, &[Key::Char('p')]);
        assert_eq!((model.focus(), model.is_paused()), (1, false));
    }

    #[test]
    fn the_end_lifts_a_pause_and_cannot_be_paused() {
        let mut model = model(1);
        keys(&mut model, &[Key::Char('p')]);
        assert!(model.is_paused());
        model.apply(Event::Finished { note: String::new() });
        assert!(!model.is_paused());
        keys(&mut model, &[Key::Char('p')]);
        assert!(!model.is_paused());
    }

    #[test]
    fn keys_steer_a_replay_and_leave_its_view_live() {
        let mut model = Model::of_replay(Theme::plain(), 3.0);
        let dispatches = vec!["message/0".to_owned(), "message/1".to_owned()];
        model.apply(Event::Started(Plan { dispatches, trials: 1, ..Plan::default() }));
        let steered = |model: &mut Model, key| match model.key(key) {
            Some(Action::Steer(steer)) => steer,
            other => panic!("{other:?}"),
        };
        assert_eq!(steered(&mut model, Key::Char(' ')), Steer::Pause(true));
        assert!(model.is_paused());
        // What a seek tells while the replay is held is shown.
        measure(&mut model, 1, 20);
        assert_eq!(model.shown().current_sample().map(|s| s.sent), Some(20));
        assert_eq!(steered(&mut model, Key::Left), Steer::Seek(-0.05));
        assert_eq!(steered(&mut model, Key::Right), Steer::Seek(0.05));
        assert_eq!(steered(&mut model, Key::Char('+')), Steer::Speed(6.0));
        assert_eq!(steered(&mut model, Key::Char('-')), Steer::Speed(3.0));
        assert_eq!(steered(&mut model, Key::Char('_')), Steer::Speed(1.5));
        assert_eq!(model.steering(), Some(Steering { is_paused: true, speed: 1.5 }));
        assert_eq!(steered(&mut model, Key::Char('p')), Steer::Pause(false));
        for _ in 0..40 {
            steered(&mut model, Key::Char('='));
        }
        assert_eq!(model.steering().map(|steering| steering.speed), Some(1_000_000.0));
        // The other keys are those of any view.
        keys(&mut model, &[Key::Tab, Key::Char('f'), Key::Char('?')]);
        assert!(model.is_help_open());
        steered(&mut model, Key::Char('p'));
        model.apply(Event::Finished { note: String::new() });
        assert!(!model.is_paused(), "the end lifts a pause");
        keys(&mut model, &[Key::Char(' '), Key::Right]);
        assert_eq!(model.key(Key::Char('q')), Some(Action::Quit));
    }

    #[test]
    fn an_empty_model_takes_any_key() {
        let mut model = Model::new(Theme::plain());
        keys(&mut model, &[Key::Tab, Key::BackTab, Key::Left, Key::Right, Key::Char('1'), Key::Char('x')]);
        assert_eq!(model.focus(), 0);
    }
}
