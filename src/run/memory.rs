//! Estimates the memory of a run before it is allocated.
//!
//! A queue is allocated at once for as many messages as `--capacity` says. A process that asks for more memory than
//! there is ends without an error that names the flag. Lives here: a low estimate of what flags make large, and the
//! free memory, less what this process takes already. Does not live here: what else a run takes, which is some ten MiB.

use crate::{
    exit::usage,
    host::groups::{self, Version},
};
use drumpost_core::{
    load::Pace,
    message::Message,
    plan::{self, TrialPlan},
    registry::{RunsOn, TransportEntry},
    wiring::Destination,
};
use drumpost_results::units;
use rustix::process::{Resource, getrlimit};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// One message in a queue: the message itself, and a word that says whether its place is taken.
const SLOT_LEN: u64 = size_of::<Message>() as u64 + 8;

/// Buffers of one batch that a lane and its ports have.
const BATCHES: u64 = 4;

/// Bytes of an instance whose thread has histograms and credit for all its instances, and of one that has its own, which
/// are small as long as little happens. Measured with 20,000 instances over crossbeam, and with 2,000 over nats, where each
/// takes another 40 KiB for its connection.
const CROWDED_LANE_LEN: u64 = 8 << 10;
const LANE_LEN: u64 = 12 << 10;

/// Bytes per pair of a competing instance and a producer that it hears, and pairs up to which each has them.
const PAIR_LEN: u64 = 4;
const PAIRS_MAX: u64 = 1 << 20;

/// Bytes per user with think time: the due time of the next flow, and its number.
const USER_LEN: u64 = 32;

/// Bytes, and what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Need {
    bytes: u64,
    flag: &'static str,
    what: &'static str,
}

/// Refuses a run for which there is not enough memory.
///
/// # Errors
/// Names the flag that takes most, how much it takes and how much there is.
pub(super) fn check(plan: &TrialPlan, entry: &TransportEntry) -> anyhow::Result<()> {
    fits(&needs(plan, entry), available())
}

fn fits(needs: &[Need], available: u64) -> anyhow::Result<()> {
    let total = needs.iter().fold(0_u64, |sum, need| sum.saturating_add(need.bytes));
    if total <= available {
        return Ok(());
    }
    let most = needs.iter().max_by_key(|need| need.bytes);
    let Some(Need { bytes, flag, what }) = most else { return Ok(()) };
    Err(usage(format!(
        "{flag}: {what} take about {}, but only {} of memory are free; use a smaller number",
        units::size(*bytes),
        units::size(available)
    )))
}

/// A low estimate: nothing is refused that fits.
fn needs(plan: &TrialPlan, entry: &TransportEntry) -> Vec<Need> {
    let wiring = &plan.wiring;
    let lanes = u64::from(wiring.instance_count());
    // Each receiving service has a queue at least; a simulated target and a server make theirs as messages come.
    let queues = match entry.runs_on {
        RunsOn::Inline | RunsOn::Simulation => 0,
        RunsOn::Threads | RunsOn::Tasks if entry.needs_server => 0,
        RunsOn::Threads | RunsOn::Tasks => {
            wiring.destinations.iter().map(|destination| destination.receivers.len().max(1) as u64).sum()
        }
    };
    let product = |factors: &[u64]| factors.iter().fold(1_u64, |product, n| product.saturating_mul(*n));
    let crowded = entry.runs_on == RunsOn::Threads && plan::is_crowded(plan);
    let lane_len = if crowded { CROWDED_LANE_LEN } else { LANE_LEN };
    // Competing instances keep a number for each producer that they hear, as long as there are not too many such pairs.
    let pairs = |destination: &Destination| {
        let instances = |service: usize| wiring.services[service].instances.len() as u64;
        let hears = |service: &usize| product(&[instances(*service), instances(destination.sender)]);
        destination.receivers.iter().map(hears).filter(|pairs| *pairs <= PAIRS_MAX).sum::<u64>()
    };
    let pairs = wiring.destinations.iter().map(pairs).fold(0, u64::saturating_add);
    // Where lanes publish the ends of flows themselves, each has a count for each lane that starts flows.
    let publish_themselves = matches!(entry.runs_on, RunsOn::Inline | RunsOn::Simulation);
    let ends = if publish_themselves { product(&[lanes, wiring.driven().count() as u64, 16]) } else { 0 };
    let users = match plan.load.pace {
        Pace::Closed { in_flight } if plan.load.thinks => in_flight,
        _ => 0,
    };
    vec![
        Need {
            bytes: product(&[queues, wiring.capacity as u64, SLOT_LEN]),
            flag: "--capacity",
            what: "queues of this length",
        },
        Need {
            bytes: product(&[lanes, wiring.batch as u64, BATCHES, size_of::<Message>() as u64]),
            flag: "--batch",
            what: "buffers of this length for every instance",
        },
        Need {
            bytes: product(&[lanes, lane_len])
                .saturating_add(product(&[pairs, PAIR_LEN]))
                .saturating_add(ends),
            flag: "--instances",
            what: "this many instances",
        },
        Need {
            bytes: product(&[users, USER_LEN]),
            flag: "--in-flight",
            what: "this many users with think time",
        },
    ]
}

