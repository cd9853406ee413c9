//! Where an instance that comes back begins to read: what an option such as `jetstream.from` says. Each broker has words of its own for
//! the same places.

use drumpost_core::options::Values;
use drumpost_units::{parse_count, parse_duration};
use std::time::Duration;

/// Where an instance begins to read that comes back after a kill or a lost connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// After what the server has noted as handled.
    Handled,
    /// At the first message.
    First,
    /// At the last messages that the server keeps together, such as a chunk.
    Last,
    /// At messages that are still to come.
    End,
    /// At the message with this number.
    Number(u64),
    /// At the messages of this last stretch of time.
    Ago(Duration),
}

/// What a broker's option for that may say: some words, `NUMBER:N` and `ago:TIME`.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// The broker's words. The first one is the default.
    pub words: &'static [(&'static str, Begin)],
    /// What stands before the number of a message, such as `offset`.
    pub number: &'static str,
    /// What such a number is called in a sentence, such as `an offset`.
    pub called: &'static str,
}

impl Places {
    /// The place that `option` names.
    ///
    /// # Errors
    /// As [`Places::read`].
    pub fn of(&self, options: &Values, option: &str) -> Result<Begin, String> {
        options.text(option).map_or(Ok(self.words[0].1), |text| self.read(text))
    }

    /// Reads the text of such an option.
    ///
    /// # Errors
    /// A sentence about what the text may be.
    pub fn read(&self, text: &str) -> Result<Begin, String> {
        let Self { words, number, called } = self;
        if let Some((_, place)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*place);
        }
        match text.split_once(':') {
            Some((before, count)) if before == *number => {
                parse_count(count).map(Begin::Number).map_err(|error| error.short())
            }
            Some(("ago", time)) => {
                let ago = parse_duration(time).map(|ns| Begin::Ago(Duration::from_nanos(ns)));
                ago.map_err(|error| error.short())
            }
            _ => {
                let words: String = words.iter().map(|(word, _)| format!("`{word}`, ")).collect();
                Err(format!(
                    "\"{text}\" is not {words}{called} such as {number}:1000, or a time such as ago:2s"
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_words_numbers_and_times() {
        const PLACES: Places = Places {
            words: &[("stored", Begin::Handled), ("next", Begin::End)],
            number: "offset",
            called: "an offset",
        };
        for (text, place) in [
            ("stored", Begin::Handled),
            ("next", Begin::End),
            ("offset:10k", Begin::Number(10_000)),
            ("ago:1.5s", Begin::Ago(Duration::from_millis(1_500))),
        ] {
            assert_eq!(PLACES.read(text), Ok(place), "{text}");
        }
        for (text, says) in [
            (
                "start",
                "\"start\" is not `stored`, `next`, an offset such as offset:1000, or a time such as ago:2s",
            ),
            ("sequence:7", "\"sequence:7\" is not `stored`"),
            ("offset:x", "\"x\" is no count"),
            ("ago:2", "the unit is missing, as in 2s"),
        ] {
            let error = PLACES.read(text).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
