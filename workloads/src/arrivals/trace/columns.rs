//! The columns of a trace, or the fields of its JSON lines.
//!
//! Lives here: the default names and those of `--trace-columns`, upper or lower case, and suggestions for names that
//! are nearly right. Does not live here: values (`read`).

use crate::text::{SpecError, Subject};
use std::{fmt, str::FromStr};

const SUBJECT: Subject = Subject {
    what: "the columns of a trace",
    example: "at=TIMESTAMP,size=ContextTokens, at=time:ms,key=user, size=none",
};

/// Units that times come in, by the name of their column, in ns.
const TIMES: [(&str, &str, u64); 4] =
    [("at_s", "s", 1_000_000_000), ("at_ms", "ms", 1_000_000), ("at_us", "us", 1_000), ("at_ns", "ns", 1)];

/// Names that public traces have for a size. A column of such a name that nothing reads is pointed out.
const SIZES: [&str; 4] = ["sizes", "bytes", "length", "payload"];

/// Which column says what: the trace's own names `at_s` (or `at_ms`, `at_us`, `at_ns`), `size` and `key`, unless another
/// is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceColumns {
    at: Option<String>,
    size: Option<String>,
    key: Option<String>,
}

/// A trace's own way to say that a column is not read.
const UNREAD: &str = "none";

impl FromStr for TraceColumns {
    type Err = SpecError;

    /// From `at=NAME[:UNIT],size=NAME,key=NAME`; `size=none` or `key=none` leaves a column of that name unread.
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut own = Self::default();
        for part in text.split(',').map(str::trim) {
            let wrong = |reason: String| SUBJECT.error(text, reason);
            let (what, name) = part
                .split_once('=')
                .map(|(what, name)| (what.trim(), name.trim()))
                .ok_or_else(|| wrong(format!("`{part}` is not at=NAME, size=NAME or key=NAME")))?;
            let place = match what {
                "at" => &mut own.at,
                "size" => &mut own.size,
                "key" => &mut own.key,
                _ => return Err(wrong(format!("a trace has no `{what}`, but at, size and key"))),
            };
            if name.is_empty() || (what == "at" && name == UNREAD) {
                return Err(wrong(format!("`{part}` names no column")));
            }
            if place.replace(name.to_owned()).is_some() {
                return Err(wrong(format!("`{what}` is given twice")));
            }
        }
        Ok(own)
    }
}

/// As it is read.
impl fmt::Display for TraceColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [("at", &self.at), ("size", &self.size), ("key", &self.key)];
        let said = named.iter().filter_map(|(what, name)| Some(format!("{what}={}", name.as_ref()?)));
        f.write_str(&said.collect::<Vec<_>>().join(","))
    }
}

/// Places of the columns, and what a number in that of the times counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) time: usize,
    /// Name of the unit, and ns of one.
    pub(super) unit: (&'static str, u64),
    pub(super) size: Option<usize>,
    pub(super) key: Option<usize>,
}

impl Layout {
    /// Lines without a head: seconds, size, key.
    pub(super) const PLAIN: Self = Self { time: 0, unit: ("s", TIMES[0].2), size: Some(1), key: Some(2) };
}

impl TraceColumns {
    /// Whether it names anything: then the file needs a line of names.
    pub(super) fn is_given(&self) -> bool {
        *self != Self::default()
    }

    /// Finds the columns among the names of a file.
    ///
    /// # Errors
    /// None of them is a time, one that was asked for is not there, or one is nearly known and would be passed over.
    pub(super) fn layout(&self, names: &[&str]) -> Result<Layout, String> {
        let at = |wanted: &str| names.iter().position(|name| name.trim().eq_ignore_ascii_case(wanted));
        let (time, unit) = self.time(names, &at)?;
        let find = |what: &str, given: Option<&String>| match given {
            Some(name) if name == UNREAD => Ok(None),
            Some(name) => at(name).map(Some).ok_or_else(|| missing(name, names)),
            None => match (at(what), near(what, names)) {
                (Some(at), _) => Ok(Some(at)),
                (None, Some(near)) => Err(format!(
                    "no column is called {what}; is it `{near}`? then say --trace-columns {what}={near}, else \
                     --trace-columns {what}=none"
                )),
                (None, None) => Ok(None),
            },
        };
        Ok(Layout {
            time,
            unit,
            size: find("size", self.size.as_ref())?,
            key: find("key", self.key.as_ref())?,
        })
    }

