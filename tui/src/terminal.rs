//! The loop of the dashboard: takes events and keys, draws when something changed, and ends when there is a reason to.
//!
//! It works over any backend, clock and source of keys. Does not live here: the real terminal (`screen.rs`) and the
//! drawing.

use std::error::Error;
use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::Backend;
use ratatui::layout::{Position, Rect};

use crate::event::Event;
use crate::key::Key;
use crate::model::{Action, Model};
use crate::steer::Steer;

/// Between two frames, in nanoseconds: ten a second is what an eye follows and a measurement does not notice.
const FRAME_NS: u64 = 100_000_000;
/// The longest wait for a key while nothing is to be drawn, in nanoseconds: how late an event may be seen.
const LOOK_NS: u64 = 50_000_000;
/// Events taken in before keys and the clock are looked at again.
const EVENTS_AT_ONCE: usize = 1024;

/// Something from the user's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed.
    Key(Key),
    /// The terminal has another size.
    Resized,
    /// The terminal was given to others in between: nothing of what was drawn is there any more.
    Returned,
}

/// A source of keys.
pub trait KeySource {
    /// The next input, waiting for it no longer than told; `None` if there was none.
    ///
    /// # Errors
    /// The terminal cannot be read any more; the loop ends with that.
    fn next(&mut self, at_most: Duration) -> io::Result<Option<Input>>;
}

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// [`Event::Finished`] was taken in and drawn.
    Finished,
    /// The sender of events is gone without having said that the run is over.
    Disconnected,
    /// The user wants to stop: the caller stops the run.
    Quit,
    /// The caller's flag was set, by a signal for instance.
    Interrupted,
}

/// Shows the run until it is over or someone wants it to end. The last thing it does is to draw what it knows.
///
/// `now_ns` is a clock that does not go backwards, in nanoseconds from anywhere. `interrupted` is asked some twenty
/// times a second. `steer` is told what keys ask of a replay.
///
/// # Errors
/// The terminal cannot be drawn on or read from.
pub fn run<B: Backend<Error: Error + Send + Sync + 'static>>(
    terminal: &mut Terminal<B>,
    model: &mut Model,
    events: &Receiver<Event>,
    keys: &mut impl KeySource,
    mut now_ns: impl FnMut() -> u64,
    interrupted: impl Fn() -> bool,
    mut steer: impl FnMut(Steer),
) -> io::Result<Outcome> {
    let mut next_frame_ns = 0;
    let mut changed = true;
    let mut asked = None;
    loop {
        let taken = take_in(model, events);
        changed |= taken.some;
        let ended = asked.or(taken.ended).or_else(|| interrupted().then_some(Outcome::Interrupted));
        let time_ns = now_ns();
        if changed && (ended.is_some() || time_ns >= next_frame_ns) {
            terminal.draw(|frame| crate::view(model, frame)).map_err(io::Error::other)?;
            next_frame_ns = time_ns.saturating_add(FRAME_NS);
            changed = false;
        }
        if let Some(outcome) = ended {
            return Ok(outcome);
        }
        let until_frame_ns = if changed { next_frame_ns.saturating_sub(time_ns) } else { LOOK_NS };
        let wait_ns = if taken.more { 0 } else { until_frame_ns.min(LOOK_NS) };
        match keys.next(Duration::from_nanos(wait_ns))? {
            None => {}
            Some(Input::Resized) => changed = true,
            Some(Input::Returned) => {
                // Clearing alone would ask the terminal where its cursor is, and wait for the answer.
                let size = terminal.size().map_err(io::Error::other)?;
                terminal.resize(Rect::from((Position::ORIGIN, size))).map_err(io::Error::other)?;
                changed = true;
            }
            Some(Input::Key(key)) => {
                match model.key(key) {
                    Some(Action::Quit) => asked = Some(Outcome::Quit),
                    Some(Action::Steer(to)) => steer(to),
                    None => {}
                }
                changed = true;
            }
        }
    }
}

/// The events that arrived on the channel.
struct Taken {
    some: bool,
    more: bool,
    ended: Option<Outcome>,
}

