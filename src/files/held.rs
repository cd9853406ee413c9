//! What a file that is written holds, and which files it may replace: empty ones, and those of its own kind.
//!
//! A record is told by its fields, as anything may be called `.json`. Other kinds are told by the end of their name or by how they begin.

use drumpost_results::{export, store};
use serde::de::IgnoredAny;
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

/// So much of a file says what it is.
const BEGINNING_BYTES: u64 = 4_096;

impl Holds {
    /// What it is, with an article.
    pub(super) fn words(self) -> String {
        match self {
            Self::Record => "a record of drumpost".into(),
            Self::Proof => "a document of compare --prove".into(),
            Self::Page => "an HTML page".into(),
            Self::Xml => "an XML file".into(),
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
            Self::Record => has(path, &["schema_version", "runs", "environment", "pairing"]),
            Self::Proof => has(path, &["schema_version", "cases", "pairs_at_most"]),
            Self::Export("bencher") => is_of_bencher(path),
            _ => self.is_named(path) || beginning(path).is_some_and(|text| self.is_begun(&text)),
        }
    }

    fn is_named(self, path: &Path) -> bool {
        let ends: &[&str] = match self {
            Self::Page => &["html", "htm", "xhtml"],
            Self::Xml => &["xml"],
            Self::Svg => &["svg"],
            Self::Export(format) => {
                let own = export::named(format).map(|format| format.extension());
                return own.is_some_and(|own| is_end(path, own));
            }
            Self::Record | Self::Proof => &[],
        };
        ends.iter().any(|end| is_end(path, end))
    }

    fn is_begun(self, text: &str) -> bool {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let begins = |with: &str| text.get(..with.len()).is_some_and(|own| own.eq_ignore_ascii_case(with));
        match self {
            Self::Page => begins("<!doctype html") || begins("<html"),
            Self::Xml | Self::Export("junit") => begins("<?xml") || begins("<testsuite"),
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

/// Whether a file is a JSON object with these fields.
fn has(path: &Path, fields: &[&str]) -> bool {
    let Ok(text) = store::read_text(path) else { return false };
    let object = serde_json::from_str::<BTreeMap<String, IgnoredAny>>(&text);
    object.is_ok_and(|object| fields.iter().all(|field| object.contains_key(*field)))
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
