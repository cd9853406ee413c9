//! A value of a run as it was said: the text that flags, suites and records have in common, and what it means.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error, Visitor},
};
use std::{fmt, marker::PhantomData, ops::Deref, str::FromStr};

/// What a value can be read from. A trait of this crate, so that types of other crates can have a grammar here.
pub(crate) trait Reads: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong, and what it should be like, without the name of the flag or key.
    fn read(text: &str) -> Result<Self, String>;
}

/// Types whose `FromStr` is their grammar.
macro_rules! reads_by_from_str {
    ($($type:ty),* $(,)?) => {$(
        impl $crate::spec::said::Reads for $type {
            fn read(text: &str) -> Result<Self, String> {
                text.parse().map_err(|error| format!("{error}"))
            }
        }
    )*};
}
pub(crate) use reads_by_from_str;

/// A value and the text that it was read from. The record keeps the text as it was given, so `1s` stays `1s`.
#[derive(Clone, Debug)]
pub(crate) struct Said<T> {
    text: String,
    value: T,
}

impl<T> Said<T> {
    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl<T: Reads> FromStr for Said<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self { value: T::read(text)?, text: text.to_owned() })
    }
}

impl<T: fmt::Display> From<T> for Said<T> {
    fn from(value: T) -> Self {
        Self { text: value.to_string(), value }
    }
}

impl<T> Deref for Said<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Two values are the same if they mean the same: `1s` is `1000ms`.
impl<T: PartialEq> PartialEq for Said<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> fmt::Display for Said<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A whole number is written as a number, anything else as a text.
impl<T> Serialize for Said<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.text.parse::<u64>() {
            Ok(number) if number.to_string() == self.text => to.serialize_u64(number),
            _ => to.serialize_str(&self.text),
        }
    }
}

/// A text, a number or a truth value is read as its text.
impl<'de, T: Reads> Deserialize<'de> for Said<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Scalar(PhantomData))
    }
}

struct Scalar<T>(PhantomData<T>);

impl<T: Reads> Visitor<'_> for Scalar<T> {
    type Value = Said<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Said<T>, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Said<T>, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Said<T>, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Said<T>, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_bool<E: Error>(self, is: bool) -> Result<Said<T>, E> {
        self.visit_str(if is { "true" } else { "false" })
    }
}

/// One value, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// Reads each text by the reader of its own type, so that errors are those of the type.
fn each<T: DeserializeOwned, E: Error>(texts: Vec<String>) -> Result<Vec<T>, E> {
    let one = |text: String| serde_json::from_value(text.into()).map_err(|error| E::custom(error));
    texts.into_iter().map(one).collect()
}

/// Values whose text may have commas: one text is one value.
pub(crate) mod list {
    use super::{Error, OneOrMore, each};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};

    pub(crate) fn serialize<T: Serialize, S: Serializer>(all: &Vec<T>, to: S) -> Result<S::Ok, S::Error> {
        all.serialize(to)
    }

    pub(crate) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<T>, D::Error> {
        each(
            match OneOrMore::deserialize(from)
                .map_err(|_| D::Error::custom("write a text, or a list of texts"))?
            {
                OneOrMore::One(text) => vec![text],
                OneOrMore::More(texts) => texts,
            },
        )
    }
}

/// Values that a comma separates, as on the command line.
pub(crate) mod comma_list {
    pub(crate) use super::list::serialize;
    use super::{Error, OneOrMore, each};
    use serde::{Deserialize, Deserializer, de::DeserializeOwned};

    pub(crate) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<T>, D::Error> {
        each(
            match OneOrMore::deserialize(from)
                .map_err(|_| D::Error::custom("write a text, or a list of texts"))?
            {
                OneOrMore::One(text) => text.split(',').map(|part| part.trim().to_owned()).collect(),
                OneOrMore::More(texts) => texts,
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::values::Count;

    #[test]
    fn a_value_is_written_as_it_was_said_and_read_again() {
        let said: Said<Count<64>> = "64".parse().unwrap();
        assert_eq!((serde_json::to_string(&said).unwrap().as_str(), said.0), ("64", 64));
        let more: Said<Count<5_000>> = "5k".parse().unwrap();
        assert_eq!((serde_json::to_string(&more).unwrap().as_str(), more.0), ("\"5k\"", 5_000));
        assert_eq!(serde_json::from_str::<Said<Count<5_000>>>("\"5k\"").unwrap(), more);
        assert_eq!(serde_json::from_str::<Said<Count<5_000>>>("5000").unwrap(), more, "it means the same");
        let error = serde_json::from_str::<Said<Count<64>>>("65").unwrap_err().to_string();
        assert!(error.contains("must be from 1 to 64"), "{error}");
    }
}
