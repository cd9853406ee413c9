//! The process that made something at a server, written into its description or name. So what a killed process left can be
//! told from what is in use.
//!
//! A process is identified by its machine, the boot of that machine, its namespace of process numbers, its number, and
//! its start time. The number alone is not enough: numbers are reused, and two containers on one host both have a
//! process 1. If the system does not tell all of these, nothing is written. Only the process that made such an
//! object removes it.

use std::{
    fs,
    hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState},
    sync::LazyLock,
};

/// Begins the description of every object that drumpost makes.
const MARK: &str = "made by drumpost:";

/// A number that chance has given to this process, for where the system does not tell enough to name it.
static CHANCE: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(()));

/// A process, as far as it can be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    host: String,
    boot: String,
    namespace: String,
    pid: u32,
    /// Clock ticks after the boot.
    started: String,
}

/// The state of the process that made an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The process is this one, or it is running.
    Alive,
    /// The process has certainly ended.
    Dead,
    /// The process is or was on another machine or in another container, where this process cannot look.
    Elsewhere,
}

impl Owner {
    /// This process; `None` where the system does not tell enough.
    #[must_use]
    pub fn this() -> Option<Self> {
        let read = |file| fs::read_to_string(file).ok().map(|text: String| text.trim().to_owned());
        let pid = std::process::id();
        Some(Self {
            host: read("/proc/sys/kernel/hostname")?,
            boot: read("/proc/sys/kernel/random/boot_id")?,
            namespace: fs::read_link("/proc/self/ns/pid").ok()?.to_string_lossy().into_owned(),
            pid,
            started: started(pid)?,
        })
    }

    /// The description of an object that this process makes; empty where the system does not tell enough.
    #[must_use]
    pub fn here() -> String {
        Self::this().map(|owner| owner.description()).unwrap_or_default()
    }

    /// A name for a client that no other process has, on this machine or another: the number of the process, and a digest of all that
    /// identifies it.
    #[must_use]
    pub fn name() -> String {
        let mut digest = DefaultHasher::new();
        Self::here().hash(&mut digest);
        CHANCE.hash(&mut digest);
        format!("drumpost-{}-{:x}", std::process::id(), digest.finish())
    }

    /// As the description of an object.
    #[must_use]
    pub fn description(&self) -> String {
        let Self { host, boot, namespace, pid, started } = self;
        format!("{MARK} host={host} boot={boot} namespace={namespace} pid={pid} started={started}")
    }

    /// Reads a description; `None` if drumpost did not write it.
    #[must_use]
    pub fn read(description: &str) -> Option<Self> {
        let text = description.strip_prefix(MARK)?;
        let field = |name: &str| {
            let mut words = text.split_whitespace();
            words.find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
        };
        Some(Self {
            host: field("host")?,
            boot: field("boot")?,
            namespace: field("namespace")?,
            pid: field("pid")?.parse().ok()?,
            started: field("started")?,
        })
    }

    /// The state of the process, as far as it can be seen from here.
    #[must_use]
    pub fn state(&self) -> State {
        let Some(this) = Self::this() else { return State::Elsewhere };
        if self.host != this.host {
            return State::Elsewhere;
        }
        // Nothing of an earlier boot runs any more.
        if self.boot != this.boot {
            return State::Dead;
        }
        if self.namespace != this.namespace {
            return State::Elsewhere;
        }
        if started(self.pid).is_some_and(|started| started == self.started) {
            State::Alive
        } else {
            State::Dead
        }
    }

    /// The number and the start of the process, which no other process of this boot of the machine has.
    pub(crate) fn number(&self) -> String {
        format!("{}-{}", self.pid, self.started)
    }

    /// The process and its machine, as text.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("process {} on {}", self.pid, self.host)
    }
}

/// Objects found at a server, by whether they may be removed.
#[derive(Debug, Default)]
pub struct Found {
    /// Names of those whose process is dead.
    pub dead: Vec<String>,
    /// Those that stay, each with the reason, such as `NAME: process 7 on host is running`.
    pub kept: Vec<String>,
}

impl Found {
    /// Sorts objects by their descriptions.
    #[must_use]
    pub fn of(all: Vec<(String, String)>) -> Self {
        let mut found = Self::default();
        all.into_iter().for_each(|(name, description)| found.sort(name, &description));
        found
    }

    /// Sorts in an object. One whose description drumpost did not write is left out.
    pub fn sort(&mut self, name: String, description: &str) {
        let Some(owner) = Owner::read(description) else { return };
        match owner.state() {
            State::Dead => self.dead.push(name),
            State::Alive => self.kept.push(format!("{name}: {} is running", owner.shown())),
            State::Elsewhere => self.kept.push(format!(
                "{name}: made by {}, which is on another machine or in another container",
                owner.shown()
            )),
        }
    }
}

/// When a process started; `None` if there is none of that number, or only what is left of one that ended.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets, which may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    (!["Z", "X"].contains(&state)).then(|| fields.nth(18).map(str::to_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_what_it_writes_is_read() {
        let this = Owner::this().unwrap();
        assert_eq!(Owner::read(&this.description()), Some(this.clone()));
        assert_eq!(this.state(), State::Alive);
        let (name, begins) = (Owner::name(), format!("drumpost-{}-", this.pid));
        assert!(name.starts_with(&begins) && name.len() > begins.len() && name == Owner::name(), "{name}");
    }

    #[test]
    fn a_number_given_out_again_is_not_the_same_process() {
        let this = Owner::this().unwrap();
        let earlier = Owner { started: "1".into(), ..this.clone() };
        assert_eq!(earlier.state(), State::Dead);
        assert_eq!(Owner { boot: "another".into(), ..this }.state(), State::Dead);
    }

    #[test]
    fn a_process_that_ended_is_dead_even_before_its_parent_asked() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let owner =
            Owner { pid: child.id(), started: started(child.id()).unwrap(), ..Owner::this().unwrap() };
        assert_eq!(owner.state(), State::Alive);
        child.kill().unwrap();
        // It is a zombie until it is waited for, or will be in a moment.
        let gone = (0..1000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            owner.state() == State::Dead
        });
        child.wait().unwrap();
        assert!(gone);
    }

    #[test]
    fn nothing_is_said_of_other_places() {
        let this = Owner::this().unwrap();
        assert_eq!(Owner { host: "another".into(), ..this.clone() }.state(), State::Elsewhere);
        assert_eq!(Owner { namespace: "pid:[1]".into(), ..this }.state(), State::Elsewhere);
        for other in ["", "my stream", "made by drumpost: host=a", "made by drumpost: pid=x"] {
            assert_eq!(Owner::read(other), None, "{other}");
        }
    }
}
