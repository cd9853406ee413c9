//! Follows the processes of a server on this machine: their processor time, threads and memory over a window.

use super::{
    observe::Observe,
    processes::{Memory, Proc, Stat, busiest_thread_ns},
    sockets::{self, Listeners},
};
use drumpost_core::{monitor::Counts, server::ServerFacts};
use drumpost_results::model::{Process, Server};
use std::collections::{BTreeMap, BTreeSet};

/// Programs that listen for a container and hand its traffic on: they are not the server.
const FORWARDERS: [&str; 4] = ["docker-proxy", "rootlessport", "slirp4netns", "conmon"];

/// See the module.
#[derive(Debug)]
pub(super) struct ServerWatch {
    proc: Proc,
    facts: ServerFacts,
    observe: Option<Observe>,
    found_by: String,
    missing: Option<String>,
    /// The processes that were found; what they started is looked for anew at each end of the window.
    roots: Vec<u64>,
    shares_cores: bool,
    members: BTreeMap<u64, Member>,
    threads: BTreeMap<u64, BTreeMap<u64, u64>>,
    opened: Option<(u64, Counts)>,
    last_ns: u64,
    peak_bytes: u64,
    /// Connections of this process to it when the window opened.
    connections: Option<u64>,
}

/// One of its processes.
#[derive(Debug)]
struct Member {
    name: String,
    started: u64,
    /// Processor time before the window.
    before_ns: u64,
    /// Processor time of its ended children before the window.
    children_before_ns: u64,
    now_ns: u64,
    /// The most memory ever, before the window.
    most_before_bytes: u64,
    memory: Memory,
    is_gone: bool,
}

/// The figures at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ServerNow {
    /// Processor time since the look before, in ns.
    pub cpu_ns: u64,
    /// Resident memory, in bytes.
    pub memory_bytes: u64,
}

impl ServerWatch {
    /// Finds the server of a transport: what is named is taken, otherwise who listens on its address. `None` if the
    /// transport has no server.
    pub(super) fn find(
        proc: Proc,
        facts: Option<&ServerFacts>,
        observe: Option<&Observe>,
        has_server: bool,
        all: &BTreeMap<u64, Stat>,
    ) -> Option<Self> {
        let facts =
            facts.cloned().or_else(|| (has_server || observe.is_some()).then(ServerFacts::default))?;
        let (roots, found_by, missing) = match observe {
            Some(observe) => {
                let roots = observe.find(&proc);
                let missing =
                    roots.is_empty().then(|| format!("the process given by --observe {observe} has ended"));
                (roots, format!("--observe {observe}"), missing)
            }
            None => by_address(&proc, &facts),
        };
        let missing = missing.or_else(|| forwarder(&roots, all));
        let mut own = Self {
            proc,
            facts,
            observe: observe.cloned(),
            found_by,
            roots: if missing.is_some() { Vec::new() } else { roots },
            missing,
            shares_cores: false,
            members: BTreeMap::new(),
            threads: BTreeMap::new(),
            opened: None,
            last_ns: 0,
            peak_bytes: 0,
            connections: None,
        };
        own.take_in(all, true);
        own.shares_cores = own.may_share_cores();
        own.last_ns = own.sum_ns();
        Some(own)
    }

    /// Its processes, so that they are not taken for others.
    pub(super) fn pids(&self) -> BTreeSet<u64> {
        self.members.keys().copied().collect()
    }

    pub(super) fn shares_cores(&self) -> bool {
        self.shares_cores
    }

    /// Connections of this process to it when the window opened.
    pub(super) const fn connections(&self) -> Option<u64> {
        self.connections
    }

    fn may_share_cores(&self) -> bool {
        let own = self.proc.may_run_on(u64::from(std::process::id()));
        let meets = |pid: &u64| match (&own, self.proc.may_run_on(*pid)) {
            (Some(own), Some(its)) => !own.is_disjoint(&its),
            _ => true,
        };
        self.members.keys().any(meets)
    }

    /// Adds the processes that belong to it by now. Those that are new after the window opened have used nothing before it.
    fn take_in(&mut self, all: &BTreeMap<u64, Stat>, before_window: bool) {
        for pid in Proc::with_descendants(all, &self.roots, u64::from(std::process::id())) {
            let stat = &all[&pid];
            if self.members.get(&pid).is_some_and(|known| known.started == stat.started) {
                continue;
            }
            let now_ns = self.proc.cpu_ns(pid).unwrap_or(stat.own_ns);
            let memory = self.proc.memory(pid).unwrap_or_default();
            self.members.insert(
                pid,
                Member {
                    name: stat.name.clone(),
                    started: stat.started,
                    before_ns: if before_window { now_ns } else { 0 },
                    children_before_ns: if before_window { stat.children_ns } else { 0 },
                    now_ns,
                    most_before_bytes: memory.most_bytes,
                    memory,
                    is_gone: false,
                },
            );
        }
    }

