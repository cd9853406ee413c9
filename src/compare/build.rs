//! Builds a revision: in a work tree of its own, with a target folder of its own, before anything is measured.
//!
//! A commit has one work tree and one target folder in the user's cache; cargo decides what has to be built again. They lie outside of the
//! repository, because cargo and rustup look for their settings in all folders above, and those of the head are not the base's. The few
//! newest are kept.

use crate::{args::CompareArgs, broker, digest, exit::usage, output};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Builds of a repository that are kept.
const KEPT: usize = 3;

/// How revisions are built.
#[derive(Clone, Debug, Default)]
pub(super) struct How {
    /// The program, where a build makes several.
    pub program: Option<String>,
    /// Words for `cargo build` beside `--release`.
    pub cargo: Vec<String>,
}

impl How {
    pub(super) fn of(args: &CompareArgs) -> Self {
        Self { program: args.sides.program.clone(), cargo: args.sides.cargo.clone() }
    }
}

/// A program that was built.
pub(super) struct Built {
    pub program: PathBuf,
    /// The commit in full; `-dirty` where tracked files differ from it. `None`: the files are in no commit.
    pub revision: Option<String>,
}

fn git(words: &[&str]) -> Result<String, String> {
    let done = Command::new("git").args(words).stdin(Stdio::null()).output();
    let done = done.map_err(|error| format!("git cannot be run: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
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

/// Builds a revision, or the files as they are (`.`).
///
/// # Errors
/// There is no such revision, or it cannot be built: with the last words of the build.
pub(super) fn build(text: &str, how: &How) -> anyhow::Result<Built> {
    if text == "." {
        // Files that are in no repository can be compared, too.
        let revision = commit("HEAD").ok().map(|head| {
            let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
            if changed.is_ok_and(|changed| changed.is_empty()) { head } else { format!("{head}-dirty") }
        });
        output::remark("building the files as they are");
        return Ok(Built { program: cargo(Path::new("."), None, how)?, revision });
    }
    let revision = commit(text).map_err(|why| usage(format!("side `{text}`: {why}")))?;
    // The package may be in a folder of the repository.
    let inside = git(&["rev-parse", "--show-prefix"]).map_err(usage)?;
    let home = home()?;
    let short = &revision[..12];
    let (tree, target) = (home.join(short), home.join(format!("{short}-target")));
    check_out(text, &revision, &tree)?;
    let folder = tree.join(&inside);
    if !folder.is_dir() {
        return Err(usage(format!(
            "side `{text}`: it has no folder {inside}, so that there is nothing to build"
        )));
    }
    output::remark(&format!("building {text} ({short})"));
    let program = cargo(&folder, Some(&target), how)?;
    forget_old(&home, &tree);
    Ok(Built { program, revision: Some(revision) })
}

/// The folder of this repository's builds.
fn home() -> anyhow::Result<PathBuf> {
    let cache = broker::cache();
    let cache = cache.ok_or_else(|| usage("there is no folder for builds: set HOME or XDG_CACHE_HOME"))?;
    let repository = git(&["rev-parse", "--path-format=absolute", "--git-common-dir"]).map_err(usage)?;
    let home = cache.join("drumpost/builds").join(format!("{:08x}", digest::of_text(&repository)));
    fs::create_dir_all(&home)
        .map_err(|error| anyhow::anyhow!("failed to create {}: {error}", home.display()))?;
    Ok(home)
}

/// Has a commit in a work tree, as it is in the repository.
fn check_out(text: &str, revision: &str, tree: &Path) -> anyhow::Result<()> {
    let path = tree.to_string_lossy();
    let made = if tree.join(".git").exists() {
        // An earlier checkout may have been cut off, and anyone may have changed files in it.
        git(&["-C", &path, "checkout", "--quiet", "--detach", "--force", revision])
    } else {
        git(&["worktree", "add", "--detach", "--force", &path, revision])
    };
    let made = made.and_then(|said| match tree.join(".gitmodules").exists() {
        true => git(&["-C", &path, "submodule", "update", "--init", "--recursive"]),
        false => Ok(said),
    });
    made.map(drop).map_err(|why| anyhow::anyhow!("failed to check out {text} in {path}: {why}"))
}

/// Removes all builds of this repository but the newest few. What cannot be removed stays.
fn forget_old(home: &Path, own: &Path) {
    let trees = fs::read_dir(home).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut trees: Vec<(std::time::SystemTime, PathBuf)> = trees
        .filter(|path| path != own && path.join(".git").exists())
        .filter_map(|path| Some((fs::metadata(target_of(&path)).ok()?.modified().ok()?, path)))
        .collect();
    trees.sort();
    let old = trees.len().saturating_sub(KEPT - 1);
    for (_, tree) in trees.into_iter().take(old) {
        let _ = git(&["worktree", "remove", "--force", &tree.to_string_lossy()]);
        let _ = fs::remove_dir_all(target_of(&tree));
    }
}

fn target_of(tree: &Path) -> PathBuf {
    let mut name = tree.file_name().unwrap_or_default().to_owned();
    name.push("-target");
    tree.with_file_name(name)
}

/// Runs `cargo build --release` in a folder and gives the program that it made.
fn cargo(folder: &Path, target: Option<&Path>, how: &How) -> anyhow::Result<PathBuf> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder).args(["build", "--release", "--message-format=json-render-diagnostics"]);
    command.args(&how.cargo).stdin(Stdio::null()).stdout(Stdio::piped());
    if let Some(target) = target {
        command.env("CARGO_TARGET_DIR", target);
    }
    let failed = |why: String| anyhow::anyhow!("failed to build in {}: {why}", folder.display());
    let mut child = command.spawn().map_err(|error| failed(format!("cargo cannot be run: {error}")))?;
    let mut programs: Vec<(String, PathBuf)> = Vec::new();
    for line in BufReader::new(child.stdout.take().expect("it is piped")).split(b'\n').map_while(Result::ok) {
        let Ok(Value::Object(said)) = serde_json::from_slice(&line) else { continue };
        let target = &said.get("target").cloned().unwrap_or_default();
        let is_program =
            target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "bin"));
        let name = target["name"].as_str().unwrap_or_default().to_owned();
        if let (true, Some(path)) = (is_program, said.get("executable").and_then(Value::as_str)) {
            programs.push((name, path.into()));
        }
    }
    let status = child.wait()?;
    if !status.success() {
        return Err(failed(format!("cargo ended with {status}; what it said is above")));
    }
    choose(programs, how.program.as_deref()).map_err(failed)
}

