//! The file format: one JSON document per record, described field by field in FORMAT.md.
//!
//! Lives here: the choice of the schema version, and errors. The fields of version 1 are in `v1`, the conversion to the
//! memory types in `convert`. Confirms with outages, a search, a server and a suite have files of their own for both. Does not live here:
//! files (`store`).

pub mod backlog;
pub mod confirms;
mod convert;
pub mod cost;
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
    #[error("failed to understand the document: {0}; is it a drumpost record?")]
    Shape(serde_json::Error),
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
    #[derive(Deserialize)]
    #[serde(expecting = "a record of drumpost (a JSON object)")]
    struct Header {
        schema_version: u32,
    }
    match serde_json::from_str::<Header>(json)?.schema_version {
        1 => {
            let mut document: v1::Document = serde_json::from_str(json)?;
            limits::check(&mut document)?;
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
