//! A side of a comparison: a program, or what this program is told to do differently.

use super::{build, copies::Copied, work_tree};
use crate::{
    args::SideArg,
    exit::usage,
    spec::{Document, given_on},
};
use drumpost_core::registry::Registry;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What the text of a side means.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// A program that is there.
    Program(PathBuf),
    /// A revision of the repository in this folder; `.` is the files as they are.
    Revision(String),
    /// This program over another dispatch.
    Dispatch(String),
    /// This program with other flags of `run`.
    Flags(Vec<String>),
}

/// A side that can be run.
#[derive(Debug)]
pub(super) struct Side {
    /// What was asked for.
    pub name: String,
    /// A copy of its program, which nothing else changes while it is measured. Copies of it run the trials.
    pub program: Copied,
    /// It is not this program, and may know scenarios and transports that this one does not.
    pub is_foreign: bool,
    /// The commit that it was built from, if it was built for this.
    pub revision: Option<String>,
    /// The dispatch that takes the place of that of each row.
    pub dispatch: Option<String>,
    /// Fields that take the place of those of each row.
    pub fields: Document,
}

const PREFIXES: &str = "a side is a revision of git (main, HEAD~1, or . for the files as they are), a program (./drumpost-old), a dispatch \
                        (message/crossbeam) or flags of run (\"--batch 64\"). Where a name could be several of these, begin it with \
                        rev:, bin:, dispatch: or flags:";

fn kind(SideArg(text): &SideArg, registry: &Registry) -> anyhow::Result<Kind> {
    let text = text.trim();
    let after = |prefix| text.strip_prefix(prefix).map(str::trim);
    if let Some(path) = after("bin:") {
        return Ok(Kind::Program(path.into()));
    }
    if let Some(revision) = after("rev:") {
        return Ok(Kind::Revision(revision.to_owned()));
    }
    if let Some(dispatch) = after("dispatch:") {
        return Ok(Kind::Dispatch(dispatch.to_owned()));
    }
    if let Some(flags) = after("flags:").or(text.starts_with('-').then_some(text)) {
        return Ok(Kind::Flags(words(flags)?));
    }
    let is_style = |style: &str| ["message", "event"].contains(&style);
    let known = |name: &str| registry.transports.iter().any(|entry| entry.name == name);
    let is_dispatch = text.split_once('/').is_some_and(|(style, name)| is_style(style) && known(name));
    let is_file = Path::new(text).is_file();
    let commit = if text == "." { Ok(String::new()) } else { work_tree::commit(text) };
    match (is_file, is_dispatch, commit) {
        (true, false, Err(_)) => Ok(Kind::Program(text.into())),
        (false, true, Err(_)) => Ok(Kind::Dispatch(text.to_owned())),
        (false, false, Ok(_)) => Ok(Kind::Revision(text.to_owned())),
        (false, false, Err(_)) if ["./", "../", "/"].iter().any(|begins| text.starts_with(begins)) => {
            Err(usage(format!("`{text}`: there is no file of that name: {PREFIXES}")))
        }
        (false, false, Err(why)) => {
            Err(usage(format!("`{text}` is no side that can be found here ({why}): {PREFIXES}")))
        }
        _ => Err(usage(format!("`{text}` is the name of several things here: {PREFIXES}"))),
    }
}

/// Builds or finds what runs this side.
///
/// # Errors
/// It is not there, cannot be built, or means nothing, or the command was interrupted meanwhile.
pub(super) fn prepare(arg: &SideArg, registry: &Registry, how: &build::How<'_>) -> anyhow::Result<Side> {
    let own = || {
        std::env::current_exe()
            .map_err(|error| anyhow::anyhow!("failed to find this program's own file: {error}"))
    };
    let side = |program: PathBuf| {
        Ok::<_, anyhow::Error>(Side {
            name: crate::secrets::hide(&arg.0),
            program: Copied::of(&program).map_err(anyhow::Error::msg)?,
            is_foreign: false,
            revision: None,
            dispatch: None,
            fields: Document::new(),
        })
    };
    Ok(match kind(arg, registry)? {
        Kind::Program(path) => {
            check_program(&path)?;
            Side { is_foreign: true, ..side(path)? }
        }
        Kind::Revision(text) => {
            // Its folder stays locked until its program is copied.
            let built = build::build(&text, how)?;
            Side { is_foreign: true, revision: built.revision, ..side(built.program)? }
        }
        Kind::Dispatch(dispatch) => Side { dispatch: Some(dispatch), ..side(own()?)? },
        Kind::Flags(words) => {
            let fields = given_on(&words).map_err(|why| usage(format!("side `{}`: {why}", arg.0)))?;
            for (key, what) in [("seed", "seed"), ("threshold", "limits")] {
                if fields.contains_key(key) {
                    return Err(usage(format!(
                        "side `{}`: --{key}: both sides have the same {what}; give it after `--`",
                        arg.0
                    )));
                }
            }
            Side { fields, ..side(own()?)? }
        }
    })
}

fn check_program(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let found = fs::metadata(path)
        .map_err(|error| usage(format!("failed to find the program {}: {error}", path.display())))?;
    if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
        return Err(usage(format!("{} is no program: it is not a file that can be run", path.display())));
    }
    Ok(())
}

/// The words of a text, as a shell splits it: by spaces, with quotes around words that have some.
fn words(text: &str) -> anyhow::Result<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    if let Some(quote) = quote {
        return Err(usage(format!("`{text}`: the quote {quote} is not closed")));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Result<Kind, String> {
        let registry = Registry { transports: drumpost_dispatch::transports(), ..Registry::default() };
        super::kind(&SideArg(text.into()), &registry).map_err(|error| error.to_string())
    }

    #[test]
    fn the_text_of_a_side_says_what_it_is() {
        assert_eq!(kind("bin:a"), Ok(Kind::Program("a".into())));
        assert_eq!(kind("Cargo.toml"), Ok(Kind::Program("Cargo.toml".into())));
        assert_eq!(kind("message/crossbeam"), Ok(Kind::Dispatch("message/crossbeam".into())));
        assert_eq!(kind("rev: main"), Ok(Kind::Revision("main".into())));
        assert_eq!(
            kind("--batch 64 --set 'a=b c'"),
            Ok(Kind::Flags(["--batch", "64", "--set", "a=b c"].map(str::to_owned).into()))
        );
        let error = kind("message/nothing-like-it").unwrap_err();
        assert!(error.contains("no side that can be found here") && error.contains("rev:"), "{error}");
        assert!(kind("--set 'a").unwrap_err().contains("not closed"));
    }
}
