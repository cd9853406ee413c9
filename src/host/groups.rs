//! The control groups that the process is in, version 1 and 2: its own and those around it. What they limit is read by
//! `quota` (processor time) and by the check of memory before a run.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The version of a hierarchy of control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// A hierarchy for each controller.
    One,
    /// One hierarchy for all controllers.
    Two,
}

/// The folders of the groups of this process with a controller, `cpu` or `memory`, in a tree that begins at `root`. Of
/// version 2 all groups are given, whether the controller is switched on or not.
pub(crate) fn around(root: &Path, controller: &str) -> Vec<(Version, PathBuf)> {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let (groups, mounts) = (read("proc/self/cgroup"), read("proc/self/mountinfo"));
    let mut found = Vec::new();
    for (version, path) in groups.lines().filter_map(|line| membership(line, controller)) {
        for mount in mounts.lines().filter_map(|line| mounted(line, version, controller)) {
            found.extend(chain(root, &mount, path).map(|folder| (version, folder)));
        }
    }
    found
}

/// A line of `/proc/self/cgroup`, if it is of that controller or of version 2: `4:cpu,cpuacct:/docker/x`, `0::/x`.
fn membership<'a>(line: &'a str, wanted: &str) -> Option<(Version, &'a str)> {
    let mut parts = line.splitn(3, ':');
    let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    match (number, controllers) {
        ("0", "") => Some((Version::Two, path)),
        _ if controllers.split(',').any(|controller| controller == wanted) => Some((Version::One, path)),
        _ => None,
    }
}

/// Where a hierarchy is mounted, and which of its groups is seen there.
struct Mount<'a> {
    group: &'a str,
    point: &'a str,
}

/// A line of `/proc/self/mountinfo` (proc(5)), if it is a hierarchy of that version with that controller.
fn mounted<'a>(line: &'a str, version: Version, wanted: &str) -> Option<Mount<'a>> {
    let (before, after) = line.split_once(" - ")?;
    let before: Vec<&str> = before.split(' ').collect();
    let after: Vec<&str> = after.split(' ').collect();
    let mount = Mount { group: before.get(3)?, point: before.get(4)? };
    let fits = match version {
        Version::Two => after.first() == Some(&"cgroup2"),
        Version::One => {
            after.first() == Some(&"cgroup")
                && after.get(2).is_some_and(|options| options.split(',').any(|option| option == wanted))
        }
    };
    fits.then_some(mount)
}

/// The folders of a group and of all around it, up to where the hierarchy is mounted. A container often sees its own group
/// as the root of the mount, while the path of the group is still the host's.
fn chain(root: &Path, mount: &Mount<'_>, path: &str) -> impl Iterator<Item = PathBuf> {
    let top = root.join(mount.point.trim_start_matches('/'));
    let below = match mount.group {
        "/" => Some(path),
        group => path.strip_prefix(group).filter(|rest| rest.is_empty() || rest.starts_with('/')),
    };
    let own = top.join(below.unwrap_or("").trim_start_matches('/'));
    let own = if own.is_dir() { own } else { top.clone() };
    let mut next = Some(own);
    std::iter::from_fn(move || {
        let this = next.take()?;
        next = (this != top).then(|| this.parent().map(Path::to_path_buf)).flatten();
        Some(this)
    })
}
