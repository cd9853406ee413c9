//! The date of a record. The index sorts by it, so a text that is no time is refused. Does not live here: numbers whose sums would not fit
//! (`limits`), and the fields themselves (`v1`).
//!
//! The figures of a run as a whole are not looked at: a record takes them from its trials.

use super::{FormatError, v1};
use crate::plain::name;

/// Refuses a date that is none.
///
/// # Errors
/// Names the field, and why it cannot be.
pub(super) fn check(document: &v1::Document) -> Result<(), FormatError> {
    match document.started_at.as_deref().filter(|date| !is_time(date)) {
        Some(date) => Err(FormatError::Content {
            at: "started_at".into(),
            reason: format!("`{}` is no time such as 2026-11-21T10:45:01Z", name(date)),
        }),
        None => Ok(()),
    }
}

/// Whether a text is a time as records have it: `2026-11-21T10:45:01Z`, also with parts of a second.
fn is_time(text: &str) -> bool {
    let numbers = |text: &str, between: char, most: [u32; 3]| {
        let parts: Vec<&str> = text.split(between).collect();
        let is_number = |part: &str, most: u32| {
            part.bytes().all(|c| c.is_ascii_digit()) && part.parse::<u32>().is_ok_and(|number| number <= most)
        };
        parts.len() == 3 && parts.iter().zip(most).all(|(part, most)| is_number(part, most))
    };
    let Some((day, time)) = text.strip_suffix('Z').and_then(|text| text.split_once('T')) else {
        return false;
    };
    let (time, _parts_of_a_second) = time.split_once('.').unwrap_or((time, ""));
    numbers(day, '-', [9_999, 12, 31]) && numbers(time, ':', [23, 59, 60])
}

#[cfg(test)]
mod tests {
    use super::super::{from_json, to_json};
    use crate::sample;
    use serde_json::{Value, json};

    #[test]
    fn a_date_is_a_date() {
        let dated = |date: Value| {
            let mut document: Value = serde_json::from_str(&to_json(&sample::record()).unwrap()).unwrap();
            document["started_at"] = date;
            from_json(&document.to_string()).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(dated(json!("2026-11-21T10:45:01.5Z")), Ok(()));
        assert_eq!(dated(Value::Null), Ok(()));
        for nonsense in ["yesterday", "", "2026-13-01T00:00:00Z"] {
            assert!(dated(json!(nonsense)).unwrap_err().contains("started_at"), "{nonsense}");
        }
    }
}
