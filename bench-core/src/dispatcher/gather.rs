//! The end of a trial in real time: threads and tasks hand their lanes back and drop their ports. Every wait has a
//! limit. A thread or task that does not return in time is left behind; it owns everything that it uses.

use super::{POLL, guard};
use crate::{
    clock::{Clock, Now},
    control::Control,
    lane::Lane,
    monitor::{Monitor, Watch},
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

impl Gathering<'_> {
    /// Waits for all lanes, `settle` and a grace at most; then calls `release` and waits until all ports are dropped. What
    /// does not come back ends the trial as a failure that says what hangs.
    pub(super) fn gather(self, settle: Duration, watch: &dyn Watch, release: impl FnOnce()) -> Vec<Lane> {
        let count = self.members.len();
        let mut roll = Roll { left: Vec::new(), back: vec![false; count], gone: vec![false; count] };
        let limit = settle.saturating_add(GRACE);
        self.listen(&mut roll, limit, watch, |roll| {
            roll.back.iter().zip(&roll.gone).all(|(back, gone)| *back || *gone)
        });
        let late = roll.back.iter().zip(&roll.gone).map(|(back, gone)| !back && !gone).collect();
        self.fail_for(late, limit);
        release();
        self.listen(&mut roll, LEAVE, watch, |roll| roll.gone.iter().all(|gone| *gone));
        let stays = roll.back.iter().zip(&roll.gone).map(|(back, gone)| *back && !gone).collect();
        self.fail_for(stays, LEAVE);
        roll.left
    }

    fn listen(&self, roll: &mut Roll, limit: Duration, watch: &dyn Watch, done: impl Fn(&Roll) -> bool) {
        let mut left = limit;
        while !done(roll) && !left.is_zero() && !watch.is_urgent() {
            // Also says that the trial is looked after.
            let _ = watch.is_interrupted();
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

    fn fail_for(&self, late: Vec<bool>, limit: Duration) {
        // A task may be late because another holds its thread, so the blame is sought among all that are late.
        let late = self.members.iter().zip(late).filter(|(_, is_late)| *is_late);
        let lanes: Vec<u16> = late.flat_map(|(lanes, _)| lanes.iter().copied()).collect();
        if !lanes.is_empty() {
            self.control.fail(self.control.blame.hangs(&lanes, &format!("{limit:?}")));
        }
    }
}

/// Joins threads that are about to end; the others are left behind. Says whether all ended.
pub(super) fn join(threads: Vec<JoinHandle<()>>) -> bool {
    let mut left = LEAVE;
    while threads.iter().any(|thread| !thread.is_finished()) && !left.is_zero() {
        thread::sleep(POLL);
        left = left.saturating_sub(POLL);
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