    fn time(
        &self,
        names: &[&str],
        at: &dyn Fn(&str) -> Option<usize>,
    ) -> Result<(usize, (&'static str, u64)), String> {
        if let Some(given) = &self.at {
            let unit_of = |name: &str| TIMES.iter().find(|(_, unit, _)| *unit == name);
            let by_unit = given.rsplit_once(':').and_then(|(name, unit)| Some((name.trim(), unit_of(unit)?)));
            let by_name = TIMES.iter().find(|(name, ..)| given.eq_ignore_ascii_case(name));
            let (name, (_, unit, factor)) = by_unit.unwrap_or((given.as_str(), by_name.unwrap_or(&TIMES[0])));
            return at(name).map(|at| (at, (*unit, *factor))).ok_or_else(|| missing(name, names));
        }
        let known = TIMES.iter().find_map(|(name, unit, factor)| Some((at(name)?, (*unit, *factor))));
        known.ok_or_else(|| {
            let like_time = |name: &&&str| {
                let name = name.to_ascii_lowercase();
                ["time", "date", "at", "ts", "start"].iter().any(|word| name.contains(word))
            };
            let apart = |name: &&str| [';', '\t'].into_iter().find(|sign| name.contains(*sign));
            let advice = match names.iter().find(like_time) {
                Some(name) if apart(name).is_some() => {
                    let sign = if name.contains(';') { "semicolons" } else { "tabs" };
                    return format!(
                        "its columns are separated by {sign}; a trace has commas, or is a file of JSON lines"
                    );
                }
                Some(name) => format!("; is it `{0}`? then say --trace-columns at={0}", name.trim()),
                None => String::new(),
            };
            format!(
                "it is no flow such as 0.125,512,7 and names no column at_s, at_ms, at_us or at_ns{advice}"
            )
        })
    }
}

fn missing(name: &str, names: &[&str]) -> String {
    let known: Vec<&str> = names.iter().map(|name| name.trim()).collect();
    // A name is compared with up to a thousand others, which takes as long as it is.
    let name: String = name.chars().take(100).collect();
    let name = name.as_str();
    let like = known.iter().map(|known| (strsim::jaro_winkler(name, known), known));
    let best = like.filter(|(likeness, _)| *likeness > 0.8).max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = best.map(|(_, known)| format!("; did you mean `{known}`?")).unwrap_or_default();
    let known: String = known.join(", ").chars().take(200).collect();
    format!("there is no column `{name}` but {known}{hint}")
}

/// A name that is nearly `what`.
fn near<'a>(what: &str, names: &[&'a str]) -> Option<&'a str> {
    let is_near = |name: &&&str| {
        let name = name.trim().to_ascii_lowercase();
        let also = what == "size" && SIZES.contains(&name.as_str());
        also || strsim::jaro_winkler(what, &name) > 0.85
    };
    names.iter().find(is_near).map(|name| name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_in_any_case_and_by_the_names_that_are_given() {
        let layout = TraceColumns::default().layout(&["other", "Size", " AT_MS "]).unwrap();
        assert_eq!(layout, Layout { time: 2, unit: ("ms", 1_000_000), size: Some(1), key: None });
        let given: TraceColumns = "at=TimeStamp, size=ContextTokens".parse().unwrap();
        let layout = given.layout(&["TIMESTAMP", "ContextTokens", "GeneratedTokens"]).unwrap();
        assert_eq!(layout, Layout { time: 0, unit: ("s", 1_000_000_000), size: Some(1), key: None });
        let given: TraceColumns = "at=time:ms,key=user,size=none".parse().unwrap();
        assert_eq!(given.to_string(), "at=time:ms,size=none,key=user");
        let layout = given.layout(&["size", "time", "user"]).unwrap();
        assert_eq!(layout, Layout { time: 1, unit: ("ms", 1_000_000), size: None, key: Some(2) });
    }

    #[test]
    fn what_is_nearly_known_is_pointed_out() {
        for (given, names, says) in [
            ("", vec!["at_s", "sizes"], "is it `sizes`? then say --trace-columns size=sizes"),
            ("", vec!["at_s", "Bytes"], "--trace-columns size=Bytes, else --trace-columns size=none"),
            ("", vec!["at_s", "keys"], "is it `keys`?"),
            ("", vec!["TIMESTAMP", "n"], "is it `TIMESTAMP`? then say --trace-columns at=TIMESTAMP"),
            ("", vec!["at_s;size"], "its columns are separated by semicolons; a trace has commas"),
            ("", vec!["time\tsize"], "its columns are separated by tabs"),
            ("", vec!["a", "b"], "names no column at_s, at_ms, at_us or at_ns"),
            ("at=tme", vec!["time", "b"], "there is no column `tme` but time, b; did you mean `time`?"),
        ] {
            let columns = if given.is_empty() { TraceColumns::default() } else { given.parse().unwrap() };
            let said = columns.layout(&names).unwrap_err();
            assert!(said.contains(says), "{said}");
        }
        assert!(TraceColumns::default().layout(&["at_s", "tokens", "region"]).is_ok());
        for bad in ["", "at", "at=", "at=none", "at=a,at=b", "when=x"] {
            let said = bad.parse::<TraceColumns>().unwrap_err().to_string();
            assert!(said.contains("columns of a trace") && said.contains("at=TIMESTAMP"), "{said}");
        }
    }
}
