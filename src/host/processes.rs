//! Processes in `/proc`: names, parents, processor time, memory (proc(5)).

use nix::{
    time::{ClockId, clock_gettime},
    unistd::Pid,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

/// In which the system counts processor time here.
const TICK_NS: u64 = 10_000_000;

/// A folder laid out as `/proc`.
#[derive(Clone, Debug)]
pub(super) struct Proc {
    root: PathBuf,
    /// Whether it is the one of this machine, so that clocks can be asked about its processes.
    is_host: bool,
}

/// One line of `/proc/PID/stat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub name: String,
    pub parent: u64,
    /// Of all its threads, those that ended included.
    pub own_ns: u64,
    /// Of its children that have ended and that it waited for, and of theirs.
    pub children_ns: u64,
    /// Start, in ticks since boot: tells it from an earlier process of the same number.
    pub started: u64,
}

/// Resident memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    pub now_bytes: u64,
    /// The most since the process started.
    pub most_bytes: u64,
}

impl Stat {
    /// The name stands in brackets and may hold brackets and blanks itself.
    fn parse(text: &str) -> Option<Self> {
        let (before, after) = text.rsplit_once(')')?;
        let name = before.split_once('(')?.1.to_owned();
        let fields: Vec<&str> = after.split_whitespace().collect();
        // The third of proc(5) is the first after the name.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let ns = |ticks: u64| ticks.saturating_mul(TICK_NS);
        Some(Self {
            name,
            parent: field(4)?,
            own_ns: ns(field(14)?.saturating_add(field(15)?)),
            children_ns: ns(field(16)?.saturating_add(field(17)?)),
            started: field(22)?,
        })
    }
}

impl Proc {
    pub(super) fn of_host() -> Self {
        Self { root: "/proc".into(), is_host: true }
    }

    #[cfg(test)]
    pub(super) fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), is_host: false }
    }

    pub(super) fn read(&self, path: &str) -> Option<String> {
        // The name of a program may be any bytes.
        Some(String::from_utf8_lossy(&fs::read(self.root.join(path)).ok()?).into_owned())
    }

    pub(super) fn folder(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The numbers of all processes that can be seen.
    pub(super) fn pids(&self) -> Vec<u64> {
        let Ok(entries) = fs::read_dir(&self.root) else { return Vec::new() };
        let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
        let mut pids: Vec<u64> = entries.flatten().filter_map(number).collect();
        pids.sort_unstable();
        pids
    }

    pub(super) fn stat(&self, pid: u64) -> Option<Stat> {
        Stat::parse(&self.read(&format!("{pid}/stat"))?)
    }

    pub(super) fn all(&self) -> BTreeMap<u64, Stat> {
        self.pids().into_iter().filter_map(|pid| Some((pid, self.stat(pid)?))).collect()
    }

    /// Whether its program goes by `name`. The system cuts its own name for it after 15 bytes, and an interpreter's or a
    /// renamed one's differs from the file, so both are looked at.
    pub(super) fn is_called(&self, pid: u64, name: &str) -> bool {
        let file = |text: String| text.rsplit('/').next().map(str::to_owned);
        let known = self.read(&format!("{pid}/comm")).map(|text| text.trim_end().to_owned());
        if known.as_deref() == Some(name) {
            return true;
        }
        let command = self.read(&format!("{pid}/cmdline"));
        let command = command.and_then(|text| file(text.split('\0').next()?.to_owned()));
        command.as_deref() == Some(name)
    }

    /// `roots` and all that descend from them, without `but` and what descends from that.
    pub(super) fn with_descendants(all: &BTreeMap<u64, Stat>, roots: &[u64], but: u64) -> BTreeSet<u64> {
        let mut found: BTreeSet<u64> =
            roots.iter().copied().filter(|pid| *pid != but && all.contains_key(pid)).collect();
        loop {
            let children = all.iter().filter(|(pid, stat)| **pid != but && found.contains(&stat.parent));
            let new: Vec<u64> = children.map(|(pid, _)| *pid).filter(|pid| !found.contains(pid)).collect();
            if new.is_empty() {
                return found;
            }
            found.extend(new);
        }
    }

    /// Processor time of all threads of a process. The clock of the process counts in ns, its line in `/proc` in steps of
    /// 10 ms.
    pub(super) fn cpu_ns(&self, pid: u64) -> Option<u64> {
        let by_clock = || {
            let pid = Pid::from_raw(i32::try_from(pid).ok()?);
            let time = clock_gettime(ClockId::pid_cpu_clock_id(pid).ok()?).ok()?;
            let (s, ns) = (u64::try_from(time.tv_sec()).ok()?, u64::try_from(time.tv_nsec()).ok()?);
            Some(s * 1_000_000_000 + ns)
        };
        self.is_host.then(by_clock).flatten().or_else(|| Some(self.stat(pid)?.own_ns))
    }

    pub(super) fn memory(&self, pid: u64) -> Option<Memory> {
        let text = self.read(&format!("{pid}/status"))?;
        let bytes = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key))?;
            Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
        };
        Some(Memory { now_bytes: bytes("VmRSS:")?, most_bytes: bytes("VmHWM:")? })
    }

    /// The cores it may run on, as the system writes lists: `0-3,8`.
    pub(super) fn may_run_on(&self, pid: u64) -> Option<BTreeSet<usize>> {
        let text = self.read(&format!("{pid}/status"))?;
        let list = text.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
        let mut cores = BTreeSet::new();
        for part in list.trim().split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            cores.extend(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?);
        }
        Some(cores)
    }

    /// Processor time of each thread of a process, by its number.
    pub(super) fn threads(&self, pid: u64) -> BTreeMap<u64, u64> {
        let Ok(entries) = fs::read_dir(self.folder(&format!("{pid}/task"))) else { return BTreeMap::new() };
        let thread = |entry: fs::DirEntry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            Some((id, Stat::parse(&self.read(&format!("{pid}/task/{id}/stat"))?)?.own_ns))
        };
        entries.flatten().filter_map(thread).collect()
    }
}

