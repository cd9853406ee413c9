//! Steering a replay: the keys for it, and how it goes on.
//!
//! A view of a run only looks on: a pause holds the view, and the run goes on. A replay itself can be held, moved and made faster. Does not
//! live here: playing the events (the caller of [`crate::run`]).

use std::ops::RangeInclusive;

use crate::key::Key;

/// How many times as fast as it was measured a record can be replayed.
pub const SPEEDS: RangeInclusive<f64> = 0.001..=1_000_000.0;
/// The share of the record that an arrow key moves by.
const SEEK: f64 = 0.05;
/// What a key for the speed multiplies it by, or divides.
const FACTOR: f64 = 2.0;

/// What a key asks of the caller that plays the events.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Steer {
    /// Hold it, or go on.
    Pause(bool),
    /// Go on so many times as fast as it was measured.
    Speed(f64),
    /// Move by this share of the record, back if it is below zero.
    Seek(f64),
}

/// How a replay goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steering {
    /// It is held.
    pub is_paused: bool,
    /// How many times as fast as it was measured it goes on.
    pub speed: f64,
}

impl Steering {
    /// A replay that has just begun.
    pub(crate) const fn new(speed: f64) -> Self {
        Self { is_paused: false, speed }
    }

    /// Reacts to a key; `None`: the key is not about the replay.
    pub(crate) fn key(&mut self, key: Key) -> Option<Steer> {
        match key {
            Key::Char(' ' | 'p') => {
                self.is_paused = !self.is_paused;
                Some(Steer::Pause(self.is_paused))
            }
            Key::Left => Some(Steer::Seek(-SEEK)),
            Key::Right => Some(Steer::Seek(SEEK)),
            // On many keyboards `+` is `=` with the shift key, and `_` is `-` with it.
            Key::Char('+' | '=') => Some(self.times(FACTOR)),
            Key::Char('-' | '_') => Some(self.times(1.0 / FACTOR)),
            _ => None,
        }
    }

    fn times(&mut self, factor: f64) -> Steer {
        self.speed = (self.speed * factor).clamp(*SPEEDS.start(), *SPEEDS.end());
        Steer::Speed(self.speed)
    }
}
