//! Builds a side with cargo: the files as they are, or a revision in its work tree.
//!
//! Lives here also: which toolchain builds. Does not live here: where the work tree comes from (`work_tree`), and which variables a build has
//! (`environment`).

mod environment;

use super::{
    tool::{LOOK, Tool},
    work_tree::{self, Locked, WorkTree},
};
use crate::{args::CompareArgs, exit::usage, interrupt::Interrupt, output};
use environment::Environment;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
};

/// How revisions are built.
#[derive(Clone, Debug)]
pub(super) struct How<'a> {
    /// The program, where a build makes several.
    pub program: Option<String>,
    /// Words for `cargo build` beside `--release`.
    pub cargo: Vec<String>,
    pub interrupted: &'a Interrupt,
}

impl<'a> How<'a> {
    pub(super) fn of(args: &CompareArgs, interrupted: &'a Interrupt) -> Self {
        Self { program: args.sides.program.clone(), cargo: args.sides.cargo.clone(), interrupted }
    }
}

/// A program that was built.
pub(super) struct Built {
    pub program: PathBuf,
    /// The commit in full; `-dirty` where the sources differ from it. `None`: the files are in no commit.
    pub revision: Option<String>,
    /// No other process builds or removes it until this is dropped. `None`: it is not in the folder of builds.
    pub _locked: Option<Locked>,
}

/// Builds a revision, or the files as they are (`.`).
///
/// # Errors
/// There is no such revision, or it cannot be built: with the last words of the build.
pub(super) fn build(text: &str, how: &How<'_>) -> anyhow::Result<Built> {
    if text == "." {
        output::remark("building the files as they are");
        let program = cargo(Path::new("."), None, how)?;
        return Ok(Built { program, revision: work_tree::revision_of_files(), _locked: None });
    }
    let revision = work_tree::commit(text).map_err(|why| usage(format!("side `{text}`: {why}")))?;
    let WorkTree { folder, target, locked } = work_tree::of(text, &revision, how.interrupted)?;
    output::remark(&format!("building {text} ({})", work_tree::short(&revision)));
    let program = cargo(&folder, Some(&target), how)?;
    locked.forget_old(&revision);
    Ok(Built { program, revision: Some(revision), _locked: Some(locked) })
}

/// Runs `cargo build --release` in a folder and gives the program that it made. The folder of a revision has a target folder.
fn cargo(folder: &Path, target: Option<&Path>, how: &How<'_>) -> anyhow::Result<PathBuf> {
    let failed = |why: String| anyhow::anyhow!("failed to build in {}: {why}", folder.display());
    let environment = match target {
        Some(_) => of_revision(folder, how).map_err(failed)?,
        None => Environment::of_here(),
    };
    let mut command = command(folder, &environment);
    command.args(["build", "--release", "--message-format=json-render-diagnostics"]).args(&how.cargo);
    if let Some(target) = target {
        command.env("CARGO_TARGET_DIR", target);
        // A hook of git says with these where the repository is, and a build script would look there.
        for variable in work_tree::GIT_VARIABLES {
            command.env_remove(variable);
        }
    }
    let (status, programs) = run(&mut command, how).map_err(failed)?;
    if !status.success() {
        return Err(failed(format!("cargo ended with {status}; what it said is above")));
    }
    choose(programs, how.program.as_deref()).map_err(failed)
}

/// The environment in which a revision is built by its own toolchain. Where that cannot be run, such as on a machine without a network that
/// does not have it, the toolchain that runs here builds the revision.
///
/// # Errors
/// The command was interrupted meanwhile.
fn of_revision(folder: &Path, how: &How<'_>) -> Result<Environment, String> {
    let own = Environment::of_revision(&std::env::vars_os().collect::<Vec<_>>());
    if !own.may_differ() {
        return Ok(own);
    }
    let why = match run(command(folder, &own).arg("--version"), how) {
        Ok((status, _)) if status.success() => return Ok(own),
        Err(why) if how.interrupted.is_set() => return Err(why),
        Ok((status, _)) => format!("cargo --version ended with {status}"),
        Err(why) => why,
    };
    output::remark(&format!(
        "the revision's own toolchain cannot be run ({why}), so it is built by the one that runs here"
    ));
    Ok(Environment::of_here())
}

fn command(folder: &Path, environment: &Environment) -> Command {
    let mut command = Command::new(&environment.cargo);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped());
    for variable in &environment.left_out {
        command.env_remove(variable);
    }
    command
}

/// Runs cargo to its end and gives the programs that it made, with their names.
///
/// # Errors
/// It cannot be run, or was interrupted.
fn run(command: &mut Command, how: &How<'_>) -> Result<(ExitStatus, Vec<(String, PathBuf)>), String> {
    let mut tool = Tool::start(command).map_err(|error| format!("cargo cannot be run: {error}"))?;
    let lines = listen(&mut tool.child);
    let mut programs = Vec::new();
    while !tool.is_killed(how.interrupted) {
        match lines.recv_timeout(LOOK) {
            Ok(line) => programs.extend(program(&line)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = tool.child.wait().map_err(|error| error.to_string())?;
    if how.interrupted.is_set() {
        return Err("interrupted".into());
    }
    Ok((status, programs))
}

/// A thread that reads what cargo says on its standard output.
fn listen(child: &mut Child) -> Receiver<Vec<u8>> {
    let (tell, lines) = channel();
    let output = child.stdout.take();
    let read = move || {
        let lines = output.into_iter().flat_map(|output| BufReader::new(output).split(b'\n'));
        lines.map_while(Result::ok).try_for_each(|line| tell.send(line))
    };
    // Without a thread the channel is closed at once, which is told as a build that made no program.
    let _ = thread::Builder::new().name("cargo".into()).spawn(read);
    lines
}

/// The program that a line of cargo's output tells of, with its name.
fn program(line: &[u8]) -> Option<(String, PathBuf)> {
    let said: Value = serde_json::from_slice(line).ok()?;
    let target = &said["target"];
    let is_program = target["kind"].as_array()?.iter().any(|kind| kind == "bin");
    let path = said["executable"].as_str().filter(|_| is_program)?;
    Some((target["name"].as_str().unwrap_or_default().to_owned(), path.into()))
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
}
