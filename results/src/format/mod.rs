//! The file format: one JSON document per record, described field by field in FORMAT.md.
//!
//! Lives here: the choice of the schema version, and errors. The fields of version 1 are in `v1`, the conversion to the
//! memory types in `convert`. Confirms with outages, a search, a server and a suite have files of their own for both. What a document says is
//! checked in `limits` and `date`. Does not live here: files (`store`).

pub mod backlog;
pub mod confirms;
mod convert;
pub mod cost;
mod date;
pub mod disturbed;
mod limits;
mod older;
mod rows;
mod search;
mod series;
pub mod server;
pub mod stuck;
pub mod suite;
pub mod v1;

use serde::Deserialize;
use thiserror::Error;

use crate::model::{DistributionError, Record};

/// The schema version that is written.
pub const SCHEMA_VERSION: u32 = 1;

/// A document that cannot be read, or a record that cannot be written as one. The text is whole: the reason is not
/// told again as a source.
#[derive(Debug, Error)]
pub enum FormatError {
    /// It is no JSON, or lacks a field, or a field has another type. The source says at which line and column.
    #[error("failed to understand the document: {}", shape(.0))]
    Shape(serde_json::Error),
    /// It is empty, or begins as no JSON object does.
    #[error("failed to understand the document: {0}; is it a drumpost record?")]
    NoObject(String),
    /// It was written by a later drumpost.
    #[error(
        "failed to read schema version {found}: this drumpost knows versions up to {SCHEMA_VERSION}; \
         read it with the drumpost that wrote it, or a later one"
    )]
    Newer {
        /// The version of the document.
        found: u32,
    },
    /// A field contradicts itself or another.
    #[error("failed to understand {at}: {reason}; the document was changed or cut, write it again")]
    Content {
        /// Path of the field: `runs[0].trials[2].response_ns`.
        at: String,
        /// What is wrong there.
        reason: String,
    },
    /// A histogram cannot be encoded.
    #[error(transparent)]
    Histogram(#[from] DistributionError),
}

impl From<serde_json::Error> for FormatError {
    fn from(error: serde_json::Error) -> Self {
        Self::Shape(error)
    }
}

/// What is wrong with a text that should be a document. One that was cut is told as such: the place alone says nothing then.
fn shape(error: &serde_json::Error) -> String {
    if error.is_eof() {
        let (line, column) = (error.line(), error.column());
        return format!(
            "it ends in the middle, at line {line} column {column}: it was cut, so copy or write it again"
        );
    }
    format!("{error}; is it a drumpost record?")
}

/// The schema version that a document says it has.
fn version(json: &str) -> Result<u32, FormatError> {
    #[derive(Deserialize)]
    struct Header {
        schema_version: u32,
    }
    let line = |at: usize| json[..at].matches('\n').count() + 1;
    match json.char_indices().find(|(_, char)| !char.is_whitespace()) {
        Some((_, '{')) => Ok(serde_json::from_str::<Header>(json)?.schema_version),
        Some((at, char)) => Err(FormatError::NoObject(format!(
            "it is no JSON object, as line {} begins with `{char}`",
            line(at)
        ))),
        None => Err(FormatError::NoObject("it is empty".into())),
    }
}

/// The document of a record, indented, with a final line end. The same record gives the same bytes.
///
/// # Errors
/// A histogram holds more values than the encoding can.
pub fn to_json(record: &Record) -> Result<String, FormatError> {
    let mut json = serde_json::to_string_pretty(&v1::Document::try_from(record)?)?;
    json.push('\n');
    Ok(json)
}

/// The record of a document of any known schema version.
///
/// # Errors
/// See [`FormatError`]; every error says where it is and what to do.
pub fn from_json(json: &str) -> Result<Record, FormatError> {
    match version(json)? {
        1 => {
            let mut document: v1::Document = serde_json::from_str(json)?;
            limits::check(&mut document)?;
            date::check(&document)?;
            document.try_into()
        }
        found if found > SCHEMA_VERSION => Err(FormatError::Newer { found }),
        found => {
            let reason = format!("there never was a version {found}");
            Err(FormatError::Content { at: "schema_version".into(), reason })
        }
    }
}

#[cfg(test)]
mod tests;
