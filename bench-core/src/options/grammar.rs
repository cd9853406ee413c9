//! What the text of an option may be, and how it is read. Every unit is read by `drumpost_units`, as in flags and suites.

use super::values::{OptionFile, Value};
use drumpost_units as units;
use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
    time::Duration,
};

/// More bytes than any file of keys, certificates or credentials has. A device such as `/dev/zero` has no end.
pub const FILE_MAX_BYTES: u64 = 1 << 20;

/// The grammar of an option's text.
#[derive(Clone, Copy, Debug)]
pub enum Grammar {
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number in a range, such as `8` or `10k`.
    Count {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A duration in a range, such as `500ms`, in nanoseconds.
    Time {
        /// The shortest.
        min_ns: u64,
        /// The longest.
        max_ns: u64,
    },
    /// A size in a range, such as `1KiB`, in bytes.
    Bytes {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// A share from 0 to 1, such as `2%` or `0.02`.
    Share,
    /// A URL, or a host with or without a port, which stands for a URL of the first scheme.
    Url(&'static [&'static str]),
    /// The name of a file of at most [`FILE_MAX_BYTES`], which is read when the option is checked.
    File,
    /// Any text.
    Text,
    /// A form of its own.
    Form {
        /// As it is listed: `A/B`.
        form: &'static str,
        /// Says what is wrong with a text, in a sentence.
        check: fn(&str) -> Result<(), String>,
    },
}

impl Grammar {
    /// Any whole number.
    pub const ANY_COUNT: Self = Self::Count { min: 0, max: u64::MAX };
    /// Any duration above zero.
    pub const SOME_TIME: Self = Self::Time { min_ns: 1, max_ns: u64::MAX };

    /// The kind of grammar in one word, as JSON documents have it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Word(_) => "word",
            Self::Count { .. } => "count",
            Self::Time { .. } => "time",
            Self::Bytes { .. } => "bytes",
            Self::Share => "share",
            Self::Url(_) => "url",
            Self::File => "file",
            Self::Text => "text",
            Self::Form { .. } => "form",
        }
    }

    /// The form of a value, as it stands behind the name in a list: `file|memory`, `TIME`, `N`.
    #[must_use]
    pub fn form(&self) -> String {
        match self {
            Self::Word(words) => words.join("|"),
            Self::Count { .. } => "N".into(),
            Self::Time { .. } => "TIME".into(),
            Self::Bytes { .. } => "SIZE".into(),
            Self::Share => "SHARE".into(),
            Self::Url(_) => "URL".into(),
            Self::File => "FILE".into(),
            Self::Text => "TEXT".into(),
            Self::Form { form, .. } => (*form).into(),
        }
    }

    /// What a value may be: `a whole number from 1 to 64`.
    #[must_use]
    pub fn allowed(&self) -> String {
        let range = |min: String, max: Option<String>, floor: bool| match (floor, max) {
            (false, None) => String::new(),
            (true, None) => format!(" from {min} on"),
            (_, Some(max)) => format!(" from {min} to {max}"),
        };
        let below = |max: u64, text: fn(u64) -> String| (max < u64::MAX).then(|| text(max));
        match self {
            Self::Word(words) => listed(words, "`", "`"),
            Self::Count { min, max } => {
                let text = |count: u64| count.to_string();
                let range = range(text(*min), below(*max, text), *min > 0);
                format!("a whole number{}", if range.is_empty() { ", such as 8 or 10k" } else { &range })
            }
            Self::Time { min_ns: 1, max_ns: u64::MAX } => "a time above zero, such as 500ms or 2s".into(),
            Self::Time { min_ns, max_ns } => {
                let text = units::duration_text as fn(u64) -> String;
                format!(
                    "a time{}, such as 500ms or 2s",
                    range(text(*min_ns), below(*max_ns, text), *min_ns > 0)
                )
            }
            Self::Bytes { min, max } => {
                let text =
                    |bytes: u64| u32::try_from(bytes).map_or_else(|_| format!("{bytes}B"), units::size_text);
                format!("a size{}, such as 64KiB or 1MB", range(text(*min), below(*max, text), *min > 0))
            }
            Self::Share => "a share from 0 to 1, such as 2% or 0.02".into(),
            Self::Url(schemes) => format!("an address such as {}", listed(schemes, "", "://HOST:PORT")),
            Self::File => "a readable file of at most 1 MiB".into(),
            Self::Text => "any text".into(),
            Self::Form { form, .. } => (*form).into(),
        }
    }

    /// The value of a text.
    ///
    /// # Errors
    /// What is wrong. It quotes the text, so it is not for secrets; of a URL it quotes the scheme alone.
    pub(super) fn read(&self, text: &str) -> Result<Value, String> {
        let outside = || format!("\"{text}\" is not {}", self.allowed());
        let unit = |error: units::UnitError| format!("{}; it may be {}", error.short(), self.allowed());
        match self {
            Self::Word(words) => {
                let found = words.iter().find(|word| **word == text);
                found.map(|word| Value::Word(word)).ok_or_else(outside)
            }
            Self::Count { min, max } => {
                let count = units::parse_count(text).map_err(unit)?;
                if (*min..=*max).contains(&count) { Ok(Value::Count(count)) } else { Err(outside()) }
            }
            Self::Time { min_ns, max_ns } => {
                let ns = units::parse_duration(text).map_err(unit)?;
                let fits = (*min_ns..=*max_ns).contains(&ns);
                if fits { Ok(Value::Time(Duration::from_nanos(ns))) } else { Err(outside()) }
            }
            Self::Bytes { min, max } => {
                let bytes = units::parse_size(text).map_err(unit)?;
                if (*min..=*max).contains(&bytes) { Ok(Value::Bytes(bytes)) } else { Err(outside()) }
            }
            Self::Share => {
                let share = units::parse_share(text).map_err(unit)?;
                if share <= 1.0 { Ok(Value::Share(share)) } else { Err(outside()) }
            }
            Self::Url(schemes) => url(text, schemes).map(Value::Text),
            Self::File => file(text).map(Value::File),
            Self::Text => Ok(Value::Text(text.into())),
            Self::Form { check, .. } => check(text).map(|()| Value::Text(text.into())),
        }
    }
}

