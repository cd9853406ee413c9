//! A run as data. Flags, suites, searches and the self-test make one; a record keeps it; `drumpost run --spec FILE` runs it again.
//!
//! Each field is declared once, with its key, help and default: the flag `--in-flight`, the key `in-flight` of a suite and the field
//! `in-flight` of a spec are one field. A value is a [`Said`]: the text that a person wrote, and what it means. Flags and files
//! have the same grammar, which is that of the value's type.
//!
//! Does not live here: what a spec comes to over the transports and scenarios of a build (`run::job`), and where results go
//! (`args`).

/// The defaults of a part of a spec are those of its flags.
macro_rules! defaults_of_flags {
    ($part:ty) => {
        impl Default for $part {
            fn default() -> Self {
                // Read once: a suite makes thousands of specs.
                static OF_NO_FLAGS: std::sync::LazyLock<$part> =
                    std::sync::LazyLock::new($crate::spec::of_no_flags);
                OF_NO_FLAGS.clone()
            }
        }
    };
}

mod fault_values;
mod faults;
pub(crate) mod file;
mod load;
mod said;
mod thresholds;
mod values;
mod wiring;

pub(crate) use fault_values::{At, BacklogSpec, InstanceAt, KillSpec, PauseSpec, PoisonSpec};
pub(crate) use faults::FaultSpec;
pub(crate) use file::{Obstacle, asked_on, given_on};
pub(crate) use load::{LoadSpec, MeasureSpec};
pub(crate) use said::{Said, list};
pub(crate) use thresholds::ThresholdArgs;
pub(crate) use values::{Count, Lasts, Length, PerSecond, Reply};
pub(crate) use wiring::{OptionSpec, WiringSpec};

use crate::similar::closest;
use clap::{Args, Command};
use drumpost_core::plan::{Placement, Wait};
use said::comma_list;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// A spec as a document: its fields by their keys.
pub(crate) type Document = Map<String, Value>;

/// What flags come to where none is given.
fn of_no_flags<T: Args>() -> T {
    let command = T::augment_args(Command::new("spec").no_binary_name(true));
    let none: [&str; 0] = [];
    let read = command.try_get_matches_from(none).and_then(|matches| T::from_arg_matches(&matches));
    read.unwrap_or_else(|error| unreachable!("every flag of a spec has a default, or is optional: {error}"))
}

/// A run: what is measured over what, by which load and for how long.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct RunSpec {
    /// Flow to measure [default: order-authorization]
    ///
    /// `drumpost list` has all scenarios. With --sim and no scenario it is `stream`.
    pub scenario: Option<String>,

    /// message/rtrb, event, ... [default: all in process]
    ///
    /// A dispatch is a style over a transport, such as message/crossbeam or event/listeners. A style alone (message, event)
    /// means that style over every in-process transport; a transport alone means both styles over it. Separate several
    /// with commas. By default both styles run over every in-process transport.
    #[arg(long, short, value_delimiter = ',', value_name = "DISPATCH", help_heading = "Dispatch")]
    #[serde(with = "comma_list")]
    pub dispatch: Vec<String>,

    #[command(flatten)]
    #[serde(flatten)]
    pub wiring: WiringSpec,
    #[command(flatten)]
    #[serde(flatten)]
    pub options: OptionSpec,
    #[command(flatten)]
    #[serde(flatten)]
    pub faults: FaultSpec,
    #[command(flatten)]
    #[serde(flatten)]
    pub load: LoadSpec,
    #[command(flatten)]
    #[serde(flatten)]
    pub measure: MeasureSpec,
}

defaults_of_flags!(RunSpec);

/// Fields that exclude each other, and why.
pub(crate) const EXCLUSIVE: [(&str, &str, &str); 4] = [
    ("in-flight", "rate", "one is for a closed load, the other for an open one"),
    ("in-flight", "arrivals", "one is for a closed load, the other for an open one"),
    ("in-flight", "window", "one is for a closed load, the other for an open one"),
    ("count", "duration", "each says how long is measured"),
];

impl RunSpec {
    /// Reads the fields of a document.
    ///
    /// # Errors
    /// A field that is not known, a value that cannot be meant, or fields that exclude each other: a sentence that names them.
    pub(crate) fn from_document(document: Document) -> Result<Self, String> {
        for (key, value) in &document {
            Self::check_field(key, value).map_err(|why| format!("`{key}`: {why}"))?;
        }
        let spec: Self =
            serde_json::from_value(Value::Object(document)).map_err(|error| error.to_string())?;
        spec.check()?;
        Ok(spec)
    }

    /// Checks one field of a document as if it stood alone.
    ///
    /// # Errors
    /// What is wrong, without the name of the field.
    pub(crate) fn check_field(key: &str, value: &Value) -> Result<(), String> {
        let keys = Self::keys();
        if !keys.iter().any(|known| known == key) {
            let known: Vec<&str> = keys.iter().map(String::as_str).collect();
            return Err(match closest(key, &known) {
                Some(known) => format!("there is no such field; did you mean `{known}`?"),
                None => format!("there is no such field; known: {}", known.join(", ")),
            });
        }
        let alone = Document::from_iter([(key.to_owned(), value.clone())]);
        serde_json::from_value::<Self>(Value::Object(alone)).map(drop).map_err(|error| error.to_string())
    }

