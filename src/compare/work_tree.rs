//! The work tree of a revision: its files in a folder of its own, with a target folder of its own.
//!
//! A commit has one work tree and one target folder in the user's cache; cargo decides what has to be built again. They lie outside of the
//! repository, because cargo and rustup look for their settings in all folders above, and those of the head are not the base's. The few
//! newest are kept. One process at a time works in the folder of a repository's builds.

use super::tool;
use crate::{broker, digest, exit::usage, interrupt::Interrupt, output};
use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

/// Builds of a repository that are kept.
const KEPT: usize = 3;
/// How often a lock that another process holds is tried again.
const LOOK: Duration = Duration::from_millis(100);
/// Builds of another process that are waited for take at most this long.
const OTHERS_BUILD: Duration = Duration::from_secs(30 * 60);
/// Variables by which git tells a hook where the repository and its files are. With them set, a command of git in a work tree would change
/// the user's own files.
pub(super) const GIT_VARIABLES: [&str; 6] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"];

/// The files of a revision.
pub(super) struct WorkTree {
    /// The folder to build in. A package may be in a folder of the repository.
    pub folder: PathBuf,
    /// The target folder.
    pub target: PathBuf,
    pub locked: Locked,
}

/// A short command of git in the user's repository.
fn git(words: &[&str]) -> Result<String, String> {
    git_until(words, &Interrupt::default())
}

/// A command of git in the user's repository, which is ended when the user interrupts.
fn git_until(words: &[&str], interrupted: &Interrupt) -> Result<String, String> {
    let mut command = Command::new("git");
    // The index is that of the files here, and none of the commands is about those.
    command.env_remove("GIT_INDEX_FILE").env_remove("GIT_PREFIX");
    run(&mut command, words, interrupted)
}

/// The same in a work tree.
fn git_in(tree: &Path, words: &[&str], interrupted: &Interrupt) -> Result<String, String> {
    let mut command = Command::new("git");
    for variable in GIT_VARIABLES {
        command.env_remove(variable);
    }
    run(command.arg("-C").arg(tree), words, interrupted)
}

fn run(command: &mut Command, words: &[&str], interrupted: &Interrupt) -> Result<String, String> {
    // A submodule may be on a server that asks for a password, and nobody may be there to type it.
    let done = tool::output(command.args(words).env("GIT_TERMINAL_PROMPT", "0"), interrupted);
    let done = done.map_err(|error| format!("git cannot be run: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match done.status.success() {
        true => Ok(text(&done.stdout)),
        false if interrupted.is_set() => Err("interrupted".into()),
        false => Err(text(&done.stderr)),
    }
}

/// The commit that a text names, in full.
///
/// # Errors
/// It names none, or git cannot tell.
pub(super) fn commit(text: &str) -> Result<String, String> {
    // A text that begins with a dash would be a flag of git.
    if text.starts_with('-') {
        return Err(format!("`{text}` is no revision"));
    }
    let is_commit = |name: &String| name.len() >= 40 && name.chars().all(|c| c.is_ascii_hexdigit());
    let found = git(&["rev-parse", "--verify", "--quiet", &format!("{text}^{{commit}}")]);
    found.and_then(|name| if is_commit(&name) { Ok(name) } else { Err(String::new()) }).map_err(|why| {
        if !why.is_empty() {
            return why;
        }
        let is_shallow = git(&["rev-parse", "--is-shallow-repository"]).is_ok_and(|said| said == "true");
        let hint =
            if is_shallow { "; this clone is shallow: fetch its history (fetch-depth: 0)" } else { "" };
        format!("`{text}` is no revision of the repository here{hint}")
    })
}

/// Files that git does not know and that change what cargo builds. Others, such as records and pages, may lie beside the sources.
const SOURCES: [&str; 7] = [
    ":(top,glob)**/*.rs",
    ":(top,glob)**/Cargo.toml",
    ":(top,glob)**/Cargo.lock",
    ":(top,glob)**/.cargo/config",
    ":(top,glob)**/.cargo/config.toml",
    ":(top,glob)**/rust-toolchain",
    ":(top,glob)**/rust-toolchain.toml",
];

/// The commit of the files as they are, with `-dirty` if a tracked file differs from it or there is a source file that git neither
/// tracks nor ignores. Files that are in no repository can be compared, too.
pub(super) fn revision_of_files() -> Option<String> {
    let head = commit("HEAD").ok()?;
    let said = |words: &[&str]| run(&mut Command::new("git"), words, &Interrupt::default());
    let is_empty = |words: &[&str]| said(words).is_ok_and(|said| said.is_empty());
    let is_clean = is_empty(&["status", "--porcelain", "--untracked-files=no"])
        && is_empty(&[&["status", "--porcelain", "--untracked-files=all", "--"][..], &SOURCES].concat());
    Some(if is_clean { head } else { format!("{head}-dirty") })
}

/// The name of a commit as people write it.
pub(super) fn short(revision: &str) -> &str {
    &revision[..12]
}

/// Has the files of a commit in a work tree.
///
/// # Errors
/// There is no folder for it, or git fails.
pub(super) fn of(text: &str, revision: &str, interrupted: &Interrupt) -> anyhow::Result<WorkTree> {
    let inside = git(&["rev-parse", "--show-prefix"]).map_err(usage)?;
    let locked = lock(home()?, interrupted)?;
    let tree = locked.home.join(short(revision));
    check_out(revision, &tree, interrupted)
        .map_err(|why| anyhow::anyhow!("failed to check out {text} in {}: {why}", tree.display()))?;
    let folder = tree.join(&inside);
    if !folder.is_dir() {
        return Err(usage(format!(
            "side `{text}`: it has no folder {inside}, so that there is nothing to build"
        )));
    }
    Ok(WorkTree { folder, target: target_of(&tree), locked })
}

/// The folder of this repository's builds.
fn home() -> anyhow::Result<PathBuf> {
    let cache = broker::cache();
    let cache = cache.ok_or_else(|| usage("there is no folder for builds: set HOME or XDG_CACHE_HOME"))?;
    let repository = git(&["rev-parse", "--path-format=absolute", "--git-common-dir"]).map_err(usage)?;
    Ok(cache.join("drumpost/builds").join(format!("{:08x}", digest::of_text(&repository))))
}

/// A folder of builds in which no other process works until this is dropped. The system releases the lock when a process ends, however
/// it ends.
pub(super) struct Locked {
    home: PathBuf,
    _file: File,
}

fn lock(home: PathBuf, interrupted: &Interrupt) -> anyhow::Result<Locked> {
    let failed = |what: &str, error: std::io::Error| {
        usage(format!(
            "failed to {what} the folder of builds {}: {error}; another one can be named with XDG_CACHE_HOME",
            home.display()
        ))
    };
    fs::create_dir_all(&home).map_err(|error| failed("create", error))?;
    let path = home.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|error| failed("write to", error))?;
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            // Not every file system can, and those that cannot are no reason not to measure.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(Locked { home, _file: file }),
            Err(TryLockError::WouldBlock) if interrupted.is_set() => {
                anyhow::bail!("interrupted while another process builds in {}", home.display());
            }
            Err(TryLockError::WouldBlock) if waited >= OTHERS_BUILD => {
                anyhow::bail!("another process builds in {}, and did not end", home.display());
            }
            Err(TryLockError::WouldBlock) => {
                if waited.is_zero() {
                    output::remark(
                        "waiting for another comparison, which builds a revision of this repository",
                    );
                }
                thread::sleep(LOOK);
                waited += LOOK;
            }
        }
    }
}