/// The words of a list in a sentence, each between `before` and `after`.
fn listed(words: &[&str], before: &str, after: &str) -> String {
    match words {
        [] => String::new(),
        [only] => format!("{before}{only}{after}"),
        [others @ .., last] => {
            let others: Vec<String> = others.iter().map(|word| format!("{before}{word}{after}")).collect();
            format!("{} or {before}{last}{after}", others.join(", "))
        }
    }
}

/// A URL of one of the schemes, or without any. Nothing of it but the scheme is told, because it may hold a password.
fn url(text: &str, schemes: &[&str]) -> Result<String, String> {
    let is_scheme = |scheme: &str| {
        !scheme.is_empty() && scheme.bytes().all(|c| c.is_ascii_alphanumeric() || b"+-.".contains(&c))
    };
    let usable = listed(schemes, "", "://");
    let host = match text.split_once("://") {
        Some((scheme, host)) if schemes.contains(&scheme) => host,
        Some((scheme, _)) if is_scheme(scheme) => {
            return Err(format!("`{scheme}://` is not supported; use {usable}"));
        }
        Some(_) => return Err(format!("what stands before `://` is no scheme; use {usable}")),
        None if text.split_once('/').is_some_and(|(before, _)| before.ends_with(':')) => {
            return Err(format!("two slashes follow the `:` of a scheme; use {usable}"));
        }
        None => text,
    };
    match host.find(|c: char| c.is_whitespace() || c.is_control()) {
        None if !host.is_empty() => Ok(text.to_owned()),
        None => Err("it names no host".into()),
        Some(_) => Err("a URL holds no spaces".into()),
    }
}

/// A file, read whole.
fn file(name: &str) -> Result<OptionFile, String> {
    let read = || {
        let mut text = String::new();
        File::open(name)?.take(FILE_MAX_BYTES + 1).read_to_string(&mut text)?;
        match text.len() as u64 > FILE_MAX_BYTES {
            true => Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 1 MiB")),
            false => Ok(OptionFile { path: PathBuf::from(name), text }),
        }
    };
    read().map_err(|error| format!("failed to read {name}: {error}"))
}
