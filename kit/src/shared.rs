//! Connections that several instances share, as `--connections N` asks for: instance i has connection i modulo N. Each instance
//! has a line of its own, so the loss of a connection is told to every lane that uses it.

use crate::{link::Line, server::At};
use drumpost_core::{port::PortError, transport::OpenError, wiring::Wiring};
use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::OnceCell;

/// The lines of the instances that use one connection.
#[derive(Debug)]
pub struct Lines {
    at: Arc<At>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    lines: Vec<Line>,
    /// Why the connection is of no more use.
    end: Option<PortError>,
}

impl Lines {
    /// A new connection to `at`, which no instance uses yet.
    #[must_use]
    pub fn to(at: &Arc<At>) -> Arc<Self> {
        Arc::new(Self { at: Arc::clone(at), told: Mutex::default() })
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The line of one more instance. It hears of what happened before.
    #[must_use]
    pub fn join(&self) -> Line {
        let (line, mut told) = (Line::to(&self.at), self.told());
        if let Some(end) = &told.end {
            line.link.end(end.clone());
        }
        told.lines.push(line.clone());
        line
    }

    /// As [`Line::lose`].
    pub fn lose(&self, why: &str) {
        self.end(PortError::Lost(format!("the connection to {} was lost: {why}", self.at)));
    }

    /// As [`crate::link::Link::fail`].
    pub fn fail(&self, why: String) {
        self.end(PortError::Failed(why));
    }

    fn end(&self, error: PortError) {
        let mut told = self.told();
        told.lines.iter().for_each(|line| line.link.end(error.clone()));
        told.end.get_or_insert(error);
    }

    /// As [`crate::link::Link::drop_some`]. A client counts what arrives over a connection and not for whom. So where
    /// several instances share one, what it dropped is found missing at the end, and is not reported before.
    pub fn drop_some(&self) {
        if let [only] = &self.told().lines[..] {
            only.link.drop_some();
        }
    }
}

/// The connections of a trial that are shared, by number.
#[derive(Debug)]
pub struct SharedConnections<C>(Mutex<HashMap<u16, Arc<OnceCell<C>>>>);

impl<C> Default for SharedConnections<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C: Clone> SharedConnections<C> {
    /// Which connection an instance shares with others; `None` if it has its own.
    #[must_use]
    pub fn number(wiring: &Wiring, instance: u16) -> Option<u16> {
        wiring.connections.map(|count| instance % count.max(1))
    }

    /// The connection of an instance: its own, or the one that it shares. `open` opens it by its name.
    ///
    /// # Errors
    /// That of `open`.
    pub async fn of<F: Future<Output = Result<C, OpenError>>>(
        &self,
        wiring: &Wiring,
        instance: u16,
        open: impl FnOnce(String) -> F,
    ) -> Result<C, OpenError> {
        let name = |name: String| format!("drumpost {} {name}", wiring.run_name);
        match Self::number(wiring, instance) {
            Some(number) => self.get(number, open(name(format!("connection {number}")))).await,
            None => open(name(wiring.instance_name(instance))).await,
        }
    }

    /// The connection of that number. The first instance that asks for it opens it, and the others wait.
    ///
    /// # Errors
    /// That of `open`. The next instance that asks tries again.
    pub async fn get(
        &self,
        number: u16,
        open: impl Future<Output = Result<C, OpenError>>,
    ) -> Result<C, OpenError> {
        let cell = Arc::clone(self.all().entry(number).or_default());
        cell.get_or_try_init(|| open).await.cloned()
    }

    /// Forgets all of them, at the end of a trial. Each closes when the last instance that uses it has dropped its ports.
    pub fn forget(&self) {
        self.all().clear();
    }

    fn all(&self) -> MutexGuard<'_, HashMap<u16, Arc<OnceCell<C>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn all_who_share_a_connection_hear_of_its_loss() {
        let lines = Lines::to(&Arc::new(At::new("broker", "tcp://127.0.0.1:9")));
        let (first, second) = (lines.join(), lines.join());
        assert_eq!(first.link.check(), Ok(()));
        lines.lose("it was pulled out");
        lines.fail("and more".into());
        let lost = "the connection to broker at tcp://127.0.0.1:9 was lost: it was pulled out";
        for line in [first, second, lines.join()] {
            assert_eq!(line.link.check(), Err(PortError::Lost(lost.into())));
        }
    }

    #[test]
    fn a_connection_is_opened_once_and_again_for_the_next_trial() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (shared, opened) = (SharedConnections::default(), Cell::new(0));
        let get = |number| {
            let open = async {
                opened.set(opened.get() + 1);
                Ok(opened.get())
            };
            runtime.block_on(shared.get(number, open))
        };
        assert_eq!([0, 1, 0, 1].map(get), [Ok(1), Ok(2), Ok(1), Ok(2)]);
        shared.forget();
        assert_eq!(get(1), Ok(3));
        let refused = async { Err(OpenError::Failed("no".into())) };
        assert!(runtime.block_on(shared.get(2, refused)).is_err());
        assert_eq!(get(2), Ok(4), "a connection that could not be opened is none");
    }
}