fn take_in(model: &mut Model, events: &Receiver<Event>) -> Taken {
    let mut taken = Taken { some: false, more: false, ended: None };
    for _ in 0..EVENTS_AT_ONCE {
        match events.try_recv() {
            Ok(event) => {
                model.apply(event);
                taken.some = true;
            }
            Err(TryRecvError::Empty) => return taken,
            Err(TryRecvError::Disconnected) => {
                taken.ended = Some(Outcome::Disconnected);
                break;
            }
        }
        if model.is_finished() {
            taken.ended = Some(Outcome::Finished);
            return taken;
        }
    }
    taken.more = true;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Plan, Sample, Status};
    use crate::theme::Theme;
    use ratatui::backend::TestBackend;
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;
    use std::rc::Rc;
    use std::sync::mpsc::{Sender, channel};

    /// A clock that only waiting moves, and what happens at which time of it.
    struct Script {
        now_ns: Rc<Cell<u64>>,
        acts: VecDeque<(u64, Act)>,
        events: Option<Sender<Event>>,
    }

    enum Act {
        Key(Key),
        Resize,
        Return,
        Send(Box<Event>),
        HangUp,
        Break,
    }

    impl KeySource for Script {
        fn next(&mut self, at_most: Duration) -> io::Result<Option<Input>> {
            // A source that returns at once without input would be asked for ever.
            let until_ns = self.now_ns.get() + (at_most.as_nanos() as u64).max(1);
            while let Some((at_ns, _)) = self.acts.front()
                && *at_ns <= until_ns
            {
                let (at_ns, act) = self.acts.pop_front().unwrap();
                self.now_ns.set(at_ns.max(self.now_ns.get()));
                match act {
                    Act::Key(key) => return Ok(Some(Input::Key(key))),
                    Act::Resize => return Ok(Some(Input::Resized)),
                    Act::Return => return Ok(Some(Input::Returned)),
                    Act::Send(event) => self.events.as_ref().unwrap().send(*event).unwrap(),
                    Act::HangUp => self.events = None,
                    Act::Break => return Err(io::Error::other("gone")),
                }
            }
            self.now_ns.set(until_ns);
            Ok(None)
        }
    }

    struct Played {
        outcome: io::Result<Outcome>,
        ended_ns: u64,
        frames: usize,
        last_frame: String,
        steered: Vec<Steer>,
        model: Model,
    }

    const MS: u64 = 1_000_000;

    fn play(acts: Vec<(u64, Act)>, interrupted_at_ns: u64) -> Played {
        play_on(Model::new(Theme::plain()), acts, interrupted_at_ns)
    }

    fn play_on(mut model: Model, acts: Vec<(u64, Act)>, interrupted_at_ns: u64) -> Played {
        let (sender, events) = channel();
        let now_ns = Rc::new(Cell::new(0));
        let acts = acts.into_iter().map(|(ms, act)| (ms * MS, act)).collect();
        let mut script = Script { now_ns: now_ns.clone(), acts, events: Some(sender) };
        let mut terminal = Terminal::new(TestBackend::new(100, 30)).unwrap();
        let mut steered = Vec::new();
        let clock = || now_ns.get();
        let interrupted = || now_ns.get() >= interrupted_at_ns;
        let steer = |to| steered.push(to);
        let outcome = run(&mut terminal, &mut model, &events, &mut script, clock, interrupted, steer);
        // The frame counter of the terminal counts what was drawn.
        let frames = terminal.get_frame().count();
        let last_frame = crate::to_text(terminal.backend().buffer());
        Played { outcome, ended_ns: now_ns.get(), frames, last_frame, steered, model }
    }

    fn started() -> Event {
        let dispatches = vec!["message/sim".to_owned()];
        Event::Started(Plan {
            scenario: "order-authorization".to_owned(),
            dispatches,
            trials: 1,
            ..Plan::default()
        })
    }

    fn finished() -> Event {
        Event::Finished { note: "all went well".to_owned() }
    }

    #[test]
    fn the_end_of_the_run_is_drawn_before_the_loop_ends() {
        let played =
            play(vec![(10, Act::Send(Box::new(started()))), (20, Act::Send(Box::new(finished())))], u64::MAX);
        assert_eq!(played.outcome.unwrap(), Outcome::Finished);
        assert!(
            played.last_frame.contains("order-authorization") && played.last_frame.contains("all went well")
        );
        assert!(played.ended_ns <= 70 * MS, "{}", played.ended_ns);
    }

    #[test]
    fn a_flood_of_events_is_drawn_ten_times_a_second() {
        let samples = (0..2_000)
            .map(|i| (i, Act::Send(Box::new(Event::Sample(Sample { elapsed_ns: i, ..Sample::default() })))));
        let acts =
            [(0, Act::Send(Box::new(started())))].into_iter().chain(samples).chain([(2_000, Act::HangUp)]);
        let played = play(acts.collect(), u64::MAX);
        assert_eq!(played.outcome.unwrap(), Outcome::Disconnected);
        assert!((19..=22).contains(&played.frames), "{}", played.frames);
        assert_eq!(played.model.live().current_sample().map(|s| s.elapsed_ns), Some(1_999));
    }

    #[test]
    fn nothing_is_drawn_when_nothing_changed() {
        let played = play(vec![(60_000, Act::HangUp)], u64::MAX);
        assert_eq!(played.frames, 1);
    }

    #[test]
    fn a_new_size_is_drawn() {
        let played = play(vec![(500, Act::Resize), (60_000, Act::HangUp)], u64::MAX);
        assert_eq!(played.frames, 2);
    }

    #[test]
    fn a_terminal_that_others_had_is_drawn_anew() {
        let played = play(vec![(500, Act::Return), (60_000, Act::HangUp)], u64::MAX);
        assert_eq!(played.frames, 2);
        assert!(played.outcome.is_ok() && !played.last_frame.trim().is_empty());
    }

    #[test]
    fn keys_reach_the_model_and_quit_ends_the_loop() {
        let acts = vec![(5, Act::Key(Key::Char('?'))), (300, Act::Key(Key::Char('q'))), (9_000, Act::HangUp)];
        let played = play(acts, u64::MAX);
        assert_eq!(played.outcome.unwrap(), Outcome::Quit);
        assert_eq!(played.ended_ns, 300 * MS);
        assert!(played.last_frame.contains("stop the run and quit"));
    }

    #[test]
    fn keys_of_a_replay_reach_whoever_plays_it() {
        let keys = [Key::Char(' '), Key::Right, Key::Char('+'), Key::Char(' ')];
        let acts = keys.into_iter().enumerate().map(|(at, key)| (at as u64 * 10, Act::Key(key)));
        let acts = || acts.clone().chain([(9_000, Act::Key(Key::Char('q')))]).collect();
        let played = play_on(Model::of_replay(Theme::plain(), 1.0), acts(), u64::MAX);
        assert_eq!(played.outcome.unwrap(), Outcome::Quit);
        let asked = [Steer::Pause(true), Steer::Seek(0.05), Steer::Speed(2.0), Steer::Pause(false)];
        assert_eq!(played.steered, asked);
        // A run is not steered by those who look on.
        assert_eq!(play(acts(), u64::MAX).steered, []);
    }

    #[test]
    fn the_flag_of_the_caller_ends_the_loop_soon() {
        let played = play(vec![], 1_000 * MS);
        assert_eq!(played.outcome.unwrap(), Outcome::Interrupted);
        assert!(played.ended_ns <= 1_050 * MS);
    }

    #[test]
    fn what_was_sent_before_hanging_up_is_taken_in() {
        let failed =
            Event::TrialEnded { dispatch: 0, trial: 0, status: Status::Failed, note: "gone".to_owned() };
        let acts =
            vec![(10, Act::Send(Box::new(started()))), (10, Act::Send(Box::new(failed))), (10, Act::HangUp)];
        let played = play(acts, u64::MAX);
        assert_eq!(played.outcome.unwrap(), Outcome::Disconnected);
        assert!(played.last_frame.contains("message/sim trial 1 failed: gone"), "{}", played.last_frame);
    }

    #[test]
    fn a_broken_source_of_keys_ends_the_loop_with_its_error() {
        let played = play(vec![(10, Act::Break)], u64::MAX);
        assert_eq!(played.outcome.unwrap_err().to_string(), "gone");
    }

    #[test]
    fn more_events_than_one_round_takes_are_all_taken_in_before_the_end() {
        let (sender, events) = channel();
        sender.send(started()).unwrap();
        for i in 0..5_000 {
            sender.send(Event::Sample(Sample { sent: i, ..Sample::default() })).unwrap();
        }
        drop(sender);
        let waits = RefCell::new(Vec::new());
        struct Never<'a>(&'a RefCell<Vec<Duration>>);
        impl KeySource for Never<'_> {
            fn next(&mut self, at_most: Duration) -> io::Result<Option<Input>> {
                self.0.borrow_mut().push(at_most);
                Ok(None)
            }
        }
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let mut model = Model::new(Theme::plain());
        let outcome = run(&mut terminal, &mut model, &events, &mut Never(&waits), || 0, || false, |_| ());
        assert_eq!(outcome.unwrap(), Outcome::Disconnected);
        assert_eq!(model.live().current_sample().map(|s| s.sent), Some(4_999));
        assert!(waits.borrow().iter().all(Duration::is_zero));
    }
}
