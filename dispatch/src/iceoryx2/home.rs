//! Where the shared memory of a trial lies, and its removal: after the trial, and when the process that made it was killed.
//!
//! Each trial has a *mark* of its own. Its directory in `/tmp` has the mark as its name, and the names of its files in `/dev/shm` begin with
//! it. So what a trial leaves is found by name, and two trials cannot meet. The crate removes most files itself, but neither its
//! directories nor a counter that all nodes of one prefix share.

use super::{Call, Queue, Shared, Sleep};
use drumpost_core::{message::MESSAGE_LEN, transport::OpenError, wiring::Wiring};
use iceoryx2::prelude::{Config, FileName, Node, NodeBuilder, Path, SemanticString, SignalHandlingMode};
use std::{
    fmt::Display,
    fs::{self, DirEntry, File, TryLockError},
    path::PathBuf,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// Where the directories of trials are. The crate's own default, too: a path in it has to be short enough for a Unix socket.
const DIRECTORIES: &str = "/tmp";
/// Where Linux has POSIX shared memory.
const MEMORY: &str = "/dev/shm";
/// The marks of all trials begin with this text.
const FAMILY: &str = "drumpost-shm-";
/// In the directory of a trial: locked as long as its process lives.
const OWNER: &str = "owner";
/// Bytes of a message in shared memory besides itself: the crate's header, and what aligns it. A high estimate.
const OVERHEAD_LEN: u64 = 64;

/// The shared memory of one trial. The last port that is dropped removes it.
#[derive(Debug)]
pub(super) struct Home {
    /// `None` only while it is removed.
    node: Option<Node<Shared>>,
    mark: String,
    run: String,
    _lock: File,
}

impl Home {
    /// Makes it, and removes what killed processes left.
    pub(super) fn new(wiring: &Wiring) -> Result<Self, OpenError> {
        remove_dead();
        check_room(wiring)?;
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let mark = format!("{FAMILY}{}-{}_", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = PathBuf::from(DIRECTORIES).join(&mark);
        let lock = (|| {
            fs::create_dir_all(&directory)?;
            let lock = File::create(directory.join(OWNER))?;
            lock.lock()?;
            Ok::<_, std::io::Error>(lock)
        })();
        let lock = lock.map_err(|error| failed(&format!("make {}", directory.display()), &error))?;
        let mut home = Self { node: None, run: wiring.run_name.clone(), mark, _lock: lock };
        let mut config = Config::default();
        config.global.prefix =
            FileName::new(home.mark.as_bytes()).map_err(|error| failed("name it", &error))?;
        let root =
            Path::new(directory.as_os_str().as_encoded_bytes()).map_err(|error| failed("name it", &error))?;
        config.global.set_root_path(&root);
        let name = home.run.as_str().try_into().map_err(|error| failed("name its node", &error))?;
        let builder = NodeBuilder::new().name(&name).config(&config);
        let node = builder.signal_handling_mode(SignalHandlingMode::Disabled).create::<Shared>();
        home.node = Some(node.map_err(|error| failed("make a node", &error))?);
        Ok(home)
    }

    fn node(&self) -> Result<&Node<Shared>, OpenError> {
        self.node.as_ref().ok_or_else(|| OpenError::Failed("the node of this trial is gone".into()))
    }

    /// A queue from `senders` instances to one, named after what goes through it.
    pub(super) fn queue(&self, wiring: &Wiring, senders: usize, what: &str) -> Result<Queue, OpenError> {
        let name = format!("{}/{what}", self.run).as_str().try_into();
        let name = name.map_err(|error| failed("name a service", &error))?;
        let builder = self.node()?.service_builder(&name).publish_subscribe::<[u8]>();
        let builder = builder.enable_safe_overflow(false).history_size(0).max_nodes(1);
        let builder = builder.max_publishers(senders).max_subscribers(1).subscriber_max_borrowed_samples(1);
        let made = builder.subscriber_max_buffer_size(wiring.capacity.max(1)).create();
        made.map_err(|error| failed("make a service", &error))
    }

    /// The listener that wakes the thread of a receiving instance. At most `callers` sending instances notify it.
    pub(super) fn sleep(&self, callers: usize, instance: u16) -> Result<Sleep, OpenError> {
        let name = format!("{}/wakes/{instance}", self.run).as_str().try_into();
        let name = name.map_err(|error| failed("name a service", &error))?;
        let builder = self.node()?.service_builder(&name).event().max_nodes(1);
        let made = builder.max_notifiers(callers.max(1)).max_listeners(1).event_id_max_value(0).create();
        let event = made.map_err(|error| failed("make an event service", &error))?;
        Sleep::new(event).map_err(|error| failed("make a listener", &error))
    }

    /// The notifier with which a sending instance wakes the owner of `sleep`.
    pub(super) fn call(&self, sleep: &Sleep) -> Result<Call, OpenError> {
        sleep.call().map_err(|error| failed("make a notifier", &error))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        drop(self.node.take());
        remove(&self.mark);
    }
}

pub(super) fn failed(what: &str, error: &dyn Display) -> OpenError {
    OpenError::Failed(format!(
        "failed to {what} in shared memory: {error}; take fewer instances or a smaller --capacity, or raise `ulimit -n`"
    ))
}

/// Refuses queues that do not fit. Without this a process would be ended by the system when it writes to memory that is not there.
fn check_room(wiring: &Wiring) -> Result<(), OpenError> {
    let ports = wiring.destinations.iter().map(|sent| {
        let senders = wiring.services[sent.sender].instances.len();
        let receivers = sent.receivers.iter().map(|of| wiring.services[*of].instances.len()).sum::<usize>();
        (senders * receivers) as u64
    });
    let message_len = MESSAGE_LEN as u64 + u64::from(wiring.pool.max_len()) + OVERHEAD_LEN;
    let queue_len = (wiring.capacity.max(1) as u64).saturating_mul(message_len);
    let needed = ports.sum::<u64>().saturating_mul(queue_len);
    let Ok(disk) = rustix::fs::statvfs(MEMORY) else { return Ok(()) };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if needed <= free {
        return Ok(());
    }
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    Err(OpenError::Refused(format!(
        "iceoryx2 needs about {} MiB of shared memory for its queues, but {MEMORY} has {} MiB free; use a smaller --capacity or \
         smaller payloads",
        mib(needed),
        mib(free)
    )))
}

/// Whatever begins with `start` in both places.
fn found(start: &str) -> impl Iterator<Item = DirEntry> {
    let entries = [DIRECTORIES, MEMORY].into_iter().filter_map(|place| fs::read_dir(place).ok());
    entries.flatten().flatten().filter(move |entry| entry.file_name().to_string_lossy().starts_with(start))
}

fn remove(mark: &str) {
    for entry in found(mark) {
        // Files of another user cannot be removed. That user's next run removes them.
        let _ = match entry.file_type() {
            Ok(kind) if kind.is_dir() => fs::remove_dir_all(entry.path()),
            _ => fs::remove_file(entry.path()),
        };
    }
}

/// Removes what processes left that no longer live: nobody holds the lock in the directory of such a trial.
fn remove_dead() {
    for entry in found(FAMILY).filter(|entry| entry.path().starts_with(DIRECTORIES)) {
        let Ok(owner) = File::open(entry.path().join(OWNER)) else { continue };
        if !matches!(owner.try_lock(), Err(TryLockError::WouldBlock)) {
            remove(&entry.file_name().to_string_lossy());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::testing::{Trial, ask};

    fn left(mark: &str) -> Vec<PathBuf> {
        found(mark).map(|entry| entry.path()).collect()
    }

    #[test]
    fn a_trial_leaves_nothing() {
        let wiring = Trial::default().wiring(&ask());
        let home = Home::new(&wiring).unwrap();
        let mark = home.mark.clone();
        let queue = home.queue(&wiring, 1, "what").unwrap();
        let publisher = queue.publisher_builder().initial_max_slice_len(9).create().unwrap();
        let there = left(&mark);
        assert!(there.iter().any(|path| path.starts_with(MEMORY)), "{there:?}");
        assert!(there.iter().any(|path| path.starts_with(DIRECTORIES)), "{there:?}");
        // Another trial begins meanwhile, and takes it for what it is: alive.
        drop(Home::new(&wiring).unwrap());
        assert_eq!(left(&mark).len(), there.len());
        drop((publisher, queue, home));
        assert_eq!(left(&mark), Vec::<PathBuf>::new());
    }

    /// As after a kill: the files are there, and nobody holds the lock.
    #[test]
    fn what_a_dead_process_left_is_removed_by_the_next_trial() {
        let mark = format!("{FAMILY}{}-dead_", process::id());
        let directory = PathBuf::from(DIRECTORIES).join(&mark);
        fs::create_dir_all(directory.join("nodes")).unwrap();
        fs::write(directory.join(OWNER), "").unwrap();
        fs::write(PathBuf::from(MEMORY).join(format!("{mark}7.data")), "x").unwrap();
        assert_eq!(left(&mark).len(), 2);
        drop(Home::new(&Trial::default().wiring(&ask())).unwrap());
        assert_eq!(left(&mark), Vec::<PathBuf>::new());
    }
}
