//! Limits how many tests of a process have a server at the same time.

use std::sync::{Condvar, Mutex, PoisonError};

/// So many tests may have a permit. Tests that load a machine with a server each would otherwise starve each other into timeouts that say
/// nothing about what is tested.
#[derive(Debug)]
pub struct Permits {
    free: Mutex<usize>,
    given_back: Condvar,
}

impl Permits {
    /// So many at the same time.
    #[must_use]
    pub const fn new(count: usize) -> Self {
        Self { free: Mutex::new(count), given_back: Condvar::new() }
    }

    /// Waits for a permit. It is given back when the value is dropped.
    pub fn take(&'static self) -> Permit {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free =
            self.given_back.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Permit(self)
    }
}

/// A permit that was taken.
#[derive(Debug)]
pub struct Permit(&'static Permits);

impl Drop for Permit {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc, thread, time::Duration};

    #[test]
    fn whoever_finds_no_permit_waits_until_one_is_given_back() {
        static PERMITS: Permits = Permits::new(2);
        let (first, _second) = (PERMITS.take(), PERMITS.take());
        let (taken, third) = mpsc::channel();
        let waiting = thread::spawn(move || taken.send(PERMITS.take()));
        assert!(third.recv_timeout(Duration::from_millis(50)).is_err());
        drop(first);
        assert!(third.recv_timeout(Duration::from_secs(10)).is_ok());
        waiting.join().unwrap().unwrap();
    }
}
