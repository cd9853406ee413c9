//! The output format of a command: text, JSON, Markdown or HTML, and its page.

use crate::{
    exit::usage,
    files::{Files, Holds},
};
use clap::Args;
use drumpost_results::store;
use std::path::PathBuf;

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

    /// Refuses files of a command before anything is measured, `--html` among them, as [`Files::check`] does, and a page on stdout beside
    /// another document.
    ///
    /// # Errors
    /// The flags, and what to do.
    pub(crate) fn check_files(&self, files: Files) -> anyhow::Result<()> {
        if self.html.as_deref().is_some_and(store::is_stdout) && (self.json || self.markdown) {
            return Err(usage(
                "--html -: the page is printed, so nothing else can be: leave --json and --markdown out",
            ));
        }
        files.writes("--html", self.html.as_deref(), Holds::Page).check()
    }
}
