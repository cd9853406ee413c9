//! Parts of a URL.

/// A part of a URL as it was meant: `%40` is `@`.
#[must_use]
pub fn decoded(part: &str) -> String {
    percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn signs_that_are_written_as_numbers_are_read() {
        assert_eq!(decoded("p%40ss%3A"), "p@ss:");
    }
}
