//! What a file that is written holds, and which files it may replace: empty ones, and those of its own kind.
//!
//! A record is told by the fields that it begins with, as anything may be called `.json`, and JUnit by its elements, as anything may be called
//! `.xml`. Other kinds are told by the end of their name or by how they begin.

use drumpost_results::{export, store};
use serde::{Deserialize, de::IgnoredAny};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::Path,
};

/// What an output holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Record,
    /// What `compare --prove` counted, as JSON.
    Proof,
    /// A report as HTML.
    Page,
    /// JUnit.
    Xml,
    Svg,
    /// A format of `export`, by its name.
    Export(&'static str),
}

/// Fields that a record begins with. A suite's state has them, too, and a name.
const RECORD: [&str; 4] = ["schema_version", "id", "tool_version", "partial"];
/// So much of a file says what it is.
const BEGINNING_BYTES: u64 = 4_096;

impl Holds {
    /// What it is, with an article.
    pub(super) fn words(self) -> String {
        match self {
            Self::Record => "a record of drumpost".into(),
            Self::Proof => "a document of compare --prove".into(),
            Self::Page => "an HTML page".into(),
            Self::Xml => "a JUnit file".into(),
            Self::Svg => "an SVG picture".into(),
            Self::Export(format) => format!("a file of the format {format}"),
        }
    }

    /// Whether nothing of another kind is lost if this replaces what is there. What is no regular file is not replaced.
    pub(super) fn may_replace(self, path: &Path) -> bool {
        let Ok(there) = fs::metadata(path) else { return true };
        if !there.is_file() || there.len() == 0 {
            return true;
        }
        match self {
            Self::Record => begins_with(path, &RECORD) && !begins_with(path, &["name"]),
            Self::Proof => begins_with(path, &["schema_version", "partial", "rows"]),
            Self::Export("bencher") => is_of_bencher(path),
            _ => self.is_named(path) || beginning(path).is_some_and(|text| self.is_begun(&text)),
        }
    }

    fn is_named(self, path: &Path) -> bool {
        let ends: &[&str] = match self {
            Self::Record | Self::Proof | Self::Xml | Self::Export("junit") => &[],
            Self::Page => &["html", "htm", "xhtml"],
            Self::Svg => &["svg"],
            Self::Export(format) => {
                let own = export::named(format).map(|format| format.extension());
                return own.is_some_and(|own| is_end(path, own));
            }
        };
        ends.iter().any(|end| is_end(path, end))
    }

    fn is_begun(self, text: &str) -> bool {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let begins = |with: &str| text.get(..with.len()).is_some_and(|own| own.eq_ignore_ascii_case(with));
        match self {
            Self::Page => begins("<!doctype html") || begins("<html"),
            Self::Xml | Self::Export("junit") => {
                begins("<testsuite") || (begins("<?xml") && text.contains("<testsuite"))
            }
            Self::Svg => begins("<svg") || (begins("<?xml") && text.contains("<svg")),
            Self::Export("csv") => begins("dispatch,trial,from_ns,"),
            Self::Export("otava") => begins("time,commit,record,"),
            Self::Export("hlog") => begins("#["),
            Self::Export("hgrm") => begins("Value ") && text.contains("Percentile"),
            Self::Export("openmetrics") => ["# HELP ", "# TYPE ", "# UNIT "].into_iter().any(begins),
            Self::Export(_) | Self::Record | Self::Proof => false,
        }
    }
}

fn is_end(path: &Path, end: &str) -> bool {
    path.extension().is_some_and(|own| own.eq_ignore_ascii_case(end))
}

/// How a file begins; what is no text in it is replaced. `None`: it cannot be read.
fn beginning(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(BEGINNING_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a file is the state of a suite, whole or damaged.
pub(super) fn is_begun_as_suite(path: &Path) -> bool {
    begins_with(path, &["schema_version", "id", "name"])
}

/// Whether a file is a JSON object with these fields in its beginning. It is not read to its end: a record may be large.
fn begins_with(path: &Path, names: &[&str]) -> bool {
    let found = beginning(path).map_or_else(Vec::new, |text| fields(&text));
    names.iter().all(|name| found.iter().any(|own| own == name))
}

/// The names of the fields of a JSON object, as far as the text goes.
fn fields(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let mut rest = text.strip_prefix('{');
    while let Some((name, value)) = rest.and_then(first::<String>) {
        found.push(name);
        let behind = value.trim_start().strip_prefix(':').and_then(first::<IgnoredAny>);
        rest = behind.and_then(|(_, behind)| behind.trim_start().strip_prefix(','));
    }
    found
}

/// The JSON value that a text begins with, and what follows it.
fn first<'a, T: Deserialize<'a>>(text: &'a str) -> Option<(T, &'a str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<T>();
    let value = values.next()?.ok()?;
    Some((value, text.get(values.byte_offset()..)?))
}

/// Whether a file is Bencher's JSON: benchmarks with measures, each of which has a value.
fn is_of_bencher(path: &Path) -> bool {
    type Measures = BTreeMap<String, BTreeMap<String, f64>>;
    let Ok(text) = store::read_text(path) else { return false };
    let read = serde_json::from_str::<BTreeMap<String, Measures>>(&text);
    read.is_ok_and(|all| {
        !all.is_empty()
            && all.values().flat_map(BTreeMap::values).all(|measure| measure.contains_key("value"))
    })
}
