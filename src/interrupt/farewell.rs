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

/// For the process of a trial. When it is asked it drains, removes what it made at a server, and saves. That may take as long as it likes while it
/// tells of progress. When it is silent for seconds it is asked again, and then it waits for nothing.
pub(crate) const OF_TRIAL: &[Step] = &[
    (Signal::INT, Duration::from_secs(7)),
    (Signal::INT, Duration::from_secs(2)),
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

    /// The signal that the process is to have now, which told something `silent` ago. It has the next one when the user asks again, and when
    /// its time for the last is over. A process that is not silent has more time, but not until the signal that ends it.
    pub(crate) fn due(&mut self, now: Duration, silent: Duration, interrupted: &Interrupt) -> Option<Signal> {
        let asked = usize::from(interrupted.is_set()) + usize::from(interrupted.is_urgent());
        let since = now.saturating_sub(self.at);
        let waited = if self.done + 1 == self.steps.len() { since } else { since.min(silent) };
        let is_due = match self.steps[..self.done].last() {
            None => asked > 0,
            Some((_, patience)) => waited >= *patience || (asked > self.done && since >= APART),
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
    fn a_trial_that_does_not_answer_is_killed_nine_seconds_after_the_first_signal() {
        let (mut farewell, interrupted) = (Farewell::new(OF_TRIAL), Interrupt::default());
        let mut due = |at, interrupted: &Interrupt| farewell.due(ms(at), ms(at), interrupted);
        assert_eq!(due(1_000, &interrupted), None);
        interrupted.ask();
        assert_eq!(due(1_010, &interrupted), Some(Signal::INT));
        assert_eq!(due(8_009, &interrupted), None);
        assert_eq!(due(8_010, &interrupted), Some(Signal::INT));
        assert_eq!(due(10_009, &interrupted), None);
        assert_eq!(due(10_010, &interrupted), Some(Signal::KILL));
        assert_eq!(due(99_000, &interrupted), None);
    }

    #[test]
    fn a_trial_that_tells_of_progress_may_take_its_time() {
        let (mut farewell, interrupted) = (Farewell::new(OF_TRIAL), Interrupt::default());
        interrupted.ask();
        let mut due = |at, silent| farewell.due(ms(at), ms(silent), &interrupted);
        assert_eq!(due(0, 0), Some(Signal::INT));
        assert_eq!(due(30_000, 100), None);
        assert_eq!(due(36_900, 7_000), Some(Signal::INT));
        assert_eq!(due(38_899, 100), None);
        assert_eq!(due(38_900, 100), Some(Signal::KILL));
    }

    #[test]
    fn the_second_signal_leaves_a_trial_two_seconds() {
        let (mut farewell, interrupted) = (Farewell::new(OF_TRIAL), Interrupt::default());
        let mut due = |at| farewell.due(ms(at), ms(at), &interrupted);
        interrupted.ask();
        interrupted.ask();
        assert_eq!(due(1_000), Some(Signal::INT));
        assert_eq!(due(1_010), None, "the process might take both for one");
        assert_eq!(due(1_050), Some(Signal::INT));
        interrupted.ask();
        assert_eq!(due(3_049), None);
        assert_eq!(due(3_050), Some(Signal::KILL));
    }

    #[test]
    fn a_tool_is_killed_by_the_second_signal_or_after_three_seconds() {
        let interrupted = Interrupt::default();
        interrupted.ask();
        let [mut asked_once, mut asked_twice] = [OF_TOOL; 2].map(Farewell::new);
        assert_eq!(asked_once.due(ms(0), ms(0), &interrupted), Some(Signal::TERM));
        assert_eq!(asked_once.due(ms(2_999), ms(0), &interrupted), None);
        assert_eq!(asked_once.due(ms(3_000), ms(0), &interrupted), Some(Signal::KILL));
        assert_eq!(asked_twice.due(ms(0), ms(0), &interrupted), Some(Signal::TERM));
        interrupted.ask();
        assert_eq!(asked_twice.due(ms(60), ms(0), &interrupted), Some(Signal::KILL));
    }
}