/// What the busiest thread used between two looks at the same process.
pub(super) fn busiest_thread_ns(before: &BTreeMap<u64, u64>, after: &BTreeMap<u64, u64>) -> Option<u64> {
    after.iter().map(|(id, ns)| ns.saturating_sub(before.get(id).copied().unwrap_or(0))).max()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A folder as `/proc` has it, with one process.
    pub(in crate::host) fn process(root: &std::path::Path, pid: u64, name: &str, stat: &str) {
        let folder = root.join(pid.to_string());
        fs::create_dir_all(folder.join("fd")).unwrap();
        fs::write(folder.join("stat"), format!("{pid} ({name}) {stat}")).unwrap();
        fs::write(folder.join("comm"), format!("{name}\n")).unwrap();
        fs::write(folder.join("cmdline"), format!("/opt/bin/{name}\0-js\0")).unwrap();
    }

    /// After the name: state, parent, then zeros up to the processor time (own and of children, user and system).
    pub(in crate::host) fn stat(parent: u64, times: [u64; 4], started: u64) -> String {
        let [user, system, children, children_system] = times;
        format!(
            "S {parent} 1 1 0 -1 4194560 9 9 0 0 {user} {system} {children} {children_system} 20 0 4 0 {started} 1000 50"
        )
    }

    #[test]
    fn a_name_with_brackets_and_blanks_is_read_whole() {
        let text = format!("77 (a) b (c)) {}", stat(7, [10, 5, 2, 1], 4_321));
        let expected = Stat {
            name: "a) b (c)".into(),
            parent: 7,
            own_ns: 150_000_000,
            children_ns: 30_000_000,
            started: 4_321,
        };
        assert_eq!(Stat::parse(&text), Some(expected));
        for broken in ["", "77", "77 (x", "77 (x) S 1", "77 (x) S one 1 1"] {
            assert_eq!(Stat::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn descendants_are_found_and_the_harness_is_not_among_them() {
        let folder = tempfile::tempdir().unwrap();
        for (pid, parent) in [(1, 0), (10, 1), (11, 10), (12, 11), (13, 10), (14, 13)] {
            process(folder.path(), pid, "p", &stat(parent, [0; 4], 1));
        }
        let all = Proc::at(folder.path()).all();
        let of =
            |roots: &[u64], but| Proc::with_descendants(&all, roots, but).into_iter().collect::<Vec<_>>();
        assert_eq!(of(&[10], 99), [10, 11, 12, 13, 14]);
        // The harness was started by what is observed: a shell, say.
        assert_eq!(of(&[10], 13), [10, 11, 12]);
        assert_eq!(of(&[11, 13], 99), [11, 12, 13, 14]);
        assert_eq!(of(&[42], 99), Vec::<u64>::new());
    }

    #[test]
    fn a_process_goes_by_the_name_of_the_system_and_by_that_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        process(folder.path(), 5, "a-name-that-is-", &stat(1, [0; 4], 1));
        fs::write(folder.path().join("5/cmdline"), "./a-name-that-is-cut\0--x\0").unwrap();
        let proc = Proc::at(folder.path());
        assert!(proc.is_called(5, "a-name-that-is-") && proc.is_called(5, "a-name-that-is-cut"));
        assert!(!proc.is_called(5, "a-name") && !proc.is_called(5, "--x") && !proc.is_called(6, ""));
    }

    #[test]
    fn memory_and_cores_are_read() {
        let folder = tempfile::tempdir().unwrap();
        process(folder.path(), 5, "x", &stat(1, [3, 4, 0, 0], 1));
        let status = "Name:\tx\nVmHWM:\t    41 kB\nVmRSS:\t    38 kB\nCpus_allowed_list:\t0-2,8\n";
        fs::write(folder.path().join("5/status"), status).unwrap();
        let proc = Proc::at(folder.path());
        assert_eq!(proc.memory(5), Some(Memory { now_bytes: 38 * 1_024, most_bytes: 41 * 1_024 }));
        assert_eq!(proc.may_run_on(5), Some([0, 1, 2, 8].into()));
        assert_eq!(proc.cpu_ns(5), Some(70_000_000));
        assert_eq!((proc.memory(6), proc.may_run_on(6), proc.cpu_ns(6)), (None, None, None));
    }

    /// The clock of another process counts finer than its line in `/proc`.
    #[test]
    fn the_processor_time_of_this_process_is_that_of_its_clock() {
        let proc = Proc::of_host();
        let before = drumpost_core::clock::process_cpu_ns();
        let read = proc.cpu_ns(u64::from(std::process::id())).unwrap();
        assert!(before <= read && read <= drumpost_core::clock::process_cpu_ns());
        assert!(!proc.threads(u64::from(std::process::id())).is_empty());
    }
}
