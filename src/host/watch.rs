//! Measures what the machine does during the measured window of one trial, for the record.

use super::{
    observe::Observe,
    processes::{Proc, Stat, busiest_thread_ns},
    quota::{Groups, Throttling},
    server::{ServerNow, ServerWatch},
};
use crate::activity::Activity;
use drumpost_core::{
    clock::{Clock, Now},
    monitor::{Counts, Edge},
    server::ServerFacts,
};
use drumpost_results::model::{Busy, Hygiene, Process, Server};
use std::collections::{BTreeMap, BTreeSet};

/// So many of the other processes are kept, the busiest first.
const NAMED: usize = 5;
/// A process that used less than two steps of the system's counting is not named.
const WORTH_NAMING_NS: u64 = 20_000_000;

/// Follows the machine through a trial. All of it happens on the thread that watches, at the ends of the window and some ten
/// times a second.
pub(crate) struct HostWatch {
    clock: Clock,
    proc: Proc,
    groups: Groups,
    observe: Option<Observe>,
    /// Whether the transport has a server, even one that it tells nothing of.
    has_server: bool,
    server: Option<ServerWatch>,
    /// All processes before the load.
    processes: Option<BTreeMap<u64, Stat>>,
    opened: Option<Look>,
    seen: Option<Seen>,
}

/// The machine at one end of the window.
struct Look {
    at_ns: u64,
    counts: Counts,
    activity: Activity,
    throttling: Throttling,
    threads: BTreeMap<u64, u64>,
}

/// The figures of the machine over the window.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub hygiene: Hygiene,
    pub busiest: Vec<Busy>,
    pub server: Option<Server>,
}

impl HostWatch {
    pub(crate) fn new(observe: Option<Observe>, has_server: bool) -> Self {
        Self {
            clock: Clock::start(),
            proc: Proc::of_host(),
            groups: Groups::of_host(),
            observe,
            has_server,
            server: None,
            processes: None,
            opened: None,
            seen: None,
        }
    }

    /// The transport is open and the load has not begun.
    pub(crate) fn opened(&mut self, facts: Option<&ServerFacts>) {
        let all = self.proc.all();
        let (proc, observe) = (self.proc.clone(), self.observe.as_ref());
        self.server = ServerWatch::find(proc, facts, observe, self.has_server, &all);
        self.processes = Some(all);
    }

    /// CPU time and memory of the server now.
    pub(crate) fn look(&mut self) -> Option<ServerNow> {
        self.server.as_mut()?.look()
    }

    /// Connections of this process to the server when the window opened; `None` if they are not known, and before.
    pub(crate) fn connections(&self) -> Option<u64> {
        self.server.as_ref()?.connections()
    }

    /// An end of the measured window.
    pub(crate) fn edge(&mut self, edge: Edge, counts: Counts) {
        match edge {
            Edge::Opens => self.open(counts),
            Edge::Closes => self.close(Some(counts)),
        }
    }

    fn open(&mut self, counts: Counts) {
        if self.processes.is_none() {
            self.opened(None);
        }
        let at_ns = self.clock.now_ns();
        // First what is divided by the counts.
        if let Some(server) = &mut self.server {
            server.open(at_ns, counts);
        }
        let activity = Activity::now();
        let (throttling, threads) = (self.groups.now(), self.threads());
        self.opened = Some(Look { at_ns, counts, activity, throttling, threads });
    }

    fn threads(&self) -> BTreeMap<u64, u64> {
        self.proc.threads(u64::from(std::process::id()))
    }

