//! What a test sees of a trial beside its outcome: the server as the transport told it, what waited there, and what another client finds.

use drumpost_core::{
    monitor::Watch,
    outcome::{Outcome, Snapshot},
    server::{Depth, ServerFacts},
};
use std::sync::{Arc, Mutex};

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sight<T> {
    pub(crate) server: Option<ServerFacts>,
    pub(crate) depths: Vec<Depth>,
    /// What another client found when everything was measured and nothing was removed yet.
    pub(crate) found: T,
}

impl<T> Sight<T> {
    /// The most messages that waited.
    pub(crate) fn waited(&self) -> u64 {
        self.depths.iter().map(|depth| depth.ready).max().unwrap_or(0)
    }
}

type Looks<T> = dyn Fn(&Outcome) -> T + Send + Sync;

/// Watches a trial. A clone sees the same.
#[derive(Clone)]
pub(crate) struct Seen<T> {
    looks: Arc<Looks<T>>,
    sight: Arc<Mutex<Sight<T>>>,
}

impl<T: Clone + Default> Seen<T> {
    /// `looks` is called when everything is measured, and finds something.
    pub(crate) fn by(looks: impl Fn(&Outcome) -> T + Send + Sync + 'static) -> Self {
        Self { looks: Arc::new(looks), sight: Arc::default() }
    }

    pub(crate) fn sight(&self) -> Sight<T> {
        self.sight.lock().expect("not poisoned").clone()
    }
}

impl<T: Send> Watch for Seen<T> {
    fn sample(&mut self, snapshot: &Snapshot) {
        self.sight.lock().expect("not poisoned").depths.extend(snapshot.depth);
    }

    fn opened(&mut self, server: Option<&ServerFacts>) {
        self.sight.lock().expect("not poisoned").server = server.cloned();
    }

    fn measured(&mut self, outcome: &Outcome) {
        let found = (self.looks)(outcome);
        self.sight.lock().expect("not poisoned").found = found;
    }

    fn is_interrupted(&self) -> bool {
        false
    }
}
