//! `--spec FILE`: a spec file, or a record that holds a spec. Flags beside it replace its fields.

use super::{Document, EXCLUSIVE, RunSpec};
use crate::secrets;
use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, error::ErrorKind, parser::ValueSource,
    value_parser,
};
use drumpost_core::{options::Grammar, registry::Registry};
use serde_json::Value;
use std::{
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
};

/// The spec that a command line asks for.
#[derive(Clone, Debug)]
pub(crate) struct SpecArgs {
    spec: RunSpec,
    /// The file of `--spec`.
    file: Option<PathBuf>,
}

impl SpecArgs {
    /// The files that a run of the spec reads: that of `--spec`, a trace, a file of payload sizes, and files that options of transports name.
    pub(crate) fn files(&self, registry: &Registry) -> Vec<PathBuf> {
        let RunSpec { load, options, .. } = &self.spec;
        let trace = load.arrivals.as_deref().and_then(|text| text.strip_prefix("trace:"));
        // As a trace is read: the scale stands at the end.
        let trace = trace.map(|text| text.rsplit_once(",scale=").map_or(text, |(path, _)| path).trim());
        let sizes = load.payload.text().strip_prefix("file:");
        let is_file = |name: &str| {
            let known = registry.options();
            known.iter().any(|option| option.name == name && matches!(option.grammar, Grammar::File))
        };
        let set = options.set.iter().filter_map(|text| text.split_once('='));
        let set = set.filter(|(name, _)| is_file(name)).map(|(_, path)| path);
        let named = trace.into_iter().chain(sizes).chain(set).map(PathBuf::from);
        self.file.iter().cloned().chain(named).collect()
    }
}

impl Deref for SpecArgs {
    type Target = RunSpec;

    fn deref(&self) -> &RunSpec {
        &self.spec
    }
}

impl DerefMut for SpecArgs {
    fn deref_mut(&mut self) -> &mut RunSpec {
        &mut self.spec
    }
}

impl Args for SpecArgs {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("spec")
            .long("spec")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Repeat the run of a record, or run a spec file")
            .long_help(
                "Repeat the run of a record, or run a spec file\n\nThe file is a record, or a JSON object whose fields are the \
                 flags of `run`, as `drumpost show --spec` prints it. Flags beside it replace its fields.",
            );
        RunSpec::augment_args(command).arg(file)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SpecArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let wrong = |why: String| clap::Error::raw(ErrorKind::ValueValidation, why);
        let Some(path) = matches.get_one::<PathBuf>("spec") else {
            let spec = RunSpec::from_arg_matches(matches)?;
            spec.check().map_err(wrong)?;
            return Ok(Self { spec, file: None });
        };
        let mut document = read(path).map_err(|why| wrong(format!("--spec {}: {why}", path.display())))?;
        let given = given(matches);
        for (a, b, _) in EXCLUSIVE {
            for (is_given, other) in [(a, b), (b, a)] {
                if given.contains_key(is_given) {
                    document.remove(other);
                }
            }
        }
        document.retain(|key, _| !given.contains_key(key));
        if let Some(obstacle) = Obstacle::of(&document) {
            let why = match obstacle {
                Obstacle::Commands => {
                    "`at`: the run has commands; read them, and give them again with --at to have them run"
                        .to_owned()
                }
                Obstacle::Secret(key) => {
                    format!("`{key}`: a secret was left out of the record; give --{key} again")
                }
            };
            return Err(wrong(format!("--spec {}: {why}", path.display())));
        }
        document.extend(given);
        RunSpec::from_document(document)
            .map(|spec| Self { spec, file: Some(path.clone()) })
            .map_err(|why| wrong(format!("--spec {}: {why}", path.display())))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// What keeps fields that were stored from being run as they are.
pub(crate) enum Obstacle<'a> {
    /// A record may come from anyone, and whoever repeats its run does not expect it to run programs.
    Commands,
    /// A secret was left out of the field of this name.
    Secret(&'a str),
}

impl<'a> Obstacle<'a> {
    /// The first one, if there is any.
    pub(crate) fn of(stored: &'a Document) -> Option<Self> {
        let has_secret = |(_, value): &(&String, &Value)| secrets::is_hidden_in(&value.to_string());
        let secret = || stored.iter().find(has_secret).map(|(key, _)| Self::Secret(key));
        stored.contains_key("at").then_some(Self::Commands).or_else(secret)
    }
}

/// The fields that words of a command line set, as flags of `run`.
///
/// # Errors
/// They are no flags of `run`, or exclude each other.
pub(crate) fn given_on(words: &[String]) -> Result<Document, String> {
    let command = SpecArgs::augment_args(Command::new("run").no_binary_name(true).disable_help_flag(true));
    let read = command.try_get_matches_from(words).and_then(|matches| {
        SpecArgs::from_arg_matches(&matches)?;
        Ok(given(&matches))
    });
    read.map_err(|error| first_lines(&error))
}

/// The spec that words of a command line ask for.
///
/// # Errors
/// As [`given_on`].
pub(crate) fn asked_on(words: &[String]) -> Result<RunSpec, String> {
    let command = SpecArgs::augment_args(Command::new("run").no_binary_name(true).disable_help_flag(true));
    let read = command.try_get_matches_from(words).and_then(|matches| SpecArgs::from_arg_matches(&matches));
    read.map(|args| args.spec).map_err(|error| first_lines(&error))
}

/// What is wrong, without the usage of a command that nobody typed.
fn first_lines(error: &clap::Error) -> String {
    let text = error.to_string();
    let text = text.split("\n\nUsage:").next().unwrap_or(&text);
    text.trim().trim_start_matches("error: ").to_owned()
}

/// The fields that stand on the command line.
fn given(matches: &ArgMatches) -> Document {
    let fields = RunSpec::augment_args(Command::new("run"));
    let fields = fields
        .get_arguments()
        .filter(|field| matches.value_source(field.get_id().as_str()) == Some(ValueSource::CommandLine));
    let said = |field: &Arg| {
        let texts = matches.get_raw(field.get_id().as_str()).into_iter().flatten();
        let mut texts = texts.map(|text| Value::from(text.to_string_lossy()));
        let value = match field.get_action() {
            ArgAction::Append => Value::Array(texts.collect()),
            _ => texts.next_back().unwrap_or_default(),
        };
        (field.get_long().unwrap_or(field.get_id().as_str()).to_owned(), value)
    };
    fields.map(said).collect()
}

/// What a file may be.
const WANTED: &str =
    "--spec takes a record of `run`, or a JSON object with flags of `run`; this file is neither";

/// The spec in a file.
fn read(path: &Path) -> Result<Document, String> {
    let text =
        drumpost_results::store::read_text(path).map_err(|error| format!("failed to read it: {error}"))?;
    let value: Value =
        serde_json::from_str(&text).map_err(|error| format!("{WANTED}, as it is not valid JSON: {error}"))?;
    let Value::Object(mut document) = value else {
        return Err(format!("{WANTED}, as it is no JSON object"));
    };
    if !document.contains_key("schema_version") {
        return Ok(document);
    }
    match document.remove("spec") {
        Some(Value::Object(spec)) => Ok(spec),
        _ => {
            Err("this record has no spec: it is that of a search or of `merge`, or an older drumpost wrote it. Its `command` says what it ran".into())
        }
    }
}
