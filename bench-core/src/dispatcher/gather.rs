//! The end of a trial in real time: threads and tasks hand their lanes back and drop their ports. Every wait has a
//! limit. A thread or task that does not return in time is left behind; it owns everything that it uses. If it had its time it hangs, and
//! the trial has failed. If the user asked twice to end the trial, it had next to none, and the trial is interrupted.

use super::{POLL, guard};
use crate::{
    clock::{Clock, Now},
    control::Control,
    lane::Lane,
    monitor::{Monitor, Watch},
    outcome::Outcome,
};
use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

/// How long lanes may take to return after the stop, beyond what a transport may take to settle.
pub(super) const GRACE: Duration = Duration::from_secs(3);
/// How long dropping ports may take, and the end of the threads after that.
const LEAVE: Duration = Duration::from_secs(1);
/// Each of these limits when the user asked twice. Lanes that run return within a few milliseconds. It is this short because the guard gives
/// the whole trial 0.7 s then, in which what was measured has to be merged, too.
const HURRY: Duration = Duration::from_millis(50);

/// A report of a thread or task, with its index.
pub(super) enum News {
    /// Its lanes are done.
    Back(usize, Vec<Lane>),
    /// Its ports are dropped, or it died.
    Gone(usize),
}

/// Tells that a thread or a task is gone when it is dropped, whatever ended it.
pub(super) struct Leaving {
    pub at: usize,
    pub news: Sender<News>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let _ = self.news.send(News::Gone(self.at));
    }
}

/// Looks after a trial until its lanes are to stop.
pub(super) fn watch_lanes(monitor: &mut Monitor, clock: &Clock, control: &Control, watch: &mut dyn Watch) {
    while !monitor.is_stopped() {
        let now_ns = clock.now_ns();
        monitor.poll(now_ns, watch);
        monitor.look_for_hanging(now_ns);
        thread::sleep(monitor.nap(clock.now_ns(), POLL));
    }
    control.ring();
}

/// The lanes of each thread or task that has to return, by index.
pub(super) struct Gathering<'a> {
    pub control: &'a Control,
    pub news: Receiver<News>,
    pub members: Vec<Vec<u16>>,
}

/// The lanes that were returned, and those that were left behind.
struct Roll {
    left: Vec<Lane>,
    back: Vec<bool>,
    gone: Vec<bool>,
}

/// The lanes that were returned.
pub(super) struct Gathered {
    lanes: Vec<Lane>,
    /// A sentence on lanes that were not waited for, because the user asked twice.
    hurried: Option<String>,
}

impl Gathered {
    /// Merges what the lanes left behind.
    pub(super) fn finish(self, mut monitor: Monitor) -> Outcome {
        if self.hurried.is_some() {
            monitor.interrupt();
        }
        let mut outcome = monitor.finish(self.lanes);
        outcome.notes.extend(self.hurried);
        outcome
    }
}

impl Gathering<'_> {
    /// Waits for all lanes, `settle` and a grace at most; then calls `release` and waits until all ports are dropped. What
    /// does not come back ends the trial as a failure that says what hangs, unless the user asked twice.
    pub(super) fn gather(self, settle: Duration, watch: &dyn Watch, release: impl FnOnce()) -> Gathered {
        let count = self.members.len();
        let mut roll = Roll { left: Vec::new(), back: vec![false; count], gone: vec![false; count] };
        let limit = settle.saturating_add(GRACE);
        self.listen(&mut roll, limit, watch, |roll| {
            roll.back.iter().zip(&roll.gone).all(|(back, gone)| *back || *gone)
        });
        let late = roll.back.iter().zip(&roll.gone).map(|(back, gone)| !back && !gone).collect();
        let late = self.lanes(late);
        let hurried = (watch.is_urgent() && !late.is_empty()).then(|| {
            let (names, were) =
                (self.control.blame.instances(&late), if late.len() == 1 { "was" } else { "were" });
            format!("told to end at once: {names} {were} not waited for, so these figures are missing")
        });
        if hurried.is_none() {
            self.fail_for(&late, limit);
        }
        release();
        self.listen(&mut roll, LEAVE, watch, |roll| roll.gone.iter().all(|gone| *gone));
        // Ports that are still being dropped have no figures, so nothing is to be said of them when there was no time for it.
        if !watch.is_urgent() {
            let stays = roll.back.iter().zip(&roll.gone).map(|(back, gone)| *back && !gone).collect();
            self.fail_for(&self.lanes(stays), LEAVE);
        }
        Gathered { lanes: roll.left, hurried }
    }

    fn listen(&self, roll: &mut Roll, limit: Duration, watch: &dyn Watch, done: impl Fn(&Roll) -> bool) {
        let mut left = limit;
        while !done(roll) && !left.is_zero() {
            // Also says that the trial is looked after.
            let _ = watch.is_interrupted();
            left = hurried(left, watch);
            match self.news.recv_timeout(POLL * 5) {
                Ok(News::Back(at, lanes)) => {
                    roll.back[at] = true;
                    roll.left.extend(lanes);
                }
                Ok(News::Gone(at)) => roll.gone[at] = true,
                Err(RecvTimeoutError::Timeout) => left = left.saturating_sub(POLL * 5),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// The lanes of the chosen threads or tasks.
    fn lanes(&self, chosen: Vec<bool>) -> Vec<u16> {
        let chosen = self.members.iter().zip(chosen).filter(|(_, is_chosen)| *is_chosen);
        chosen.flat_map(|(lanes, _)| lanes.iter().copied()).collect()
    }

    /// A task may be late because another holds its thread, so the blame is sought among all that are late.
    fn fail_for(&self, late: &[u16], limit: Duration) {
        if !late.is_empty() {
            self.control.fail(self.control.blame.hangs(late, &format!("{limit:?}")));
        }
    }
}

/// The time that lanes or ports still have to come back, of `left`. It is short when the user asked twice to end the trial.
fn hurried(left: Duration, watch: &dyn Watch) -> Duration {
    if watch.is_urgent() { left.min(HURRY) } else { left }
}

/// Joins threads that are about to end; the others are left behind. Says whether all ended.
pub(super) fn join(threads: Vec<JoinHandle<()>>, watch: &dyn Watch) -> bool {
    let mut left = LEAVE;
    while threads.iter().any(|thread| !thread.is_finished()) && !left.is_zero() {
        thread::sleep(POLL);
        left = hurried(left.saturating_sub(POLL), watch);
    }
    let mut all = true;
    for thread in threads {
        if thread.is_finished() {
            // Its panic was told already.
            let _ = thread.join();
        } else {
            all = false;
            guard::leave_behind(thread);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::watch::Hurry;
    use std::sync::mpsc::channel;

    /// Of two threads one returns its lanes.
    #[test]
    fn what_the_user_does_not_wait_for_does_not_hang() {
        let (control, (tell, news)) = (Control::default(), channel());
        tell.send(News::Back(0, Vec::new())).unwrap();
        tell.send(News::Gone(0)).unwrap();
        let gathering = Gathering { control: &control, news, members: vec![vec![0], vec![1]] };
        let hurried = gathering.gather(Duration::from_mins(5), &Hurry, || {}).hurried;
        drop(tell);
        assert_eq!(
            hurried.as_deref(),
            Some("told to end at once: a lane was not waited for, so these figures are missing")
        );
        assert_eq!(control.failure(), None);
    }
}
