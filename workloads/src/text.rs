//! Reads the text of a workload, such as `lognormal:1KiB,0.5`: its name and its arguments, with errors for bad ones.
//!
//! The command line reads flags with a single value itself and passes a number. Values within a text are read in
//! `units`.

use std::fmt::Display;

/// A text, or a number, that describes no workload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to read \"{text}\" as {what}: {reason}{}", for_example(.example))]
pub struct SpecError {
    /// The given text.
    pub text: String,
    /// The expected thing, with its article.
    pub what: &'static str,
    /// The reason.
    pub reason: String,
    /// Texts that would have been understood. Empty where they would not help, as with a file that cannot be read.
    pub example: &'static str,
}

fn for_example(example: &str) -> String {
    if example.is_empty() { String::new() } else { format!("; write for example {example}") }
}

/// The name that is most like one that nothing has, for the end of a sentence; empty if none is.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    /// A comparison takes as long as the name, and nobody misspells one of this length.
    const LONGEST: usize = 100;
    let name = if name.len() > LONGEST { "" } else { name };
    let like = known.into_iter().map(|known| (strsim::jaro_winkler(name, known), known));
    let best = like.filter(|(likeness, _)| *likeness > 0.8).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, known)| format!(" (did you mean `{known}`?)")).unwrap_or_default()
}

/// One form of a workload's text, as it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// How it is written, with its name in front.
    pub grammar: &'static str,
    /// Its meaning, in a sentence.
    pub summary: &'static str,
}

impl Form {
    /// Its name: what stands before the colon.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.grammar.split_once(':').map_or(self.grammar, |(name, _)| name)
    }
}

/// The thing that is read, for error messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    pub(crate) what: &'static str,
    pub(crate) example: &'static str,
}

impl Subject {
    /// The error about `text`.
    pub(crate) fn error(self, text: impl Display, reason: impl Into<String>) -> SpecError {
        let Self { what, example } = self;
        SpecError { text: text.to_string(), what, reason: reason.into(), example }
    }
}

/// The name and the arguments of `name:argument,argument`.
pub(crate) fn call(text: &str) -> (&str, Vec<&str>) {
    match text.split_once(':') {
        Some((name, arguments)) => (name.trim(), arguments.split(',').map(str::trim).collect()),
        None => (text.trim(), Vec::new()),
    }
}
