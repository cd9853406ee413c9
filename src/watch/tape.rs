//! The events of a replay as a tape: where it stands, how fast it runs, and what comes next. It knows no clock, and is told the time.

use drumpost_tui::{Event, Steer};
use std::time::Duration;

/// Events with their times in the record. The first is the plan, with which a viewer forgets all that it was told before.
#[derive(Debug)]
pub(super) struct Tape {
    events: Vec<(u64, Event)>,
    /// The place of the next event.
    next: usize,
    /// Where in the record it stood at `since_ns` of the clock.
    stood_ns: u64,
    since_ns: u64,
    speed: f64,
    is_paused: bool,
}

/// What a tape has.
#[derive(Debug, PartialEq)]
pub(super) enum Due {
    Now(Box<Event>),
    /// Nothing before this time, unless it is steered.
    In(Duration),
    /// Nothing more.
    End,
}

impl Tape {
    /// `events` are in the order of their times.
    pub(super) fn new(events: Vec<(u64, Event)>, speed: f64, from_ns: u64) -> Self {
        Self { events, next: 0, stood_ns: from_ns, since_ns: 0, speed, is_paused: false }
    }

    /// The next event, if it is due.
    pub(super) fn next(&mut self, now_ns: u64) -> Due {
        let Some((at_ns, event)) = self.events.get(self.next) else { return Due::End };
        let stands_ns = self.stands_ns(now_ns);
        // The last one ends the replay, and one that is held does not end.
        let is_held = self.is_paused && self.next + 1 == self.events.len();
        if *at_ns <= stands_ns && !is_held {
            self.next += 1;
            return Due::Now(Box::new(event.clone()));
        }
        if self.is_paused {
            return Due::In(Duration::MAX);
        }
        let left_s = (at_ns - stands_ns) as f64 / self.speed / 1e9;
        Due::In(Duration::try_from_secs_f64(left_s).unwrap_or(Duration::MAX))
    }

    /// Does what a key asks.
    pub(super) fn steer(&mut self, to: Steer, now_ns: u64) {
        (self.stood_ns, self.since_ns) = (self.stands_ns(now_ns), now_ns);
        match to {
            Steer::Pause(is_paused) => self.is_paused = is_paused,
            Steer::Speed(speed) => self.speed = speed,
            Steer::Seek(share) => self.seek(share),
        }
    }

    /// Where in the record it stands.
    fn stands_ns(&self, now_ns: u64) -> u64 {
        let passed_ns = if self.is_paused { 0 } else { now_ns.saturating_sub(self.since_ns) };
        self.stood_ns.saturating_add((passed_ns as f64 * self.speed) as u64)
    }

    /// Moves by a share of the record. To go back it is told again from its beginning, as a viewer cannot forget a part.
    fn seek(&mut self, share: f64) {
        let whole_ns = self.events.last().map_or(0, |(at_ns, _)| *at_ns);
        let by_ns = (whole_ns as f64 * share.abs()) as u64;
        let stood_ns = self.stood_ns.min(whole_ns);
        if share < 0.0 {
            (self.stood_ns, self.next) = (stood_ns.saturating_sub(by_ns), 0);
        } else {
            self.stood_ns = (stood_ns + by_ns).min(whole_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_tui::Plan;

    const S: u64 = 1_000_000_000;

    /// A plan, an event at each second of twenty, and the end.
    fn tape(speed: f64, from_ns: u64) -> Tape {
        let mut events = vec![(0, Event::Started(Plan::default()))];
        events.extend((1..=20).map(|second| (second * S, Event::Step(second.to_string()))));
        events.push((20 * S, Event::Finished { note: String::new() }));
        Tape::new(events, speed, from_ns)
    }

    /// What is due at a time, in words, and how long it is until there is more.
    fn due(tape: &mut Tape, now_ns: u64) -> (String, Option<Duration>) {
        let mut told = Vec::new();
        loop {
            match tape.next(now_ns) {
                Due::Now(event) => told.push(match *event {
                    Event::Started(_) => "plan".to_owned(),
                    Event::Step(second) => second,
                    _ => "end".to_owned(),
                }),
                Due::In(left) => return (told.join(" "), Some(left)),
                Due::End => return (told.join(" "), None),
            }
        }
    }

    fn of(told: &str, left: Duration) -> (String, Option<Duration>) {
        (told.to_owned(), Some(left))
    }

    #[test]
    fn it_runs_at_its_speed_and_from_its_beginning() {
        let mut tape = tape(4.0, 2 * S);
        assert_eq!(due(&mut tape, 0), of("plan 1 2", Duration::from_millis(250)));
        assert_eq!(due(&mut tape, S), of("3 4 5 6", Duration::from_millis(250)));
        assert_eq!(due(&mut tape, 60 * S).1, None);
    }

    #[test]
    fn held_it_stands_still_and_then_goes_on_from_there() {
        let mut tape = tape(1.0, 0);
        assert_eq!(due(&mut tape, 3 * S).0, "plan 1 2 3");
        tape.steer(Steer::Pause(true), 3 * S + S / 2);
        assert_eq!(due(&mut tape, 100 * S), of("", Duration::MAX));
        tape.steer(Steer::Pause(false), 100 * S);
        assert_eq!(due(&mut tape, 100 * S), of("", Duration::from_millis(500)));
        assert_eq!(due(&mut tape, 102 * S).0, "4 5");
    }

    #[test]
    fn a_new_speed_counts_from_now() {
        let mut tape = tape(1.0, 0);
        assert_eq!(due(&mut tape, 2 * S).0, "plan 1 2");
        tape.steer(Steer::Speed(2.0), 2 * S);
        assert_eq!(due(&mut tape, 4 * S).0, "3 4 5 6");
        tape.steer(Steer::Speed(0.5), 4 * S);
        assert_eq!(due(&mut tape, 6 * S), of("7", Duration::from_secs(2)));
    }

    #[test]
    fn a_seek_tells_what_lies_between_or_all_anew() {
        let mut tape = tape(1.0, 0);
        assert_eq!(due(&mut tape, 2 * S).0, "plan 1 2");
        // A tenth of twenty seconds.
        tape.steer(Steer::Seek(0.1), 2 * S);
        assert_eq!(due(&mut tape, 2 * S).0, "3 4");
        tape.steer(Steer::Seek(-0.05), 2 * S);
        assert_eq!(due(&mut tape, 2 * S).0, "plan 1 2 3");
        tape.steer(Steer::Seek(-0.5), 2 * S);
        assert_eq!(due(&mut tape, 3 * S).0, "plan 1", "not before the beginning");
    }

    #[test]
    fn held_at_its_end_it_does_not_end() {
        let mut tape = tape(1.0, 0);
        tape.steer(Steer::Pause(true), 0);
        tape.steer(Steer::Seek(0.9), 0);
        tape.steer(Steer::Seek(0.9), 0);
        let (told, left) = due(&mut tape, 0);
        assert!(told.ends_with(" 19 20") && left == Some(Duration::MAX), "{told}");
        tape.steer(Steer::Seek(-0.05), 0);
        assert!(due(&mut tape, 0).0.ends_with(" 18 19"));
        tape.steer(Steer::Seek(0.05), 0);
        tape.steer(Steer::Pause(false), 0);
        assert_eq!(due(&mut tape, 0), ("20 end".to_owned(), None));
    }
}
