//! Finds the known name that is most like a misspelt one. Does not live here: which names are known.

/// Longer names are not compared. A comparison takes time in proportion to the length of the name, for each known name,
/// and a file may hold a name of a megabyte. In bytes.
const LONGEST: usize = 100;

/// The known name that is most like `name`, if one is.
#[must_use]
pub fn closest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if name.len() > LONGEST {
        return None;
    }
    let like = known.iter().map(|known| (strsim::jaro_winkler(name, known), *known));
    like.filter(|(likeness, _)| *likeness > 0.8).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

/// "unknown scenario `strem`; did you mean `stream`? known: ..."
#[must_use]
pub fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let hint =
        closest(name, known).map(|known| format!("; did you mean `{known}`?")).unwrap_or_else(|| ";".into());
    format!("unknown {what} `{}`{hint} known: {}", name, known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_known_is_named_and_a_long_one_is_not_compared() {
        let known = ["stream", "ping"];
        assert_eq!(
            unknown("scenario", "strem", &known),
            "unknown scenario `strem`; did you mean `stream`? known: stream, ping"
        );
        assert_eq!(unknown("scenario", "x", &known), "unknown scenario `x`; known: stream, ping");
        let long = "stream".repeat(1 << 18);
        assert!(closest(&long, &known).is_none());
        assert!(unknown("scenario", &long, &known).contains("`; known: "));
    }
}