    /// Reads what its known processes have used and hold by now.
    pub(super) fn look(&mut self) -> Option<ServerNow> {
        if self.members.is_empty() {
            return None;
        }
        for (pid, member) in self.members.iter_mut().filter(|(_, member)| !member.is_gone) {
            match (self.proc.cpu_ns(*pid), self.proc.memory(*pid)) {
                (Some(cpu_ns), Some(memory)) => (member.now_ns, member.memory) = (cpu_ns, memory),
                _ => member.is_gone = true,
            }
        }
        self.find_again();
        let memory_bytes = self.memory_bytes();
        self.peak_bytes = self.peak_bytes.max(memory_bytes);
        let sum_ns = self.sum_ns();
        let cpu_ns = sum_ns.saturating_sub(self.last_ns);
        self.last_ns = sum_ns;
        Some(ServerNow { cpu_ns, memory_bytes })
    }

    /// Looks for the processes of a server that was started again after all of those that were found have ended.
    fn find_again(&mut self) {
        let is_gone = |pid: &u64| self.members.get(pid).is_none_or(|member| member.is_gone);
        if self.opened.is_none() || self.roots.is_empty() || !self.roots.iter().all(is_gone) {
            return;
        }
        let found = match &self.observe {
            Some(observe) => observe.find(&self.proc),
            None => by_address(&self.proc, &self.facts).0,
        };
        if found.is_empty() {
            return;
        }
        // The ended ones stay among the members, as what they used counts.
        self.roots = found;
        self.take_in(&self.proc.all(), false);
        for pid in &self.roots {
            self.threads.entry(*pid).or_default();
        }
    }

    fn sum_ns(&self) -> u64 {
        self.members.values().map(|member| member.now_ns).sum()
    }

    fn memory_bytes(&self) -> u64 {
        let alive = self.members.values().filter(|member| !member.is_gone);
        alive.map(|member| member.memory.now_bytes).sum()
    }

    /// The window opens: what was used before does not count.
    pub(super) fn open(&mut self, now_ns: u64, counts: Counts) {
        self.look();
        self.members.retain(|_, member| !member.is_gone);
        self.threads = self.members.keys().map(|pid| (*pid, self.proc.threads(*pid))).collect();
        for (pid, member) in &mut self.members {
            member.before_ns = member.now_ns;
            member.most_before_bytes = member.memory.most_bytes;
            if let Some(stat) = self.proc.stat(*pid) {
                member.children_before_ns = stat.children_ns;
            }
        }
        self.peak_bytes = self.memory_bytes();
        self.connections = sockets::connections(&self.proc, &self.facts.addresses);
        self.opened = Some((now_ns, counts));
    }

    /// The window is over, and its processes have just been looked at.
    pub(super) fn close(&mut self, now_ns: u64, counts: Counts, all: &BTreeMap<u64, Stat>) -> Server {
        self.find_again();
        let threads =
            |(pid, before): (&u64, &BTreeMap<u64, u64>)| busiest_thread_ns(before, &self.proc.threads(*pid));
        let busiest_thread_ns = self.threads.iter().filter_map(threads).max();
        self.take_in(all, false);
        let (opened_ns, before) = self.opened.unwrap_or((now_ns, counts));
        let known = self.missing.is_none() && !self.members.is_empty() && self.opened.is_some();
        let processes =
            self.members.iter().map(|(pid, member)| Process { pid: *pid, name: member.name.clone() });
        Server {
            product: self.facts.product.clone(),
            version: self.facts.version.clone(),
            found_by: self.found_by.clone(),
            processes: processes.collect(),
            missing: self.missing.clone(),
            shares_cores: self.shares_cores,
            window_ns: now_ns.saturating_sub(opened_ns),
            cpu_ns: known.then(|| self.used_ns(all)),
            busiest_thread_ns: busiest_thread_ns.filter(|_| known),
            messages: counts.sent.saturating_sub(before.sent),
            flows: counts.ended.saturating_sub(before.ended),
            // That of a server that has ended is not known.
            memory_bytes: (known && self.members.values().any(|member| !member.is_gone))
                .then(|| self.memory_bytes()),
            memory_peak_bytes: known.then(|| self.peak_bytes()),
            connections: self.connections.max(sockets::connections(&self.proc, &self.facts.addresses)),
        }
    }

