//! Removal of what a run made at a server. What cannot be removed, as the server is gone, is noted for the next trial of this
//! process.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// How often a server that cannot be reached is tried again before its objects are left to it. One that was killed and is
/// started again by its supervisor is there by then; a trial does not wait longer for it.
const ATTEMPTS: u32 = 4;
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(500);
/// All attempts together take no longer.
const LIMIT: Duration = Duration::from_secs(10);

/// The names of objects that could not be removed, with the address of the server. Meant for a static of a transport.
#[derive(Debug, Default)]
pub struct Left(Mutex<Vec<(String, String)>>);

impl Left {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn note(&self, at: &str, names: &[String]) {
        let noted = names.iter().map(|name| (at.to_owned(), name.clone()));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(noted);
    }

    /// Removes what earlier trials had to leave at this server, by `remove`, which gives back what may still be there.
    pub async fn remove_left<F: Future<Output = Vec<String>>>(
        &self,
        at: &str,
        remove: impl FnOnce(Vec<String>) -> F,
    ) {
        let mut here = Vec::new();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(other, name)| {
            let is_here = other == at;
            here.extend(is_here.then(|| name.clone()));
            !is_here
        });
        if !here.is_empty() {
            self.note(at, &remove(here).await);
        }
    }

    /// Removes `names` by `remove`, which is called several times with what is left, and gives back what may still be there. Notes
    /// and gives back what remains.
    pub async fn remove<F: Future<Output = Vec<String>>>(
        &self,
        at: &str,
        names: Vec<String>,
        remove: impl Fn(Vec<String>, u32) -> F,
    ) -> Vec<String> {
        let mut left = names;
        let removing = async {
            for attempt in 0..=ATTEMPTS {
                if left.is_empty() {
                    break;
                }
                if attempt > 1 {
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "a pause after the measurement, which paces nothing"
                    )]
                    sleep(PAUSE).await;
                }
                left = remove(left.clone(), attempt).await;
            }
        };
        // A server that takes connections and says nothing would hold each attempt up.
        let _ = timeout(LIMIT, removing).await;
        self.note(at, &left);
        left
    }
}
