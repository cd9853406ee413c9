//! Parsers for the values of flags, with errors for the person who typed them.

use drumpost_results::units;

/// A count of at most `most`.
pub(crate) fn count_to(most: u32) -> impl Fn(&str) -> Result<u32, String> + Clone {
    move |text| {
        let count = units::parse_count(text).map_err(|error| error.to_string())?;
        let count = u32::try_from(count).ok().filter(|count| (1..=most).contains(count));
        count.ok_or_else(|| format!("must be from 1 to {most}"))
    }
}