    /// The figures are those from the opening to now. Flows that end after the load may close the window again. Without
    /// `counts` the trial broke, and what was sent until then is not known here.
    fn close(&mut self, counts: Option<Counts>) {
        let Some(opened) = self.opened.as_ref() else { return };
        let at_ns = self.clock.now_ns();
        if let Some(server) = &mut self.server {
            server.look();
        }
        let activity = Activity::now();
        let (throttling, threads) = (self.groups.now(), self.threads());
        let all = self.proc.all();
        let counts = counts.unwrap_or(opened.counts);
        let mut server_pids = BTreeSet::new();
        let server = self.server.as_mut().map(|server| {
            let (shares, closed) = (server.shares_cores(), server.close(at_ns, counts, &all));
            server_pids = server.pids();
            (shares, closed)
        });
        let beside_ns = server.as_ref().and_then(|(shares, server)| server.cpu_ns.filter(|_| *shares));
        let hygiene = Hygiene {
            window_ns: Some(at_ns - opened.at_ns),
            busiest_thread_ns: busiest_thread_ns(&opened.threads, &threads),
            ..activity.since(opened.activity)
        };
        let hygiene = without_server(hygiene, beside_ns.unwrap_or(0));
        let hygiene = within_quota(hygiene, &throttling, &opened.throttling);
        server_pids.insert(u64::from(std::process::id()));
        let before = self.processes.as_ref();
        let busiest = before.map_or_else(Vec::new, |before| busiest(before, &all, &server_pids));
        self.seen = Some(Seen { hygiene, busiest, server: server.map(|(_, server)| server) });
    }

    /// What was seen until the last close; of a trial that broke in its window, until now.
    pub(crate) fn finish(mut self) -> Seen {
        if self.seen.is_none() {
            self.close(None);
        }
        self.seen.unwrap_or_default()
    }
}

/// The server under test is none of the others.
fn without_server(hygiene: Hygiene, server_ns: u64) -> Hygiene {
    Hygiene { others_ns: hygiene.others_ns.map(|ns| ns.saturating_sub(server_ns)), ..hygiene }
}

/// The time for which a quota stopped threads, and the idle time, limited to what the quota leaves.
fn within_quota(hygiene: Hygiene, now: &Throttling, before: &Throttling) -> Hygiene {
    let counts = now.since(before);
    let left_ns = |quota: f64| {
        let allowed_ns = quota * hygiene.window_ns? as f64;
        Some((allowed_ns - hygiene.own_ns? as f64).max(0.0) as u64)
    };
    let left_ns = now.cores.and_then(left_ns).unwrap_or(u64::MAX);
    Hygiene {
        idle_ns: hygiene.idle_ns.map(|idle_ns| idle_ns.min(left_ns)),
        throttled_ns: counts.map(|counts| counts.held_ns),
        throttled_periods: counts.map(|counts| counts.held_periods),
        quota_periods: counts.map(|counts| counts.periods),
        quota_millicores: now.cores.map(|cores| (cores * 1e3).round() as u64),
        ..hygiene
    }
}