    /// Processor time since the window opened, that of processes included which it started and which have ended since.
    fn used_ns(&self, all: &BTreeMap<u64, Stat>) -> u64 {
        let own: u64 =
            self.members.values().map(|member| member.now_ns.saturating_sub(member.before_ns)).sum();
        let ended = |(pid, member): (&u64, &Member)| {
            let now_ns = all.get(pid).filter(|stat| stat.started == member.started)?.children_ns;
            Some(now_ns.saturating_sub(member.children_before_ns))
        };
        // Who waits for a child is told all that the child ever used: what is counted of it already is taken off.
        let counted = self.members.values().filter(|member| member.is_gone).map(|member| member.now_ns);
        let ended: u64 = self.members.iter().filter_map(ended).sum();
        own + ended.saturating_sub(counted.sum())
    }

    /// The highest that was seen; of a single process what the system noted, if that rose in the window.
    fn peak_bytes(&self) -> u64 {
        let mut alive = self.members.values().filter(|member| !member.is_gone);
        match (alive.next(), alive.next()) {
            (Some(member), None) if member.memory.most_bytes > member.most_before_bytes => {
                self.peak_bytes.max(member.memory.most_bytes)
            }
            _ => self.peak_bytes,
        }
    }
}

/// The processes that listen on the server's address, how they were found, and why there are none.
fn by_address(proc: &Proc, facts: &ServerFacts) -> (Vec<u64>, String, Option<String>) {
    let shown = sockets::shown(&facts.addresses);
    let found_by = format!("its socket on {shown}");
    if facts.is_embedded {
        let missing = "it runs in this process, so its CPU time and memory are part of the process's";
        return (Vec::new(), found_by, Some(missing.into()));
    }
    let local: Vec<_> =
        facts.addresses.iter().copied().filter(|address| sockets::is_local(*address)).collect();
    if local.is_empty() {
        let missing = if facts.addresses.is_empty() {
            "the transport does not tell the server's address, so its CPU time and memory are not known; name its process with --observe PID|NAME".into()
        } else {
            format!(
                "{shown} is not an address of this machine, so the server's CPU time and memory are not known"
            )
        };
        return (Vec::new(), found_by, Some(missing));
    }
    let missing = match sockets::listeners(proc, &local) {
        Listeners { pids, .. } if !pids.is_empty() => return (pids, found_by, None),
        Listeners { any: true, .. } => format!(
            "the process that listens on {shown} belongs to another user or container and cannot be seen; name it with \
             --observe PID|NAME"
        ),
        Listeners { .. } => format!(
            "no visible process listens on {shown}, so the server's CPU time and memory are not known; name its process with --observe PID|NAME"
        ),
    };
    (Vec::new(), found_by, Some(missing))
}

