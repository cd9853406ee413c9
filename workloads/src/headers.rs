//! Application headers: their number and the length of their values. The engine makes the values.

use crate::{
    text::{SpecError, Subject},
    units,
};
use drumpost_core::headers::{MAX_COUNT, MAX_VALUE_LEN, Shape};
use std::{fmt, str::FromStr};

const SUBJECT: Subject = Subject { what: "headers", example: "none, 4x32B, 1x1KiB" };
const NONE: &str = "none";

/// The headers of all messages of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeaderSpec(Shape);

impl HeaderSpec {
    /// No headers.
    pub const NONE: Self = Self(Shape::NONE);

    /// The headers that a pool makes from it.
    #[must_use]
    pub const fn shape(self) -> Shape {
        self.0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    fn checked(count: u64, value_len: u64) -> Result<Self, String> {
        if count == 0 {
            return Err(format!("write {NONE} instead of a count of 0"));
        }
        if count > u64::from(MAX_COUNT) {
            return Err(format!("{count} headers are more than {MAX_COUNT}"));
        }
        let shape = u32::try_from(value_len).ok().and_then(|len| Shape::new(count as u32, len));
        let limit = units::size_text(MAX_VALUE_LEN);
        shape.map(Self).ok_or_else(|| format!("values of {value_len} bytes are longer than {limit}"))
    }
}

impl FromStr for HeaderSpec {
    type Err = SpecError;

    /// From `none` or `COUNTxSIZE`, the size with B, KiB or nothing.
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let trimmed = text.trim();
        if trimmed == NONE {
            return Ok(Self::NONE);
        }
        let spec = match trimmed.split_once('x') {
            Some((count, len)) => {
                units::count(count.trim()).and_then(|count| Self::checked(count, units::size(len.trim())?))
            }
            None => Err("it is neither `none` nor COUNTxSIZE".to_owned()),
        };
        spec.map_err(|reason| SUBJECT.error(text, reason))
    }
}

/// As [`HeaderSpec::from_str`] reads it.
impl fmt::Display for HeaderSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.pad(NONE);
        }
        write!(f, "{}x{}", self.0.count(), units::size_text(self.0.value_len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_they_are_written() {
        for text in ["none", "1x0B", "4x32B", "64x4KiB"] {
            assert_eq!(text.parse::<HeaderSpec>().unwrap().to_string(), text);
        }
        for text in ["4x32", " 4 x 32 B ", "4x32B"] {
            let shape = text.parse::<HeaderSpec>().unwrap().shape();
            assert_eq!((shape.count(), shape.value_len()), (4, 32), "{text}");
        }
        assert_eq!("none".parse(), Ok(HeaderSpec::NONE));
    }

    #[test]
    fn errors_name_the_text_and_what_is_wrong() {
        for (text, reason) in [
            ("", "neither `none` nor COUNTxSIZE"),
            ("4", "neither `none` nor COUNTxSIZE"),
            ("4*32B", "neither `none` nor COUNTxSIZE"),
            ("x32B", "\"\" is no count: it is empty"),
            ("fourx32B", "\"four\" is no count"),
            ("-1x32B", "\"-1\" is no count: it is below zero"),
            ("4x", "\"\" is no size: it is empty"),
            ("4x32b", "\"32b\" is no size: \"b\" is no unit of a size"),
            ("4x32Bx2", "\"32Bx2\" is no size: \"Bx2\" is no unit"),
            ("0x32B", "write none instead of a count of 0"),
            ("65x1B", "65 headers are more than 64"),
            ("1x4097B", "values of 4097 bytes are longer than 4KiB"),
            ("1x9999999999", "values of 9999999999 bytes are longer than 4KiB"),
        ] {
            let error = text.parse::<HeaderSpec>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert!(error.starts_with(&format!("failed to read \"{text}\" as headers: ")), "{error}");
            assert!(error.contains("write for example none, 4x32B"), "{error}");
        }
    }
}
