//! Processor time of the harness's own threads: the monitor, the dashboard, the thread that waits for signals. They work at
//! the same pace however many messages are sent, so their time would make a message at a low rate look dear. A trial's
//! cost leaves it out.
//!
//! Such a thread says so once. How much time it has used is read from the system whenever the monitor takes a reading.

use crate::clock::thread_cpu_ns;
use rustix::thread::{Pid, gettid};
use std::{
    fs,
    marker::PhantomData,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The harness's threads.
#[derive(Debug)]
struct Threads {
    /// Those that live, each with the time that it had used before it was counted.
    living: Vec<(Pid, u64)>,
    /// What the others used while they were counted.
    ended_ns: u64,
}

static THREADS: Mutex<Threads> = Mutex::new(Threads { living: Vec::new(), ended_ns: 0 });

/// As long as this value lives, the thread that made it counts as one of the harness's.
#[derive(Debug)]
#[must_use = "the thread counts as one of the harness's until this is dropped"]
pub struct HarnessThread {
    id: Pid,
    /// The thread that made it has to drop it: the value is not `Send`.
    of_this_thread: PhantomData<*const ()>,
}

impl HarnessThread {
    /// Counts the calling thread as one of the harness's. `None` if it is counted already.
    pub fn current() -> Option<Self> {
        let id = gettid();
        let mut threads = threads();
        if threads.living.iter().any(|(living, _)| *living == id) {
            return None;
        }
        threads.living.push((id, thread_cpu_ns()));
        Some(Self { id, of_this_thread: PhantomData })
    }
}

impl Drop for HarnessThread {
    fn drop(&mut self) {
        let mut threads = threads();
        if let Some(at) = threads.living.iter().position(|(living, _)| *living == self.id) {
            let (_, before_ns) = threads.living.swap_remove(at);
            threads.ended_ns += thread_cpu_ns().saturating_sub(before_ns);
        }
    }
}

/// Processor time that the harness's threads have used since they were counted, user and system. Reads a file for each
/// of them but the calling one, some 10 µs.
pub(crate) fn harness_cpu_ns() -> u64 {
    let own = gettid();
    let threads = threads();
    let used = |(id, before_ns): &(Pid, u64)| {
        let total_ns = if *id == own { thread_cpu_ns() } else { cpu_ns_of(*id).unwrap_or(0) };
        total_ns.saturating_sub(*before_ns)
    };
    threads.ended_ns + threads.living.iter().map(used).sum::<u64>()
}

/// The first number of a thread's `schedstat` is its time on a processor, in ns, as of when it last stopped running or of
/// the last tick (Linux, Documentation/scheduler/sched-stats.rst). `None` on other systems.
fn cpu_ns_of(thread: Pid) -> Option<u64> {
    let path = format!("/proc/self/task/{}/schedstat", thread.as_raw_nonzero());
    fs::read_to_string(path).ok()?.split_whitespace().next()?.parse().ok()
}

fn threads() -> MutexGuard<'static, Threads> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc::channel, thread};

    fn burn(ns: u64) {
        let from_ns = thread_cpu_ns();
        while thread_cpu_ns() - from_ns < ns {}
    }

    /// Other tests' threads may be counted at the same time, so only lower bounds are sure.
    #[test]
    fn a_thread_is_counted_from_when_it_says_so_and_stays_counted_when_it_has_ended() {
        const MS: u64 = 1_000_000;
        let before_ns = harness_cpu_ns();
        let (burnt, is_burnt) = channel();
        let (end, ends) = channel::<()>();
        let other = thread::spawn(move || {
            burn(20 * MS);
            let counted = HarnessThread::current().unwrap();
            assert!(HarnessThread::current().is_none(), "a thread is counted once");
            burn(40 * MS);
            burnt.send(()).unwrap();
            let _ = ends.recv();
            drop(counted);
        });
        is_burnt.recv().unwrap();
        // What it used shows when it sleeps.
        thread::sleep(std::time::Duration::from_millis(20));
        let living_ns = harness_cpu_ns() - before_ns;
        assert!(living_ns >= 39 * MS, "{living_ns}");
        drop(end);
        other.join().unwrap();
        let ended_ns = harness_cpu_ns() - before_ns;
        assert!(ended_ns >= living_ns, "{living_ns} {ended_ns}");
    }
}