    /// The fields that are not as they are by default.
    pub(crate) fn document(&self) -> Document {
        static USUAL: LazyLock<Document> = LazyLock::new(|| RunSpec::default().whole());
        let is_said = |key: &str, value: &Value| !value.is_null() && USUAL.get(key) != Some(value);
        self.whole().into_iter().filter(|(key, value)| is_said(key, value)).collect()
    }

    /// All fields.
    fn whole(&self) -> Document {
        match serde_json::to_value(self) {
            Ok(Value::Object(document)) => document,
            _ => unreachable!("fields of a spec are texts, numbers and lists of them"),
        }
    }

    /// The keys of all fields, in the order of the help.
    pub(crate) fn keys() -> &'static [String] {
        static KEYS: LazyLock<Vec<String>> = LazyLock::new(|| {
            let command = RunSpec::augment_args(Command::new("spec"));
            let key = |field: &clap::Arg| field.get_long().unwrap_or(field.get_id().as_str()).to_owned();
            command.get_arguments().map(key).collect()
        });
        &KEYS
    }

    /// Refuses fields that exclude each other.
    ///
    /// # Errors
    /// A sentence that names both flags.
    pub(crate) fn check(&self) -> Result<(), String> {
        let said = self.document();
        let both = EXCLUSIVE.iter().find(|(a, b, _)| said.contains_key(*a) && said.contains_key(*b));
        match both {
            Some((a, b, why)) => Err(format!("--{a} cannot be used with --{b}: {why}")),
            None => Ok(()),
        }
    }

    /// The placement of so many lanes: as asked, else one thread per core, or one fewer for very many lanes. With `--wait native` each lane
    /// has a thread of its own, because it sleeps in its port.
    pub(crate) fn placement(&self, lanes: usize) -> Placement {
        let usual = if *self.wiring.wait == Wait::Native { Placement::Each } else { Placement::usual(lanes) };
        self.wiring.placement.as_ref().map_or(usual, |asked| **asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;
    use serde_json::json;

    fn document(value: Value) -> Document {
        value.as_object().cloned().expect("an object")
    }

    fn of_flags(line: &str) -> RunSpec {
        let command = RunSpec::augment_args(Command::new("run").no_binary_name(true));
        RunSpec::from_arg_matches(&command.get_matches_from(line.split_whitespace())).expect("flags")
    }

    #[test]
    fn flags_and_documents_say_the_same() {
        let line = "stream -d message/crossbeam,event --batch 64 --rate 10k/s --arrivals poisson --kill worker#1@1s/500ms \
                    --instances worker=2 --set a.b=1 --set c.d=x,y --payload 1KiB --seed 7 --threshold lag_share=20% --warmup 0s";
        let spec = of_flags(line);
        let said = spec.document();
        assert_eq!(
            Value::Object(said.clone()),
            json!({
                "scenario": "stream", "dispatch": ["message/crossbeam", "event"], "batch": 64, "rate": "10k/s",
                "arrivals": "poisson", "kill": "worker#1@1s/500ms", "instances": ["worker=2"], "set": ["a.b=1", "c.d=x,y"],
                "payload": "1KiB", "seed": 7, "threshold": ["lag_share=20%"], "warmup": "0s"
            })
        );
        assert_eq!(RunSpec::from_document(said).unwrap(), spec);
    }

    #[test]
    fn nothing_said_is_the_default() {
        assert_eq!(of_flags(""), RunSpec::default());
        assert_eq!(RunSpec::from_document(Document::new()).unwrap(), RunSpec::default());
        assert_eq!(RunSpec::default().document(), Document::new());
    }

    #[test]
    fn every_flag_is_a_field() {
        let fields = RunSpec::default().whole();
        let keys: std::collections::BTreeSet<String> = RunSpec::keys().iter().cloned().collect();
        assert_eq!(fields.keys().cloned().collect::<std::collections::BTreeSet<_>>(), keys);
    }

    #[test]
    fn a_mistake_is_named_with_its_field() {
        for (value, says) in [
            (json!({ "batch": 0 }), "`batch`: must be from 1 to 65536"),
            (json!({ "sim": "servce=exp:1ms" }), "`sim`: unknown key `servce`; keys are service, servers"),
            (json!({ "batsh": 1 }), "`batsh`: there is no such field; did you mean `batch`?"),
            (json!({ "kill": "worker" }), "`kill`: it is not SERVICE@AT/FOR"),
            (
                json!({ "duration": "0ms" }),
                "`duration`: failed to read \"0ms\" as a duration: it takes no time at all",
            ),
            (json!({ "drain": [1] }), "`drain`: invalid type: sequence, expected a text or a number"),
            (json!({ "rate": "1k/s", "in-flight": 3 }), "--in-flight cannot be used with --rate"),
        ] {
            let error = RunSpec::from_document(document(value)).unwrap_err();
            assert!(error.starts_with(says), "{error}");
        }
        let error = RunSpec::from_document(document(json!({ "sim": "servce=exp:1ms" }))).unwrap_err();
        assert!(error.ends_with("; did you mean `service`?"), "{error}");
    }
}
