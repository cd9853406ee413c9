//! The output format of a command: text, JSON, Markdown or HTML, and the files of its documents.

use crate::exit::usage;
use clap::Args;
use drumpost_results::store;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct FormArgs {
    /// Print as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// Print as Markdown, such as for a pull request
    #[arg(long, conflicts_with = "json", help_heading = "Output")]
    pub markdown: bool,
    /// Save as one HTML page, with charts
    ///
    /// The page is one file that needs no network. It opens in any browser and is printed as usual, too.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub html: Option<PathBuf>,
}

impl FormArgs {
    /// Whether stdout is for a document, and not for a terminal.
    pub(crate) fn has_document(&self) -> bool {
        let is_page = self.html.as_deref().is_some_and(store::is_stdout);
        self.json || self.markdown || is_page
    }

    /// Refuses files of documents before anything is measured: those that cannot be written, that two documents would have in common,
    /// or that are read. `written` are the flags of a command beside `--html`, with what they name.
    ///
    /// # Errors
    /// The flags, and what to do.
    pub(crate) fn check_files(
        &self,
        written: &[(&str, Option<&Path>)],
        read: &[&Path],
    ) -> anyhow::Result<()> {
        if self.html.as_deref().is_some_and(store::is_stdout) && (self.json || self.markdown) {
            return Err(usage(
                "--html -: the page is printed, so nothing else can be: leave --json and --markdown out",
            ));
        }
        let all = written.iter().copied().chain([("--html", self.html.as_deref())]);
        let all: Vec<(&str, &Path)> = all.filter_map(|(flag, path)| Some((flag, path?))).collect();
        for (at, (flag, path)) in all.iter().enumerate() {
            if let Some((other, _)) = all[..at].iter().find(|(_, other)| is_same(path, other)) {
                let path = path.display();
                return Err(usage(format!(
                    "{other} and {flag} both name {path}: give each a file of its own"
                )));
            }
            if *flag != "--out" && read.iter().any(|other| is_same(path, other)) {
                return Err(usage(format!("{flag} {}: this file is read; name another one", path.display())));
            }
            store::probe(path).map_err(|error| usage(format!("{flag}: {error}")))?;
        }
        Ok(())
    }
}

/// Whether what is written to one path would replace what is at the other, or be mixed with it.
fn is_same(a: &Path, b: &Path) -> bool {
    // What is at a path, or would be: links are followed as far as there are any.
    let place = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path)).ok();
    match (store::is_stdout(a), store::is_stdout(b)) {
        (true, true) => true,
        (false, false) => !store::is_stream(a) && place(a) == place(b),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_documents_have_two_files() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b, r) = (folder.path().join("a"), folder.path().join("./a"), folder.path().join("r.json"));
        std::fs::write(&r, "{}").unwrap();
        let form = |html: &Path| FormArgs { html: Some(html.to_owned()), ..FormArgs::default() };
        let check = |html: &Path, out: &Path| form(html).check_files(&[("--out", Some(out))], &[&r]);
        let why = |html: &Path, out: &Path| check(html, out).unwrap_err().to_string();
        assert!(why(&a, &b).contains("--out and --html both name"));
        assert!(why("-".as_ref(), "/dev/stdout".as_ref()).contains("both name -"));
        assert!(why(&r, &a).contains("this file is read"), "the page would replace the record");
        assert!(why(folder.path(), &a).starts_with("--html: failed to write "));
        check(&a, &r).unwrap();
        check("/dev/null".as_ref(), "/dev/null".as_ref()).unwrap();
        let both = FormArgs { json: true, ..form("-".as_ref()) };
        assert!(both.check_files(&[], &[]).unwrap_err().to_string().contains("leave --json"));
    }
}
