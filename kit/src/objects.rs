//! What a run makes at a server, such as streams, queues and topics, and its removal. A broker says how to connect, list and
//! remove ([`Keeper`]); [`Objects`] notes what is made and removes it when the run is over, also after Ctrl-C and over a fresh
//! connection, tells what may remain, removes that before the next trial of the process, and finds what dead processes left.

use crate::{
    keeper::lock,
    left::{Left, Names},
    notes::Notes,
    owner::{Found, Owner},
    refusals::Refusals,
    server::{At, PATIENCE},
};
use drumpost_core::transport::{Cleaned, OpenError};
use futures_util::{StreamExt, stream};
use std::{
    any::Any,
    collections::BTreeSet,
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{task::AbortHandle, time::timeout};

/// What a broker has to do to have its objects removed.
pub trait Keeper: Sync {
    /// A connection to the server.
    type Session: Send + Sync;
    /// The objects, in plural: `streams`.
    const OBJECTS: &'static str;
    /// How long the server keeps objects that nobody uses, for a server that removes them by itself. It may keep those of a trial for longer whose
    /// instances may be away for long.
    const FORGETS_AFTER: Option<Duration> = None;

    /// Connects, apart from any load.
    ///
    /// # Errors
    /// `Failed` if the server cannot be reached.
    fn connect(&self) -> impl Future<Output = Result<Self::Session, OpenError>> + Send;

    /// All objects there are, those of others included, sorted by their descriptions ([`crate::owner::Owner::description`]). What the
    /// server does not tell is among those that are kept, with the reason.
    ///
    /// Not asked for [`Objects::written_down`].
    ///
    /// # Errors
    /// `Failed` if the server does not tell.
    fn list(&self, _session: &Self::Session) -> impl Future<Output = Result<Found, OpenError>> + Send {
        std::future::ready(Ok(Found::default()))
    }

    /// Removes an object and says whether it is gone. One that was not there is gone. One whose removal takes longer than
    /// [`PATIENCE`] is not. Called for several objects at a time.
    fn remove(&self, session: &Self::Session, name: &str) -> impl Future<Output = bool> + Send;
}

/// How many objects are removed at a time. A run with hundreds of requesters has as many places for replies, and a server needs some
/// milliseconds for each.
const AT_ONCE: usize = 16;

/// What could not be removed, by server and kind of object, of all trials of this process.
static LEFT: Left = Left::new();

/// Where the names of objects are written down, and for which server.
#[derive(Debug)]
struct Written {
    /// `None`: there is no folder for them.
    notes: Option<Notes>,
    /// Begins the places at all servers of this kind: `queues at broker at `.
    kind: String,
    /// The address of the server and the part of it. Not that of a relay, which is another one in each run.
    address: String,
}

impl Written {
    fn place(&self) -> String {
        format!("{}{}", self.kind, self.address)
    }

    /// What ended processes wrote down for other addresses, in sentences.
    fn elsewhere<K: Keeper>(&self) -> Vec<String> {
        /// More are told by their number only.
        const MOST: usize = 10;
        let Some(notes) = &self.notes else { return Vec::new() };
        let others = notes.elsewhere(&self.kind, &self.address);
        let (more, objects) = (others.len().saturating_sub(MOST), K::OBJECTS);
        let said = |(address, count): (&String, &usize)| {
            let address = address.trim_end_matches('/');
            format!(
                "{objects} of killed runs may remain at {address}, {count} in all; this command did not look there: remove them with `drumpost clean {address}`"
            )
        };
        let mut told: Vec<String> = others.iter().take(MOST).map(said).collect();
        if more > 0 {
            told.push(format!("{objects} of killed runs may remain at {more} more addresses"));
        }
        if !told.is_empty() {
            let folder = notes.folder().display();
            told.push(format!(
                "if such a server is gone for good, delete the files in {folder} that name it"
            ));
        }
        told
    }
}

/// The objects of one transport's trial.
#[derive(Debug)]
pub struct Objects {
    at: Arc<At>,
    /// Where their names are written down: for a server that does not list them.
    written: Option<Written>,
    /// A name could not be written down.
    is_unwritten: AtomicBool,
    made: Mutex<Vec<String>>,
    /// The instances that were opened.
    opened: Mutex<BTreeSet<u16>>,
    /// What the server refused to store there.
    refusals: Arc<Refusals>,
    /// Sees to them while the trial runs.
    tending: Mutex<Option<AbortHandle>>,
    /// Held by an instance that looks whether they have to be made again.
    again: tokio::sync::Mutex<()>,
    /// A connection to ask about them, apart from any load.
    beside: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Objects {
    /// Objects at this server.
    #[must_use]
    pub fn at(at: &Arc<At>) -> Self {
        Self {
            at: Arc::clone(at),
            written: None,
            is_unwritten: AtomicBool::default(),
            made: Mutex::default(),
            opened: Mutex::default(),
            refusals: Arc::default(),
            tending: Mutex::default(),
            again: tokio::sync::Mutex::default(),
            beside: Mutex::default(),
        }
    }

    /// Objects at a server that does not list them to its clients, in a `part` of it such as a virtual host. Their names are
    /// written down ([`Notes`]), so that [`Objects::clean`] finds them.
    #[must_use]
    pub fn written_down<K: Keeper>(at: &Arc<At>, part: &str) -> Self {
        Self::written::<K>(at, part, Owner::this().and_then(Notes::of_user))
    }

    fn written<K: Keeper>(at: &Arc<At>, part: &str, notes: Option<Notes>) -> Self {
        let kind = format!("{} at {} at ", K::OBJECTS, at.product());
        let written = Written { notes, kind, address: format!("{}/{part}", at.server()) };
        Self { written: Some(written), ..Self::at(at) }
    }

    /// Where names are written down, and for which place, if they can be.
    fn notes(&self) -> Option<(&Notes, String)> {
        let written = self.written.as_ref().filter(|_| !self.is_unwritten.load(Relaxed))?;
        Some((written.notes.as_ref()?, written.place()))
    }

    /// Begins a trial: removes what earlier trials of this process had to leave here.
    pub async fn begin<K: Keeper>(&self, keeper: &K, session: &K::Session) {
        lock(&self.made).clear();
        lock(&self.opened).clear();
        let remove = async |names: Vec<String>| {
            let left = Names::of(names.clone());
            remove_all(keeper, session, &left).await;
            self.forget(names, &left.all());
            left.all()
        };
        LEFT.remove_left(&self.place::<K>(), remove).await;
    }

    /// Notes an object. To be called before it is made: a request that times out may still have made it.
    pub fn note(&self, name: impl Into<String>) {
        let name = name.into();
        if let Some((notes, place)) = self.notes()
            && notes.add(&place, &name).is_err()
        {
            self.is_unwritten.store(true, Relaxed);
        }
        lock(&self.made).push(name);
    }

    /// Notes that an instance is opened, and says whether it was before in this trial: after a kill, a lost connection or an absence it
    /// comes back to objects that it has read from.
    pub fn comes_back(&self, instance: u16) -> bool {
        !lock(&self.opened).insert(instance)
    }

    /// Where ports note what the server refused ([`crate::outbox::Outbox::noting`]). [`Objects::close`] tells it.
    #[must_use]
    pub const fn refusals(&self) -> &Arc<Refusals> {
        &self.refusals
    }

    /// Makes the objects again if the server has lost them, as one that keeps everything in memory has when it comes back. For
    /// [`drumpost_core::transport::AsyncTransport::open`]: one instance at a time looks, so they are made once. What the objects
    /// held is lost, which the audit counts.
    ///
    /// # Errors
    /// Those of `are_there` and `make`.
    pub async fn make_again<T>(
        &self,
        are_there: impl Future<Output = Result<bool, OpenError>>,
        make: impl Future<Output = Result<T, OpenError>>,
    ) -> Result<(), OpenError> {
        let _one_at_a_time = self.again.lock().await;
        if are_there.await? { Ok(()) } else { make.await.map(drop) }
    }

    /// Forgets those that were written down and are not left.
    fn forget(&self, mut names: Vec<String>, left: &[String]) {
        names.retain(|name| !left.contains(name));
        if let Some(written) = &self.written
            && let Some(notes) = &written.notes
        {
            notes.forget(&written.place(), &names);
        }
    }

    /// A connection to ask the server about the objects while the trial runs: the one that was kept, or a new one. Whoever takes it
    /// gives it back ([`Objects::keep`]) unless it failed.
    ///
    /// # Errors
    /// Those of `connect`.
    pub async fn session<K: Keeper<Session: 'static>>(&self, keeper: &K) -> Result<K::Session, OpenError> {
        let kept = lock(&self.beside).take();
        match kept.and_then(|kept| kept.downcast().ok()) {
            Some(session) => Ok(*session),
            None => keeper.connect().await,
        }
    }

    /// Keeps a connection until the end of the trial.
    pub fn keep(&self, session: impl Any + Send) {
        *lock(&self.beside) = Some(Box::new(session));
    }

    /// Runs a task beside the trial that sees to the objects, such as one that renews or trims them. It ends with
    /// [`Objects::close`].
    pub fn tend(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.end_tending(Some(tokio::spawn(task).abort_handle()));
    }

    fn end_tending(&self, next: Option<AbortHandle>) {
        if let Some(task) = std::mem::replace(&mut *lock(&self.tending), next) {
            task.abort();
        }
    }

    /// Removes what the trial made, each attempt over a fresh connection.
    ///
    /// # Errors
    /// A sentence about what the server refused ([`Objects::refusals`]), and one about what may remain.
    pub async fn close<K: Keeper>(&self, keeper: &K) -> Result<(), String> {
        let refused = self.refusals.sentence(self.at.product());
        let left = self.remove(keeper).await;
        let said: Vec<String> = refused.into_iter().chain(left.err()).collect();
        if said.is_empty() { Ok(()) } else { Err(said.join("; ")) }
    }

    async fn remove<K: Keeper>(&self, keeper: &K) -> Result<(), String> {
        self.end_tending(None);
        drop(lock(&self.beside).take());
        let made = std::mem::take(&mut *lock(&self.made));
        let remove = async |names: Arc<Names>, _| {
            if let Ok(session) = keeper.connect().await {
                remove_all(keeper, &session, &names).await;
            }
        };
        let left = LEFT.remove(&self.place::<K>(), made.clone(), remove).await;
        self.forget(made, &left);
        if left.is_empty() {
            return Ok(());
        }
        let objects = K::OBJECTS;
        let address = self.written.as_ref().map_or(self.at.address(), |written| &written.address);
        let address = address.trim_end_matches('/');
        let ends = match K::FORGETS_AFTER {
            _ if self.written.is_none() || self.notes().is_some() => {
                format!("remove them with `drumpost clean {address}` after this run")
            }
            Some(unused) => {
                format!("the server removes them by itself when nobody has used them for {unused:?}")
            }
            None => "remove them with the server's own tools".into(),
        };
        Err(format!("{objects} may remain at {}: {}; {ends}", self.at, left.join(", ")))
    }

    /// Removes the objects of dead processes, and says what was removed and what was kept, and why.
    ///
    /// # Errors
    /// Those of `connect` and `list`. `Refused` if names are to be written down and there is no folder for that.
    pub async fn clean<K: Keeper>(&self, keeper: &K) -> Result<Cleaned, OpenError> {
        if self.written.as_ref().is_some_and(|written| written.notes.is_none()) {
            return Err(OpenError::Refused(format!(
                "{} does not list its {} to clients, and there is no folder in which their names are written down: set HOME, or \
                 XDG_STATE_HOME to a whole path, for runs and for `drumpost clean`",
                self.at,
                K::OBJECTS
            )));
        }
        let session = keeper.connect().await?;
        let found = match self.notes() {
            Some((notes, place)) => Found::of(notes.at(&place)),
            None => keeper.list(&session).await?,
        };
        let Found { dead, mut kept } = found;
        let still = Names::of(dead.clone());
        remove_all(keeper, &session, &still).await;
        let still = still.all();
        self.forget(dead.clone(), &still);
        let removed = dead.into_iter().filter(|name| !still.contains(name)).collect();
        kept.extend(still.into_iter().map(|name| format!("{name}: the server did not remove it")));
        let elsewhere = self.written.as_ref().map(Written::elsewhere::<K>).unwrap_or_default();
        Ok(Cleaned { at: self.at.address().into(), removed, kept, elsewhere })
    }

    fn place<K: Keeper>(&self) -> String {
        format!("{} at {}", K::OBJECTS, self.at)
    }
}

/// Removes objects, several at a time, and takes out those that are gone.
async fn remove_all<K: Keeper>(keeper: &K, session: &K::Session, names: &Names) {
    let all = names.numbered().into_iter();
    let removals: Vec<_> = all.map(|(number, name)| remove_one(keeper, session, number, name)).collect();
    let mut removed = stream::iter(removals).buffer_unordered(AT_ONCE);
    while let Some((number, is_gone)) = removed.next().await {
        if is_gone {
            names.gone(number);
        }
    }
}

/// Removes an object, and says with its number whether it is gone.
async fn remove_one<K: Keeper>(
    keeper: &K,
    session: &K::Session,
    number: usize,
    name: String,
) -> (usize, bool) {
    (number, timeout(PATIENCE, keeper.remove(session, &name)).await == Ok(true))
}

#[cfg(test)]
mod tests;
