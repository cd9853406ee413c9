//! How a process that a command started is ended when the user interrupts the command: it is asked, asked again or not, and then killed.
//! A process may not listen: it ignores the signals, it hangs, or it is stopped (SIGSTOP). SIGKILL ends each of these.
//!
//! Lives here: which signal is due when. Does not live here: sending it, and waiting for the end (`run::child`, `compare::tool`).

use super::Interrupt;
use rustix::process::Signal;
use std::time::Duration;

/// A signal, and how long a process has until the next one.
pub(crate) type Step = (Signal, Duration);

/// Of two signals that follow at once a process may see one.
const APART: Duration = Duration::from_millis(50);

/// For the process of a trial. When it is asked it saves what it has; when it is asked again it waits for nothing. It has eight
/// seconds in all: its own limits on what a server may take are below that, and many supervisors kill after ten.
pub(crate) const OF_TRIAL: &[Step] = &[
    (Signal::INT, Duration::from_secs(7)),
    (Signal::INT, Duration::from_secs(1)),
    (Signal::KILL, Duration::MAX),
];

/// For git and cargo, which have nothing to save but need a moment to remove what is half done.
pub(crate) const OF_TOOL: &[Step] = &[(Signal::TERM, Duration::from_secs(3)), (Signal::KILL, Duration::MAX)];

/// What a process was asked so far.
#[derive(Debug)]
pub(crate) struct Farewell {
    steps: &'static [Step],
    done: usize,
    /// When the last signal was sent.
    at: Duration,
}

impl Farewell {
    pub(crate) fn new(steps: &'static [Step]) -> Self {
        Self { steps, done: 0, at: Duration::ZERO }
    }

    /// The signal that the process is to have now. It has the next one when the user asks again, and when its time for the last is over.
    pub(crate) fn due(&mut self, now: Duration, interrupted: &Interrupt) -> Option<Signal> {
        let asked = usize::from(interrupted.is_set()) + usize::from(interrupted.is_urgent());
        let since = now.saturating_sub(self.at);
        let is_due = match self.steps[..self.done].last() {
            None => asked > 0,
            Some((_, patience)) => since >= *patience || (asked > self.done && since >= APART),
        };
        let (signal, _) = self.steps.get(self.done).filter(|_| is_due)?;
        (self.done, self.at) = (self.done + 1, now);
        Some(*signal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_trial_that_does_not_answer_is_killed_eight_seconds_after_the_first_signal() {
        let (mut farewell, interrupted) = (Farewell::new(OF_TRIAL), Interrupt::default());
        let mut due = |at, interrupted: &Interrupt| farewell.due(ms(at), interrupted);
        assert_eq!(due(1_000, &interrupted), None);
        interrupted.ask();
        assert_eq!(due(1_010, &interrupted), Some(Signal::INT));
        assert_eq!(due(8_009, &interrupted), None);
        assert_eq!(due(8_010, &interrupted), Some(Signal::INT));
        assert_eq!(due(9_009, &interrupted), None);
        assert_eq!(due(9_010, &interrupted), Some(Signal::KILL));
        assert_eq!(due(99_000, &interrupted), None);
    }

    #[test]
    fn the_second_signal_leaves_a_trial_a_second() {
        let (mut farewell, interrupted) = (Farewell::new(OF_TRIAL), Interrupt::default());
        let mut due = |at| farewell.due(ms(at), &interrupted);
        interrupted.ask();
        interrupted.ask();
        assert_eq!(due(1_000), Some(Signal::INT));
        assert_eq!(due(1_010), None, "the process might take both for one");
        assert_eq!(due(1_050), Some(Signal::INT));
        interrupted.ask();
        assert_eq!(due(2_049), None);
        assert_eq!(due(2_050), Some(Signal::KILL));
    }

    #[test]
    fn a_tool_is_killed_by_the_second_signal_or_after_three_seconds() {
        let interrupted = Interrupt::default();
        interrupted.ask();
        let [mut asked_once, mut asked_twice] = [OF_TOOL; 2].map(Farewell::new);
        assert_eq!(asked_once.due(ms(0), &interrupted), Some(Signal::TERM));
        assert_eq!(asked_once.due(ms(2_999), &interrupted), None);
        assert_eq!(asked_once.due(ms(3_000), &interrupted), Some(Signal::KILL));
        assert_eq!(asked_twice.due(ms(0), &interrupted), Some(Signal::TERM));
        interrupted.ask();
        assert_eq!(asked_twice.due(ms(60), &interrupted), Some(Signal::KILL));
    }
}
