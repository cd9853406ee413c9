//! Servers that take seconds to start, for the tests of a binary: one test after the other has the same server. What a server is, and how
//! it is emptied for the next test, whoever takes one says.

use super::{Permit, Permits};
use std::{
    ops::{Deref, DerefMut},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

/// So many servers at most run at the same time, with those that no test has. A test that wants one more waits.
#[derive(Debug)]
pub struct ServerPool<S: 'static> {
    permits: Permits,
    most: usize,
    servers: Mutex<Servers<S>>,
}

#[derive(Debug)]
struct Servers<S> {
    /// No test has them.
    idle: Vec<S>,
    /// How many others there are: a test has them, or starts them.
    taken: usize,
}

impl<S: 'static> ServerPool<S> {
    /// Of at most so many servers.
    pub const fn new(most: usize) -> Self {
        Self {
            permits: Permits::new(most),
            most,
            servers: Mutex::new(Servers { idle: Vec::new(), taken: 0 }),
        }
    }

    /// Takes a server of the wanted kind that no test has, if it `is_fit` for another test, and otherwise ends it and starts one.
    pub fn take(
        &'static self,
        is_wanted: impl Fn(&S) -> bool,
        is_fit: impl FnOnce(&S) -> bool,
        start: impl FnOnce() -> S,
    ) -> Taken<S> {
        // The place is given back, too, if the server cannot be started.
        let (mut taken, running) = self.place(is_wanted);
        taken.server = Some(running.filter(is_fit).unwrap_or_else(start));
        taken
    }

    /// Starts a server that no other test has before or afterwards.
    pub fn fresh(&'static self, start: impl FnOnce() -> S) -> Taken<S> {
        let (mut taken, _) = self.place(|_| false);
        taken.is_kept = false;
        taken.server = Some(start());
        taken
    }

    /// Waits for a place, and takes a wanted server that no test has. If there is none, one is to be started: so idle servers end until
    /// there is room for it.
    fn place(&'static self, is_wanted: impl Fn(&S) -> bool) -> (Taken<S>, Option<S>) {
        let permit = self.permits.take();
        let mut servers = self.servers();
        servers.taken += 1;
        let wanted = servers.idle.iter().position(is_wanted);
        let wanted = wanted.map(|at| servers.idle.swap_remove(at));
        // No more are taken than there are permits, so those above the limit are idle.
        let room = self.most - servers.taken;
        let kept = servers.idle.len().min(room);
        let surplus = servers.idle.split_off(kept);
        // The lock is not held while servers end, are asked or start.
        drop(servers);
        drop(surplus);
        (Taken { server: None, is_kept: true, pool: self, _permit: permit }, wanted)
    }

    fn servers(&self) -> MutexGuard<'_, Servers<S>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server that one test has.
#[derive(Debug)]
pub struct Taken<S: 'static> {
    server: Option<S>,
    /// Other tests may have it afterwards.
    pub is_kept: bool,
    pool: &'static ServerPool<S>,
    _permit: Permit,
}

impl<S: 'static> Deref for Taken<S> {
    type Target = S;

    fn deref(&self) -> &S {
        self.server.as_ref().expect("it is there until the test ends")
    }
}

impl<S: 'static> DerefMut for Taken<S> {
    fn deref_mut(&mut self) -> &mut S {
        self.server.as_mut().expect("it is there until the test ends")
    }
}

impl<S: 'static> Drop for Taken<S> {
    fn drop(&mut self) {
        // A run of a test that failed may go on, and make queues or topics. So the server ends with the test.
        let is_kept = self.is_kept && !thread::panicking();
        let kept = self.server.take().filter(|_| is_kept);
        let mut servers = self.pool.servers();
        servers.taken -= 1;
        servers.idle.extend(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
        sync::atomic::{AtomicU32, Ordering},
    };

    /// How many servers run, and how many have been started.
    struct Counts {
        alive: AtomicU32,
        started: AtomicU32,
    }

    impl Counts {
        const fn new() -> Self {
            Self { alive: AtomicU32::new(0), started: AtomicU32::new(0) }
        }

        /// A server of this kind.
        fn start(&'static self, kind: char) -> Server {
            self.alive.fetch_add(1, Ordering::Relaxed);
            self.started.fetch_add(1, Ordering::Relaxed);
            Server { kind, counts: self }
        }

        fn get(&self) -> [u32; 2] {
            [&self.alive, &self.started].map(|count| count.load(Ordering::Relaxed))
        }
    }

    struct Server {
        kind: char,
        counts: &'static Counts,
    }

    impl Drop for Server {
        fn drop(&mut self) {
            self.counts.alive.fetch_sub(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn no_more_servers_run_than_there_are_permits_whatever_their_kind() {
        static POOL: ServerPool<Server> = ServerPool::new(2);
        static COUNTS: Counts = Counts::new();
        let take =
            |kind: char| POOL.take(move |server| server.kind == kind, |_| true, move || COUNTS.start(kind));
        drop([take('a'), take('a')]);
        assert_eq!(COUNTS.get(), [2, 2], "both are kept");
        let (first, second) = (take('b'), take('a'));
        assert_eq!((first.kind, second.kind, COUNTS.get()), ('b', 'a', [2, 3]));
        drop((first, second));
        drop(take('b'));
        assert_eq!(COUNTS.get(), [2, 3], "they are kept and taken again");
        // One that no test had before or has afterwards takes the place of another, too.
        let fresh = POOL.fresh(|| COUNTS.start('c'));
        assert_eq!(COUNTS.get(), [2, 4]);
        drop(fresh);
        assert_eq!(COUNTS.get(), [1, 4]);
    }

    #[test]
    fn a_server_is_not_kept_that_is_not_fit_or_whose_test_panics() {
        static POOL: ServerPool<Server> = ServerPool::new(1);
        static COUNTS: Counts = Counts::new();
        let take = |is_fit: bool| POOL.take(|_| true, move |_| is_fit, || COUNTS.start('a'));
        drop(take(true));
        drop(take(false));
        assert_eq!(COUNTS.get(), [1, 2]);
        let fails = || {
            let _taken = take(true);
            fail();
        };
        assert!(catch_unwind(AssertUnwindSafe(fails)).is_err());
        assert_eq!(COUNTS.get(), [0, 2]);
        // A place is free again if its server could not be started.
        let never = || POOL.take(|_| true, |_| true, || resume_unwind(Box::new(())));
        assert!(catch_unwind(AssertUnwindSafe(never)).is_err());
        drop(take(true));
        assert_eq!(COUNTS.get(), [1, 3]);
    }

    /// Panics without a message.
    fn fail() {
        resume_unwind(Box::new(()))
    }
}