fn forwarder(roots: &[u64], all: &BTreeMap<u64, Stat>) -> Option<String> {
    let name = |pid: &u64| all.get(pid).map(|stat| stat.name.as_str());
    let found = roots.iter().filter_map(name).find(|name| FORWARDERS.contains(name))?;
    Some(format!(
        "`{found}` listens and forwards to a container; name the server's process with --observe NAME"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::processes::tests::{process, stat};
    use super::*;
    use std::{fs, path::Path};

    fn status(root: &Path, pid: u64, now_kib: u64, most_kib: u64) {
        let text = format!("VmHWM: {most_kib} kB\nVmRSS: {now_kib} kB\nCpus_allowed_list: 0-1\n");
        fs::write(root.join(format!("{pid}/status")), text).unwrap();
    }

    fn named(root: &Path, name: &str) -> ServerWatch {
        let proc = Proc::at(root);
        let all = proc.all();
        let observe = Observe::Name(name.into());
        ServerWatch::find(proc, None, Some(&observe), true, &all).unwrap()
    }

    const MS: u64 = 1_000_000;

    /// Of a server with a child that ends and one that begins in the window, all in steps of 10 ms: 300 ms before it, then 200
    /// of the parent, 50 of the first child (of 90 altogether) and 40 of the second.
    #[test]
    fn processor_time_and_memory_are_those_of_the_window_and_of_all_its_processes() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        process(root, 10, "broker", &stat(1, [20, 10, 0, 0], 100));
        process(root, 11, "worker", &stat(10, [4, 0, 0, 0], 101));
        status(root, 10, 100, 300);
        status(root, 11, 50, 50);
        let mut watch = named(root, "broker");
        assert_eq!(watch.pids(), [10, 11].into());
        watch.open(1_000 * MS, Counts { sent: 100, ended: 10 });
        process(root, 11, "worker", &stat(10, [6, 0, 0, 0], 101));
        status(root, 10, 400, 400);
        let now = watch.look().unwrap();
        assert_eq!((now.cpu_ns, now.memory_bytes), (20 * MS, 450 * 1_024));
        // The first child ends with 90 ms, and the second one begins.
        fs::remove_dir_all(root.join("11")).unwrap();
        process(root, 10, "broker", &stat(1, [30, 20, 9, 0], 100));
        process(root, 12, "worker", &stat(10, [4, 0, 0, 0], 200));
        status(root, 10, 120, 420);
        status(root, 12, 10, 10);
        watch.look();
        let all = Proc::at(root).all();
        let server = watch.close(3_000 * MS, Counts { sent: 600, ended: 60 }, &all);
        assert_eq!(server.cpu_ns, Some((200 + 50 + 40) * MS));
        assert_eq!((server.window_ns, server.messages, server.flows), (2_000 * MS, 500, 50));
        assert_eq!(server.memory_bytes, Some(130 * 1_024));
        assert_eq!(server.memory_peak_bytes, Some(450 * 1_024));
        assert_eq!((server.found_by.as_str(), server.missing), ("--observe broker", None));
    }

    /// The server is killed after 20 ms of the window and started again as another process, which uses 30 ms.
    #[test]
    fn a_server_that_was_started_again_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        process(root, 10, "broker", &stat(1, [2, 0, 0, 0], 100));
        status(root, 10, 100, 100);
        let mut watch = named(root, "broker");
        watch.open(0, Counts::default());
        process(root, 10, "broker", &stat(1, [4, 0, 0, 0], 100));
        watch.look();
        fs::remove_dir_all(root.join("10")).unwrap();
        assert_eq!(watch.look().unwrap().memory_bytes, 0);
        process(root, 20, "broker", &stat(1, [1, 0, 0, 0], 300));
        status(root, 20, 70, 70);
        assert_eq!(watch.look().unwrap(), ServerNow { cpu_ns: 10 * MS, memory_bytes: 70 * 1_024 });
        process(root, 20, "broker", &stat(1, [3, 0, 0, 0], 300));
        watch.look();
        let server = watch.close(1_000 * MS, Counts::default(), &Proc::at(root).all());
        assert_eq!((server.cpu_ns, server.memory_bytes), (Some(50 * MS), Some(70 * 1_024)));
        assert_eq!(server.processes.iter().map(|process| process.pid).collect::<Vec<_>>(), [10, 20]);
    }

    #[test]
    fn a_peak_between_two_looks_is_known_from_the_system() {
        let folder = tempfile::tempdir().unwrap();
        process(folder.path(), 10, "broker", &stat(1, [0; 4], 100));
        status(folder.path(), 10, 100, 300);
        let mut watch = named(folder.path(), "broker");
        watch.open(0, Counts::default());
        status(folder.path(), 10, 110, 900);
        watch.look();
        let all = Proc::at(folder.path()).all();
        let server = watch.close(MS, Counts::default(), &all);
        assert_eq!((server.memory_bytes, server.memory_peak_bytes), (Some(110 * 1_024), Some(900 * 1_024)));
    }

    #[test]
    fn what_cannot_be_found_is_said_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("self/net")).unwrap();
        let missing = |address: &str| {
            let addresses = vec![address.parse().unwrap()];
            let facts = ServerFacts { product: "nats-server".into(), addresses, ..ServerFacts::default() };
            let proc = Proc::at(folder.path());
            let mut watch = ServerWatch::find(proc, Some(&facts), None, true, &BTreeMap::new()).unwrap();
            let server = watch.close(1, Counts::default(), &BTreeMap::new());
            assert_eq!((server.cpu_ns, server.memory_bytes, server.processes.len()), (None, None, 0));
            server.missing.unwrap()
        };
        assert!(
            missing("203.0.113.7:4222").starts_with("203.0.113.7:4222 is not an address of this machine")
        );
        assert!(missing("127.0.0.1:4222").contains("--observe PID|NAME"));
        let proc = || Proc::at(folder.path());
        assert!(ServerWatch::find(proc(), None, None, false, &BTreeMap::new()).is_none());
        // A transport that has a server and cannot tell where.
        let mut watch = ServerWatch::find(proc(), None, None, true, &BTreeMap::new()).unwrap();
        let server = watch.close(1, Counts::default(), &BTreeMap::new());
        assert!(server.missing.unwrap().starts_with("the transport does not tell"));
    }

    #[test]
    fn what_forwards_for_a_container_is_not_taken_for_the_server() {
        let folder = tempfile::tempdir().unwrap();
        process(folder.path(), 10, "docker-proxy", &stat(1, [0; 4], 100));
        let mut watch = named(folder.path(), "docker-proxy");
        let server = watch.close(1, Counts::default(), &BTreeMap::new());
        assert!(server.missing.unwrap().starts_with("`docker-proxy` listens"));
    }
}
