//! Removal of what a run made at a server. What cannot be removed, as the server is gone, is noted for the next trial of this
//! process.

use crate::keeper::lock;
use std::{
    future::Future,
    sync::{Arc, Mutex},
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

/// The names of objects that may still be there. One is taken out as soon as it is gone, so that the others are known when an attempt to
/// remove them is given up.
#[derive(Debug)]
pub struct Names(Mutex<Vec<Option<String>>>);

impl Names {
    /// Objects that may be there.
    #[must_use]
    pub fn of(names: Vec<String>) -> Self {
        Self(Mutex::new(names.into_iter().map(Some).collect()))
    }

    /// Those that may still be there, each with its number.
    #[must_use]
    pub fn numbered(&self) -> Vec<(usize, String)> {
        lock(&self.0).iter().enumerate().filter_map(|(number, name)| Some((number, name.clone()?))).collect()
    }

    /// Those that may still be there.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        lock(&self.0).iter().flatten().cloned().collect()
    }

    /// The object with this number is gone.
    pub fn gone(&self, number: usize) {
        if let Some(name) = lock(&self.0).get_mut(number) {
            *name = None;
        }
    }
}

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
        lock(&self.0).extend(noted);
    }

    /// Removes what earlier trials had to leave at this server, by `remove`, which gives back what may still be there.
    pub async fn remove_left<F: Future<Output = Vec<String>>>(
        &self,
        at: &str,
        remove: impl FnOnce(Vec<String>) -> F,
    ) {
        let mut here = Vec::new();
        lock(&self.0).retain(|(other, name)| {
            let is_here = other == at;
            here.extend(is_here.then(|| name.clone()));
            !is_here
        });
        if !here.is_empty() {
            self.note(at, &remove(here).await);
        }
    }

    /// Removes `names` by `remove`, which is called several times with what is left and takes out what is gone. Notes and gives back what
    /// remains.
    pub async fn remove<F: Future<Output = ()>>(
        &self,
        at: &str,
        names: Vec<String>,
        remove: impl Fn(Arc<Names>, u32) -> F,
    ) -> Vec<String> {
        let left = Arc::new(Names::of(names));
        let removing = async {
            for attempt in 0..=ATTEMPTS {
                if left.all().is_empty() {
                    break;
                }
                if attempt > 1 {
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "a pause after the measurement, which paces nothing"
                    )]
                    sleep(PAUSE).await;
                }
                remove(Arc::clone(&left), attempt).await;
            }
        };
        // A server that takes connections and says nothing would hold each attempt up.
        let _ = timeout(LIMIT, removing).await;
        let left = left.all();
        self.note(at, &left);
        left
    }
}
