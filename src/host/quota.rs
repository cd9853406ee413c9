//! CPU quotas of control groups, version 1 and 2, and the time for which they stopped threads.
//!
//! A container may use up its quota within a part of each period (100 ms by default). Its threads then stand still for
//! the rest of the period. Neither the idle time of cores nor the CPU time of the process shows that.

use super::groups::{self, Version};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The groups with a processor controller that the process is in: its own and those around it, any of which may hold it
/// back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Groups(Vec<Group>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    folder: PathBuf,
    version: Version,
}

/// Counts since the groups were made.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Throttling {
    /// By group, in the order of [`Groups`].
    pub(super) counts: Vec<Counts>,
    /// The smallest quota, in cores.
    pub cores: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Summed over cores.
    pub held_ns: u64,
    pub held_periods: u64,
    pub periods: u64,
}

impl Groups {
    pub(super) fn of_host() -> Self {
        Self::at(Path::new("/"))
    }

    /// Those of this process, in a tree that begins at `root`.
    pub(super) fn at(root: &Path) -> Self {
        let all = groups::around(root, "cpu").into_iter();
        let mut found: Vec<Group> = all.map(|(version, folder)| Group { folder, version }).collect();
        found.retain(|group| group.folder.join("cpu.stat").is_file());
        Self(found)
    }

    pub(super) fn now(&self) -> Throttling {
        Throttling {
            counts: self.0.iter().map(Group::counts).collect(),
            cores: self.0.iter().filter_map(Group::quota).min_by(f64::total_cmp),
        }
    }
}

impl Group {
    fn counts(&self) -> Counts {
        let text = fs::read_to_string(self.folder.join("cpu.stat")).unwrap_or_default();
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
            line.and_then(|value| value.trim().parse::<u64>().ok())
        };
        let held_ns = match self.version {
            Version::One => value("throttled_time"),
            Version::Two => value("throttled_usec").map(|us| us.saturating_mul(1_000)),
        };
        Counts {
            held_ns: held_ns.unwrap_or(0),
            held_periods: value("nr_throttled").unwrap_or(0),
            periods: value("nr_periods").unwrap_or(0),
        }
    }

    /// In cores; `None` if there is none: `max` in version 2, -1 in version 1.
    fn quota(&self) -> Option<f64> {
        let read = |name: &str| fs::read_to_string(self.folder.join(name)).ok();
        let (quota, period) = match self.version {
            Version::One => (read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?),
            Version::Two => {
                let both = read("cpu.max")?;
                let (quota, period) = both.trim().split_once(' ')?;
                (quota.to_owned(), period.to_owned())
            }
        };
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|us| *us > 0.0);
        Some(number(&quota)? / number(&period)?)
    }
}

impl Throttling {
    /// What happened since `earlier`: of the group that held back most. A group around it that holds back counts the same
    /// time again.
    pub(super) fn since(&self, earlier: &Self) -> Option<Counts> {
        let groups = self.counts.iter().zip(&earlier.counts).map(|(now, before)| Counts {
            held_ns: now.held_ns.saturating_sub(before.held_ns),
            held_periods: now.held_periods.saturating_sub(before.held_periods),
            periods: now.periods.saturating_sub(before.periods),
        });
        groups.max_by_key(|counts| (counts.held_ns, counts.periods))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(groups: &str, mounts: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let both = [("proc/self/cgroup", groups), ("proc/self/mountinfo", mounts)];
        for (path, text) in both.iter().chain(files) {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    const STAT_V2: &str =
        "usage_usec 900\nuser_usec 1\nnr_periods 20\nnr_throttled 9\nthrottled_usec 818000\n";

    #[test]
    fn version_2_is_read_up_to_the_root_of_the_mount() {
        let root = tree(
            "0::/pod/box\n",
            "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
            &[
                ("sys/fs/cgroup/cpu.stat", "usage_usec 5\n"),
                ("sys/fs/cgroup/pod/cpu.stat", STAT_V2),
                ("sys/fs/cgroup/pod/cpu.max", "150000 100000\n"),
                ("sys/fs/cgroup/pod/box/cpu.stat", "nr_periods 3\nnr_throttled 0\nthrottled_usec 0\n"),
                ("sys/fs/cgroup/pod/box/cpu.max", "max 100000\n"),
            ],
        );
        let groups = Groups::at(root.path());
        assert_eq!(groups.0.len(), 3);
        let before = groups.now();
        assert_eq!(before.cores, Some(1.5));
        let more = STAT_V2.replace("20", "30").replace(" 9\n", " 18\n").replace("818000", "1636000");
        fs::write(root.path().join("sys/fs/cgroup/pod/cpu.stat"), more).unwrap();
        let expected = Counts { held_ns: 818_000_000, held_periods: 9, periods: 10 };
        assert_eq!(groups.now().since(&before), Some(expected));
    }

    #[test]
    fn version_1_is_read_where_the_container_sees_its_own_group() {
        let root = tree(
            "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:cpuset:/docker/abc\n0::/\n",
            "31 30 0:27 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n\
             32 30 0:28 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
             33 30 0:29 / /sys/fs/cgroup/cpuset ro - cgroup cgroup rw,cpuset\n",
            &[
                (
                    "sys/fs/cgroup/cpu,cpuacct/cpu.stat",
                    "nr_periods 10\nnr_throttled 9\nthrottled_time 818000000\n",
                ),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "10000\n"),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
                ("sys/fs/cgroup/memory/cpu.stat", "nr_periods 1\n"),
            ],
        );
        let groups = Groups::at(root.path());
        assert_eq!(groups.0.len(), 1);
        let now = groups.now();
        assert_eq!(now.cores, Some(0.1));
        let expected = Counts { held_ns: 818_000_000, held_periods: 9, periods: 10 };
        assert_eq!(now.since(&Throttling { counts: vec![Counts::default()], cores: None }), Some(expected));
        fs::write(root.path().join("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us"), "-1\n").unwrap();
        assert_eq!(groups.now().cores, None);
    }

    #[test]
    fn without_a_processor_controller_nothing_is_known() {
        let root = tree("3:memory:/\n", "30 23 0:1 / /proc rw - proc proc rw\n", &[]);
        let groups = Groups::at(root.path());
        assert_eq!(groups, Groups::default());
        assert_eq!(groups.now().since(&groups.now()), None);
        assert_eq!(Groups::at(Path::new("/nowhere")), Groups::default());
    }
}
