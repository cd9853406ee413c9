//! A thread that looks after connections beside the lanes of a trial, for transports on threads: it hears what a server says to
//! instances that only send, writes what was left, and notices that a server is silent.

use drumpost_core::overhead::HarnessThread;
use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

/// How often it looks.
pub const LOOKS_EVERY: Duration = Duration::from_millis(250);

/// A connection that is looked after.
pub trait Tended: Send + 'static {
    /// Called every [`LOOKS_EVERY`]; `look` is how often it was before. Never waits.
    fn tend(&mut self, look: u32);
}

/// A lock whose holder may have panicked.
pub fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The connections that are looked after. Each ends with its ports.
#[derive(Debug)]
pub struct Keeper<T>(Arc<Mutex<Kept<T>>>);

#[derive(Debug)]
struct Kept<T> {
    all: Vec<Weak<Mutex<T>>>,
    /// The thread ends when this is dropped.
    thread: Option<Sender<()>>,
}

impl<T> Default for Keeper<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Kept { all: Vec::new(), thread: None })))
    }
}

impl<T: Tended> Keeper<T> {
    /// Looks after one more. The first begins the thread.
    ///
    /// # Errors
    /// The system has no thread.
    pub fn add(&self, one: &Arc<Mutex<T>>) -> io::Result<()> {
        let mut kept = lock(&self.0);
        kept.all.retain(|one| one.strong_count() > 0);
        kept.all.push(Arc::downgrade(one));
        if kept.thread.is_some() {
            return Ok(());
        }
        let ((tell, told), shared) = (channel(), Arc::clone(&self.0));
        let looks = move || {
            let _counted = HarnessThread::current();
            for look in 0.. {
                if told.recv_timeout(LOOKS_EVERY) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                let all: Vec<_> = lock(&shared).all.iter().filter_map(Weak::upgrade).collect();
                all.iter().for_each(|one| lock(one).tend(look));
            }
        };
        thread::Builder::new().name("keeper".into()).spawn(looks)?;
        kept.thread = Some(tell);
        Ok(())
    }
}

impl<T> Keeper<T> {
    /// Ends the thread, at the end of a trial.
    pub fn end(&self) {
        let mut kept = lock(&self.0);
        kept.all.clear();
        kept.thread = None;
    }
}

impl<T> Drop for Keeper<T> {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counts(Sender<u32>);

    impl Tended for Counts {
        fn tend(&mut self, look: u32) {
            let _ = self.0.send(look);
        }
    }

    #[test]
    fn connections_are_looked_after_until_the_end_and_again_in_the_next_trial() {
        let (keeper, (tell, told)) = (Keeper::default(), channel());
        let one = Arc::new(Mutex::new(Counts(tell)));
        for _ in 0..2 {
            keeper.add(&one).unwrap();
            let next = || told.recv_timeout(Duration::from_secs(20)).unwrap();
            assert_eq!([next(), next()], [0, 1]);
            keeper.end();
            // The thread may be looking just now.
            while told.recv_timeout(LOOKS_EVERY * 3).is_ok() {}
        }
        drop(one);
        assert!(told.recv().is_err(), "nothing keeps a connection whose ports are gone");
    }
}