/// Bytes that this process may still allocate: the free memory of the system, limited by its control groups and its own limits.
fn available() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let own = [(Resource::As, "VmSize:"), (Resource::Data, "VmData:")]
        .into_iter()
        .filter_map(|(resource, used)| left_of(getrlimit(resource).current, &status, used))
        .min();
    let system = fs::read_to_string("/proc/meminfo").ok().and_then(|text| in_meminfo(&text));
    let groups = left_in_groups(Path::new("/"));
    [groups, own, system].into_iter().flatten().min().unwrap_or(u64::MAX)
}

/// What a limit of the process leaves, less what it takes already by its `/proc/self/status`. `None`: there is no limit.
fn left_of(limit: Option<u64>, status: &str, used: &str) -> Option<u64> {
    Some(limit?.saturating_sub(in_kib(status, used).unwrap_or(0)))
}

/// What the control groups of the process, and those around them, leave. `None`: none of them has a limit.
fn left_in_groups(root: &Path) -> Option<u64> {
    let left = |(version, folder): (Version, PathBuf)| {
        let number = |name: &str| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
        let (limit, used) = match version {
            Version::One => ("memory.limit_in_bytes", "memory.usage_in_bytes"),
            Version::Two => ("memory.max", "memory.current"),
        };
        Some(number(limit)?.saturating_sub(number(used)?))
    };
    groups::around(root, "memory").into_iter().filter_map(left).min()
}

fn in_meminfo(text: &str) -> Option<u64> {
    in_kib(text, "MemAvailable:")
}

/// Bytes of a line such as `VmSize:    2048 kB`.
fn in_kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_said_with_both_sizes() {
        let needs = [
            Need { bytes: 3 << 30, flag: "--capacity", what: "queues of this length" },
            Need { bytes: 1 << 20, flag: "--batch", what: "buffers" },
        ];
        assert!(fits(&needs, 4 << 30).is_ok());
        let said = fits(&needs, 1 << 30).unwrap_err().to_string();
        assert_eq!(
            said,
            "--capacity: queues of this length take about 3 GiB, but only 1 GiB of memory are free; use a smaller number"
        );
        let endless = [Need { bytes: u64::MAX, ..needs[0] }, needs[1]];
        assert!(fits(&endless, u64::MAX - 1).is_err());
    }

    #[test]
    fn the_system_says_how_much_is_left() {
        assert_eq!(in_meminfo("MemTotal: 9 kB\nMemAvailable:     2048 kB\n"), Some(2 << 20));
        assert_eq!(in_meminfo("MemTotal: 9 kB\n"), None);
        assert!(available() > 0);
    }

    #[test]
    fn what_the_process_takes_already_counts_against_its_limits() {
        let status = "VmPeak:\t    4096 kB\nVmSize:\t    3072 kB\nVmData:\t     512 kB\n";
        assert_eq!(left_of(Some(4 << 20), status, "VmSize:"), Some(1 << 20));
        assert_eq!(left_of(Some(4 << 20), status, "VmData:"), Some(7 << 19));
        assert_eq!(left_of(Some(1 << 20), status, "VmSize:"), Some(0));
        assert_eq!((left_of(None, status, "VmSize:"), left_of(Some(9), "", "VmSize:")), (None, Some(9)));
    }

    /// A group that has a limit of its own within the root's, of either version.
    #[test]
    fn the_tightest_of_the_groups_around_the_process_counts() {
        for (group, mount, folder, files) in [
            (
                "5:memory:/pod/box\n",
                "33 23 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
                "sys/fs/cgroup/memory",
                ["memory.limit_in_bytes", "memory.usage_in_bytes"],
            ),
            (
                "0::/pod/box\n",
                "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
                "sys/fs/cgroup",
                ["memory.max", "memory.current"],
            ),
        ] {
            let root = tempfile::tempdir().unwrap();
            let write = |path: &str, text: &str| {
                let path = root.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            };
            write("proc/self/cgroup", group);
            write("proc/self/mountinfo", mount);
            assert_eq!(left_in_groups(root.path()), None);
            for (below, limit, used) in
                [("", "9000", "7000"), ("pod/", "400", "100"), ("pod/box/", "max", "50")]
            {
                write(&format!("{folder}/{below}{}", files[0]), limit);
                write(&format!("{folder}/{below}{}", files[1]), used);
            }
            assert_eq!(left_in_groups(root.path()), Some(300), "{group}");
        }
    }
}
