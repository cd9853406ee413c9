//! A queue of events for a viewer with a thread of its own. It is bounded: where it is full, samples are left out.

use super::Viewer;
use drumpost_tui::Event;
use std::{
    collections::VecDeque,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
};

/// Events that wait at most: some minutes of samples, and 2 MiB, which a bounded channel takes at once.
const WAITING: usize = 4_096;
/// Events that are no samples and wait for room besides. There are a few of them for each trial.
const PENDING: usize = 4_096;

/// The end of a queue where events go in.
#[derive(Debug)]
pub(super) struct Queue {
    to: SyncSender<Event>,
    /// They come before all later events. Without them a viewer would not know which trial it sees.
    pending: VecDeque<Event>,
}

impl Queue {
    /// Both ends of a queue.
    pub(super) fn new() -> (Self, Receiver<Event>) {
        Self::of(WAITING)
    }

    fn of(waiting: usize) -> (Self, Receiver<Event>) {
        let (to, seen) = sync_channel(waiting);
        (Self { to, pending: VecDeque::new() }, seen)
    }

    /// Puts in what there is room for. `false`: nobody takes anything out any more.
    fn hand_on(&mut self) -> bool {
        while let Some(next) = self.pending.pop_front() {
            match self.to.try_send(next) {
                Ok(()) => {}
                Err(TrySendError::Full(Event::Sample(_))) => return true,
                Err(TrySendError::Full(next)) => {
                    self.pending.push_front(next);
                    return true;
                }
                Err(TrySendError::Disconnected(_)) => return false,
            }
        }
        true
    }
}

impl Viewer for Queue {
    fn tell(&mut self, event: &Event) -> bool {
        match event {
            // They are for those who add up.
            Event::Totals { .. } => {}
            Event::Sample(_) if !self.pending.is_empty() => {}
            _ => {
                if self.pending.len() == PENDING {
                    self.pending.pop_front();
                }
                self.pending.push_back(event.clone());
            }
        }
        self.hand_on()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.hand_on();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_tui::Sample;

    #[test]
    fn a_full_queue_loses_samples_and_nothing_else() {
        let (mut queue, seen) = Queue::of(3);
        for trial in 0..10 {
            assert!(queue.tell(&Event::TrialStarted { dispatch: 0, trial }));
            assert!(queue.tell(&Event::Sample(Sample { trial, ..Sample::default() })));
        }
        let mut trials = Vec::new();
        let mut samples = 0;
        let mut take = |event| match event {
            Event::TrialStarted { trial, .. } => trials.push(trial),
            _ => samples += 1,
        };
        (0..3).for_each(|_| take(seen.recv().unwrap()));
        // There is room again, first for what was kept.
        while !queue.pending.is_empty() {
            assert!(queue.hand_on());
            seen.try_iter().for_each(&mut take);
        }
        drop(queue);
        seen.iter().for_each(&mut take);
        assert_eq!(trials, (0..10).collect::<Vec<_>>());
        assert!((1..5).contains(&samples), "{samples}");
    }

    #[test]
    fn a_viewer_that_is_gone_is_told_nothing_more() {
        let (mut queue, seen) = Queue::of(3);
        drop(seen);
        assert!(!queue.tell(&Event::Warning("slow".into())));
    }
}