/// The program of a build: the only one, that which was named, or `drumpost`.
fn choose(mut programs: Vec<(String, PathBuf)>, named: Option<&str>) -> Result<PathBuf, String> {
    let names = programs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let wanted = named.unwrap_or("drumpost");
    let place = match programs.len() {
        1 if named.is_none() => Some(0),
        _ => programs.iter().position(|(name, _)| name == wanted),
    };
    match place {
        Some(place) => Ok(programs.swap_remove(place).1),
        None if programs.is_empty() => Err("it makes no program".into()),
        None => Err(format!("it makes {names}; name the one to run with --program NAME")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_a_build_is_the_only_one_or_that_which_was_named() {
        let made = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), (*name).into())).collect();
        assert_eq!(choose(made(&["mine"]), None), Ok("mine".into()));
        assert_eq!(choose(made(&["mine", "drumpost"]), None), Ok("drumpost".into()));
        assert_eq!(choose(made(&["mine", "other"]), Some("other")), Ok("other".into()));
        let error = choose(made(&["mine", "other"]), None).unwrap_err();
        assert_eq!(error, "it makes mine, other; name the one to run with --program NAME");
        let error = choose(made(&["mine"]), Some("other")).unwrap_err();
        assert_eq!(error, "it makes mine; name the one to run with --program NAME");
        assert!(choose(vec![], None).is_err());
    }

    #[test]
    fn what_is_no_commit_is_refused() {
        assert!(commit("--help").is_err() && commit("-x").is_err() && commit("^HEAD").is_err());
    }
}