/// Has a commit in a work tree, as it is in the repository.
fn check_out(revision: &str, tree: &Path, interrupted: &Interrupt) -> Result<(), String> {
    // An earlier checkout may have been cut off, and anyone may have changed files in it.
    let is_there = tree.join(".git").exists()
        && git_in(tree, &["checkout", "--quiet", "--detach", "--force", revision], interrupted).is_ok();
    if !is_there && interrupted.is_set() {
        return Err("interrupted".into());
    }
    if !is_there {
        // What is there is no work tree of this repository, as when another one was in its place before.
        let _ = fs::remove_dir_all(tree);
        // Forced twice, it takes the place of a work tree whose making was cut off.
        let path = tree.to_string_lossy();
        git_until(&["worktree", "add", "--detach", "--force", "--force", &path, revision], interrupted)?;
    }
    if tree.join(".gitmodules").exists() {
        git_in(tree, &["submodule", "update", "--init", "--recursive"], interrupted)?;
    }
    Ok(())
}

impl Locked {
    /// Removes all builds of this repository but the newest few and that of a revision. What cannot be removed stays.
    pub(super) fn forget_old(&self, revision: &str) {
        let own = self.home.join(short(revision));
        let trees = fs::read_dir(&self.home).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut trees: Vec<(std::time::SystemTime, PathBuf)> = trees
            .filter(|path| *path != own && path.join(".git").exists())
            .filter_map(|path| Some((fs::metadata(target_of(&path)).ok()?.modified().ok()?, path)))
            .collect();
        trees.sort();
        let old = trees.len().saturating_sub(KEPT - 1);
        for (_, tree) in trees.into_iter().take(old) {
            let _ = git(&["worktree", "remove", "--force", &tree.to_string_lossy()]);
            let _ = fs::remove_dir_all(&tree);
            let _ = fs::remove_dir_all(target_of(&tree));
        }
    }
}

fn target_of(tree: &Path) -> PathBuf {
    let mut name = tree.file_name().unwrap_or_default().to_owned();
    name.push("-target");
    tree.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_commit_is_refused() {
        assert!(commit("--help").is_err() && commit("-x").is_err() && commit("^HEAD").is_err());
    }
}
