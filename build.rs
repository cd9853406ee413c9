//! Says what the program is built with: the compiler, its flags, and in a release build the revision of its sources. Records carry them.
//!
//! A build without optimisations has no revision: its figures say nothing, and every commit would build the program again.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    if let Some(version) = said(&compiler, &["--version"]) {
        println!("cargo::rustc-env=DRUMPOST_TOOLCHAIN={version}");
    }
    // The flags of the compiler: from the variable or from cargo's settings, whichever cargo takes.
    println!("cargo::rerun-if-env-changed=RUSTFLAGS");
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    println!("cargo::rustc-env=DRUMPOST_RUSTFLAGS={}", flags.replace(['\u{1f}', '\n'], " "));
    if std::env::var("PROFILE").as_deref() == Ok("release")
        && let Some(revision) = revision()
    {
        println!("cargo::rustc-env=DRUMPOST_BUILT_REVISION={revision}");
    }
    // More than half of a program without optimisations is its tables of lines, and tests of comparisons copy it a thousand times. So `scripts/test`
    // asks for a program without them. The test programs, which are not copied, keep theirs.
    println!("cargo::rerun-if-env-changed=DRUMPOST_WITHOUT_LINES");
    if std::env::var_os("DRUMPOST_WITHOUT_LINES").is_some() {
        println!("cargo::rustc-link-arg-bins=-Wl,--strip-debug");
    }
}

/// The commit in full, with `-dirty` where files differ from it. `None`: the sources are not the top of a repository.
fn revision() -> Option<String> {
    let git = |words: &[&str]| said("git", words);
    if !git(&["rev-parse", "--show-prefix"])?.is_empty() {
        return None;
    }
    // A commit is noted in these, and a change of a file makes it differ from the commit.
    for name in ["HEAD", "logs/HEAD"] {
        watch(&git(&["rev-parse", "--git-path", name])?);
    }
    let folders = std::fs::read_dir(".").ok()?.flatten().map(|entry| entry.path().join("src"));
    folders.chain(["src".into()]).for_each(|folder| watch(&folder.to_string_lossy()));
    let head = git(&["rev-parse", "--verify", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    // As `src/compare/work_tree.rs` has it for the sides of a comparison: a source that git does not know changes what is built.
    let sources = [":(top,glob)**/*.rs", ":(top,glob)**/Cargo.toml", ":(top,glob)**/.cargo/config.toml"];
    let unknown = git(&[&["status", "--porcelain", "--untracked-files=all", "--"][..], &sources].concat())?;
    Some(if changed.is_empty() && unknown.is_empty() { head } else { format!("{head}-dirty") })
}

/// A path that is not there would have this run with every build.
fn watch(path: &str) {
    if Path::new(path).exists() {
        println!("cargo::rerun-if-changed={path}");
    }
}

/// The output of a command, such as `git`, in one line; `None` if it cannot be run or fails.
fn said(program: &str, words: &[&str]) -> Option<String> {
    let done = Command::new(program).args(words).output().ok().filter(|done| done.status.success())?;
    let text = String::from_utf8(done.stdout).ok()?;
    Some(text.trim().replace('\n', " "))
}