/// Which processes used processor time between two looks, without `but`. What a process's ended children used is told to
/// it when it waits for them, so that a build is named although its compilers are gone.
fn busiest(before: &BTreeMap<u64, Stat>, after: &BTreeMap<u64, Stat>, but: &BTreeSet<u64>) -> Vec<Busy> {
    let same = |pid: &u64, stat: &Stat| before.get(pid).filter(|earlier| earlier.started == stat.started);
    let mut all: Vec<Busy> = Vec::new();
    for (pid, stat) in after.iter().filter(|(pid, _)| !but.contains(pid)) {
        let earlier = same(pid, stat);
        let own_ns = stat.own_ns.saturating_sub(earlier.map_or(0, |earlier| earlier.own_ns));
        // Of a child that was there before, what it had used by then is not of this time.
        let gone = before.iter().filter(|(child, stat)| {
            stat.parent == *pid && after.get(child).is_none_or(|later| later.started != stat.started)
        });
        let gone_ns: u64 = gone.map(|(_, stat)| stat.own_ns + stat.children_ns).sum();
        let children_ns = stat.children_ns.saturating_sub(earlier.map_or(0, |earlier| earlier.children_ns));
        let children_ns = children_ns.saturating_sub(gone_ns);
        all.push(Busy {
            process: Process { pid: *pid, name: stat.name.clone() },
            cpu_ns: own_ns + children_ns,
            by_children: children_ns > own_ns,
        });
    }
    all.retain(|busy| busy.cpu_ns >= WORTH_NAMING_NS);
    all.sort_by_key(|busy| std::cmp::Reverse(busy.cpu_ns));
    all.truncate(NAMED);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{BufRead, BufReader},
        net::TcpListener,
        os::fd::{AsRawFd, OwnedFd},
        process::{Child, Command, Stdio},
        thread,
        time::Duration,
    };

    const MS: u64 = 1_000_000;

    fn stat(parent: u64, own_ms: u64, children_ms: u64, started: u64) -> Stat {
        Stat { name: "p".into(), parent, own_ns: own_ms * MS, children_ns: children_ms * MS, started }
    }

    #[test]
    fn the_busiest_are_named_with_what_their_ended_children_used() {
        let before = BTreeMap::from([
            (1, stat(0, 1_000, 5_000, 1)),
            (20, stat(1, 100, 0, 2)),
            (30, stat(1, 10, 400, 3)),
            (31, stat(30, 200, 0, 4)),
            (40, stat(1, 900, 0, 5)),
            (50, stat(1, 0, 0, 6)),
        ]);
        let after = BTreeMap::from([
            (1, stat(0, 1_000, 5_000, 1)),
            (20, stat(1, 600, 0, 2)),
            // 31 ended with 700 ms, of which 500 are of this time; another child used 300.
            (30, stat(1, 20, 1_400, 3)),
            // Another process of the same number.
            (40, stat(1, 70, 0, 9)),
            (50, stat(1, 9_000, 0, 6)),
        ]);
        let named = busiest(&before, &after, &BTreeSet::from([50]));
        let told: Vec<_> =
            named.iter().map(|busy| (busy.process.pid, busy.cpu_ns / MS, busy.by_children)).collect();
        assert_eq!(told, [(30, 810, true), (20, 500, false), (40, 70, false)]);
    }

    #[test]
    fn a_quota_leaves_no_more_idle_time_than_it_allows() {
        let hygiene = Hygiene {
            window_ns: Some(1_000 * MS),
            idle_ns: Some(1_900 * MS),
            own_ns: Some(90 * MS),
            ..Hygiene::default()
        };
        let quota = |cores| Throttling { cores, ..Throttling::default() };
        let within = |cores| within_quota(hygiene, &quota(cores), &quota(cores)).idle_ns;
        assert_eq!(within(None), Some(1_900 * MS));
        assert_eq!(within(Some(0.1)), Some(10 * MS));
        assert_eq!(within(Some(0.05)), Some(0));
        assert_eq!(within(Some(8.0)), Some(1_900 * MS));
        assert_eq!(within_quota(hygiene, &quota(Some(0.1)), &quota(None)).quota_millicores, Some(100));
    }

    /// Ended with the value: a test that fails does not leave it burning.
    struct Burner(Child);

    impl Drop for Burner {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// A child that listens on loopback and burns a core: it inherits the socket as its standard input. It ends with this
    /// process, too, however that ends.
    fn listening_burner() -> (Burner, std::net::SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(listener.as_raw_fd() > 2);
        let child = Command::new("sh")
            .args([
                "-c",
                "echo ready; while kill -0 $PPID; do i=0; while [ $i -lt 99999 ]; do i=$((i+1)); done; done",
            ])
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        (Burner(child), address)
    }

    #[test]
    fn what_the_server_used_is_none_of_what_others_used() {
        let hygiene = Hygiene {
            window_ns: Some(1_000 * MS),
            idle_ns: Some(400 * MS),
            own_ns: Some(500 * MS),
            others_ns: Some(300 * MS),
            ..Hygiene::default()
        };
        let others = |ns| Hygiene { others_ns: ns, ..hygiene };
        assert_eq!(without_server(hygiene, 0), hygiene);
        assert_eq!(without_server(hygiene, 200 * MS), others(Some(100 * MS)));
        // Others are counted in steps of 10 ms and the server is not.
        assert_eq!(without_server(hygiene, 301 * MS), others(Some(0)));
        assert_eq!(without_server(others(None), 200 * MS), others(None));
    }

    /// What others used, by what the cores and this process did and by what the server used.
    fn others_ns(hygiene: &Hygiene, server_ns: u64) -> u64 {
        let known = |ns: Option<u64>| ns.expect("known on this system");
        let unused_ns = known(hygiene.idle_ns) + known(hygiene.steal_ns);
        let busy_ns = known(hygiene.cores_ns) - unused_ns;
        busy_ns.saturating_sub(known(hygiene.own_ns)).saturating_sub(server_ns)
    }

    /// The server's time is its own and none of the others'.
    #[test]
    fn a_process_that_listens_is_found_by_its_address_and_is_none_of_the_others() {
        let (mut burner, address) = listening_burner();
        let pid = u64::from(burner.0.id());
        let mut ready = String::new();
        BufReader::new(burner.0.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let facts = ServerFacts {
            product: "burner".into(),
            version: Some("1.2".into()),
            addresses: vec![address],
            is_embedded: false,
        };
        let watch = |facts: Option<&ServerFacts>| {
            let mut watch = HostWatch::new(None, false);
            watch.opened(facts);
            watch.edge(Edge::Opens, Counts { sent: 1_000, ended: 100 });
            // However busy the machine is, it gets some of it.
            let mut used_ns = 0;
            let clock = Clock::start();
            while used_ns < 200 * MS && clock.now_ns() < 60_000 * MS {
                thread::sleep(Duration::from_millis(20));
                used_ns += watch.look().map_or(if facts.is_none() { 10 * MS } else { 0 }, |now| now.cpu_ns);
            }
            watch.edge(Edge::Closes, Counts { sent: 3_000, ended: 300 });
            watch.finish()
        };
        let seen = watch(Some(&facts));
        let server = seen.server.unwrap();
        assert_eq!(server.missing, None);
        assert_eq!(server.processes, [Process { pid, name: "sh".into() }]);
        assert!(server.cpu_ns.unwrap() >= 200 * MS && server.shares_cores, "{server:?}");
        assert_eq!((server.messages, server.flows), (2_000, 200));
        assert!(server.busiest_thread_ns.unwrap() <= server.cpu_ns.unwrap() + 20 * MS, "{server:?}");
        assert!(server.memory_peak_bytes >= server.memory_bytes && server.memory_bytes > Some(100_000));
        assert!(!seen.busiest.iter().any(|busy| busy.process.pid == pid), "{:?}", seen.busiest);
        // A quota takes from the idle time, from which it is found out here what others used.
        let no_quota = seen.hygiene.quota_millicores.is_none();
        let expected = others_ns(&seen.hygiene, server.cpu_ns.unwrap());
        assert!(!no_quota || seen.hygiene.others_ns == Some(expected), "{server:?} {:?}", seen.hygiene);
        // Not told that it is the server, it is one of the others.
        let seen = watch(None);
        assert!(seen.server.is_none());
        let expected = others_ns(&seen.hygiene, 0);
        assert!(!no_quota || seen.hygiene.others_ns == Some(expected), "{:?}", seen.hygiene);
        assert!(expected >= 100 * MS, "the process that listens is among them: {:?}", seen.hygiene);
        assert!(seen.busiest.iter().any(|busy| busy.process.pid == pid), "{:?}", seen.busiest);
    }

    #[test]
    fn what_passes_after_the_last_close_is_not_looked_at() {
        let mut watch = HostWatch::new(None, false);
        let clock = Clock::start();
        watch.edge(Edge::Opens, Counts::default());
        watch.edge(Edge::Closes, Counts { sent: 10, ended: 9 });
        thread::sleep(Duration::from_millis(30));
        watch.edge(Edge::Closes, Counts { sent: 10, ended: 10 });
        let closed_ns = clock.now_ns();
        thread::sleep(Duration::from_millis(100));
        let window_ns = watch.finish().hygiene.window_ns.unwrap();
        assert!((30 * MS..=closed_ns).contains(&window_ns), "{window_ns} of {closed_ns}");
    }

    #[test]
    fn a_trial_that_broke_in_its_window_is_seen_until_then_and_one_before_it_not() {
        let mut watch = HostWatch::new(None, false);
        watch.opened(None);
        watch.edge(Edge::Opens, Counts::default());
        assert!(watch.finish().hygiene.window_ns.is_some());
        assert_eq!(HostWatch::new(None, false).finish().hygiene, Hygiene::default());
    }
}
