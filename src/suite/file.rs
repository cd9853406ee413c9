//! Reads a suite's file: TOML gives blocks of keys, each with its line. Every error names file, line and key.
//!
//! Does not live here: the known keys (`keys`) and the multiplication of lists (`matrix`).

use super::{
    goals::{ASSERT, FAIL_ON, FileGoal, Goals},
    keys::{DISPATCH, Keys, LOAD, Pair, SEED, SET},
    matrix::{MAX_CELLS, count, product},
};
use crate::{exit::usage, similar::closest};
use std::{collections::BTreeSet, ops::Range, path::Path};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The keys of the file itself.
pub(super) const TOP: [&str; 5] = ["name", ASSERT, FAIL_ON, "defaults", "matrix"];

/// What a key may be, one point after the other. A point has more than one pair only in `load`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    pub key: String,
    pub points: Vec<Vec<Pair>>,
}

/// A `[[matrix]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub name: String,
    pub line: usize,
    pub axes: Vec<Axis>,
}

/// A file, read and checked key by key.
#[derive(Debug, Default, PartialEq)]
pub(super) struct SuiteFile {
    pub name: String,
    pub goals: Goals,
    pub defaults: Vec<Axis>,
    pub blocks: Vec<Block>,
}

/// Reads the text of a file.
///
/// # Errors
/// A sentence with file, line and key about the first thing that cannot be meant.
pub(super) fn parse(path: &Path, text: &str, keys: &Keys) -> anyhow::Result<SuiteFile> {
    Reader { path, text, keys }.file()
}

pub(super) struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    keys: &'a Keys,
}

type Table<'a> = DeTable<'a>;
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

impl Reader<'_> {
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().iter().take(span.start);
        before.filter(|byte| **byte == b'\n').count() + 1
    }

    pub(super) fn error(&self, text: impl AsRef<str>) -> anyhow::Error {
        usage(format!("{}: {}", self.path.display(), text.as_ref()))
    }

    pub(super) fn bad(&self, key: &str, place: &str, line: usize, why: impl AsRef<str>) -> anyhow::Error {
        self.error(format!("bad value of `{key}` in {place}, line {line}: {}", why.as_ref()))
    }

    fn unknown(&self, key: &str, place: &str, line: usize, known: &[&str]) -> anyhow::Error {
        let hint = match closest(key, known) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("known: {}", known.join(", ")),
        };
        self.error(format!("unknown key `{key}` in {place}, line {line}; {hint}"))
    }

    fn file(&self) -> anyhow::Result<SuiteFile> {
        let document = DeTable::parse(self.text).map_err(|error| {
            let line = error.span().map_or(1, |span| self.line(&span));
            self.error(format!(
                "this is not valid TOML, line {line}: {}",
                error.message().trim().replace('\n', ", ")
            ))
        })?;
        let stem = self.path.file_stem().map_or("suite".into(), |stem| stem.to_string_lossy().into_owned());
        let mut file = SuiteFile { name: stem, ..SuiteFile::default() };
        for (key, value) in document.get_ref() {
            let line = self.line(&key.span());
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("name", value) => file.name = self.name(value, "the file", line)?,
                (ASSERT, _) => file.goals.of_rows.extend(self.goals(value, None)?),
                (FAIL_ON, value) => file.goals.fail_on = Some(self.fail_on(value, line)?),
                ("defaults", DeValue::Table(table)) => {
                    file.defaults = self.axes(table, "[defaults]", true)?;
                }
                ("matrix", DeValue::Array(blocks)) => {
                    let (blocks, goals) = self.blocks(blocks)?;
                    file.blocks = blocks;
                    file.goals.of_rows.extend(goals);
                }
                ("defaults" | "matrix", _) => {
                    let form = "write [defaults] once, and [[matrix]] for each block";
                    return Err(self.bad(key.get_ref(), "the file", line, form));
                }
                (other, _) if self.keys.find(other).is_some() || other == LOAD => {
                    let text = format!("`{other}` stands outside of a block, line {line}: ");
                    return Err(self.error(text + "put it under [defaults] or [[matrix]]"));
                }
                (other, _) => return Err(self.unknown(other, "the file", line, &TOP)),
            }
        }
        if file.blocks.is_empty() {
            return Err(self.error("no [[matrix]]: nothing to run"));
        }
        Ok(file)
    }

    fn name(&self, value: &DeValue<'_>, place: &str, line: usize) -> anyhow::Result<String> {
        let fits =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
        match value {
            DeValue::String(name) if fits(name) && !name.starts_with('.') => Ok(name.clone().into_owned()),
            _ => Err(self.bad("name", place, line, "a name is made of letters, digits, `-`, `_` and `.`")),
        }
    }

    fn blocks(&self, values: &[Value<'_>]) -> anyhow::Result<(Vec<Block>, Vec<FileGoal>)> {
        let (mut blocks, mut goals): (Vec<Block>, Vec<FileGoal>) = (Vec::new(), Vec::new());
        for (i, value) in values.iter().enumerate() {
            let line = self.line(&value.span());
            let DeValue::Table(table) = value.get_ref() else {
                return Err(self.bad("matrix", "the file", line, "write [[matrix]] for each block"));
            };
            let named = table.iter().find(|(key, _)| key.get_ref() == "name");
            let name = match named {
                Some((key, value)) => self.name(value.get_ref(), "[[matrix]]", self.line(&key.span()))?,
                None => format!("matrix-{}", i + 1),
            };
            if let Some(other) = blocks.iter().find(|block| block.name == name) {
                let (line, first) = (named.map_or(line, |(key, _)| self.line(&key.span())), other.line);
                let why = format!("the block of line {first} is called `{name}` too");
                return Err(self.bad("name", "[[matrix]]", line, why));
            }
            let axes = self.axes(table, &format!("[[matrix]] `{name}`"), false)?;
            if let Some((_, value)) = table.iter().find(|(key, _)| key.get_ref() == ASSERT) {
                goals.extend(self.goals(value, Some(&name))?);
            }
            blocks.push(Block { name, line, axes });
        }
        Ok((blocks, goals))
    }

    /// The axes of a block, in the order of the help, whatever their order in the file.
    fn axes(&self, table: &Table<'_>, place: &str, is_defaults: bool) -> anyhow::Result<Vec<Axis>> {
        let mut axes = Vec::new();
        for (key, value) in table {
            let line = self.line(&key.span());
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("name" | ASSERT, _) if !is_defaults => {}
                (ASSERT | FAIL_ON, _) => return Err(self.misplaced(key.get_ref(), place, line)),
                (SET, DeValue::Table(options)) => self.options("", options, place, &mut axes)?,
                (SET, _) => {
                    let form = "write a table, such as [matrix.set] and below it fan-out.subscribers = 8";
                    return Err(self.bad(SET, place, line, form));
                }
                (LOAD, _) => axes.push(self.loads(value, place)?),
                (SEED, _) if !is_defaults => {
                    let why = "a suite has one seed, so that trials with the same number have the same seed in \
                               every cell: write it in [defaults]";
                    return Err(self.bad(SEED, place, line, why));
                }
                (SEED, DeValue::Array(_)) => {
                    return Err(self.bad(
                        SEED,
                        place,
                        line,
                        "a suite has one seed: for more random draws add trials",
                    ));
                }
                (key, _) => match self.keys.alias(key) {
                    Some(option) => axes.push(self.option(option, value, place)?),
                    None => axes.push(self.axis(key, line, value, place)?),
                },
            }
        }
        let rank = |axis: &Axis| match axis.key.as_str() {
            LOAD => self.keys.rank("rate"),
            key => self.keys.rank(key),
        };
        axes.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.key.cmp(&b.key)));
        Ok(axes)
    }

    /// A key of `run` and its values.
    fn axis(&self, key: &str, line: usize, value: &Value<'_>, place: &str) -> anyhow::Result<Axis> {
        if self.keys.find(key).is_none_or(|_| key == SET) {
            let mut known = self.keys.names();
            known.extend([LOAD, SET]);
            if place != "[defaults]" {
                known.extend(["name", ASSERT]);
            }
            return Err(self.unknown(key, place, line, &known));
        }
        self.values(key, key, value, place, str::to_owned)
    }

    /// Options of transports and scenarios; `a.b = 1` is the option `a.b`, with quotes or without.
    fn options(
        &self,
        above: &str,
        table: &Table<'_>,
        place: &str,
        axes: &mut Vec<Axis>,
    ) -> anyhow::Result<()> {
        for (key, value) in table {
            let option = format!("{above}{}", key.get_ref());
            if let DeValue::Table(below) = value.get_ref() {
                self.options(&format!("{option}."), below, place, axes)?;
            } else {
                axes.push(self.option(&option, value, place)?);
            }
        }
        Ok(())
    }

    fn option(&self, option: &str, value: &Value<'_>, place: &str) -> anyhow::Result<Axis> {
        self.values(&format!("{SET}.{option}"), SET, value, place, |text| format!("{option}={text}"))
    }

    /// One value or a list of them, each checked as its flag would.
    fn values(
        &self,
        axis: &str,
        key: &str,
        value: &Value<'_>,
        place: &str,
        written: impl Fn(&str) -> String,
    ) -> anyhow::Result<Axis> {
        let single = std::slice::from_ref(value);
        let values = if let DeValue::Array(values) = value.get_ref() { &values[..] } else { single };
        if values.len() > MAX_CELLS {
            let why = format!("a list of {} values, but a suite takes at most {MAX_CELLS}", values.len());
            return Err(self.bad(axis, place, self.line(&value.span()), why));
        }
        let mut points: Vec<Vec<Pair>> = Vec::new();
        for value in values {
            let line = self.line(&value.span());
            let Some(text) = scalar(value.get_ref()) else {
                let form = "write a text, a number, or a list of them";
                return Err(self.bad(axis, place, line, form));
            };
            // Several dispatches with commas are several cells, as they are several runs of `run`.
            let texts = if key == DISPATCH { text.split(',').collect() } else { vec![text.as_str()] };
            for text in texts {
                let pair = Pair { key: key.to_owned(), value: written(text.trim()), line };
                self.keys.check(&pair).map_err(|why| self.bad(axis, place, line, why))?;
                if points.iter().flatten().any(|other| other.value == pair.value) {
                    return Err(self.bad(axis, place, line, format!("`{text}` is in the list twice")));
                }
                points.push(vec![pair]);
            }
        }
        if points.is_empty() {
            return Err(self.bad(axis, place, self.line(&value.span()), "the list is empty"));
        }
        Ok(Axis { key: axis.to_owned(), points })
    }

    /// `load = [{ in-flight = 64 }, { rate = ["1k/s", "10k/s"], arrivals = "poisson" }]`: keys that go together.
    fn loads(&self, value: &Value<'_>, place: &str) -> anyhow::Result<Axis> {
        let single = std::slice::from_ref(value);
        let tables = if let DeValue::Array(values) = value.get_ref() { &values[..] } else { single };
        let mut points: Vec<Vec<Pair>> = Vec::new();
        for value in tables {
            let line = self.line(&value.span());
            let DeValue::Table(table) = value.get_ref() else {
                let form = "write a table or a list of them, such as { rate = \"10k/s\" }";
                return Err(self.bad(LOAD, place, line, form));
            };
            let place = format!("{LOAD} of {place}");
            let mut axes = Vec::new();
            for (key, value) in table {
                let line = self.line(&key.span());
                let known = self.keys.load_names();
                if !known.contains(&key.get_ref().as_ref()) {
                    return Err(self.unknown(key.get_ref(), &place, line, &known));
                }
                axes.push(self.axis(key.get_ref(), line, value, &place)?);
            }
            axes.sort_by_key(|axis| self.keys.rank(&axis.key));
            let count = count(&axes).saturating_add(points.len() as u128);
            if count > MAX_CELLS as u128 {
                let why =
                    format!("its lists give {count} combinations, but a suite takes at most {MAX_CELLS}");
                return Err(self.bad(LOAD, &place, line, why));
            }
            points.extend(product(&axes));
        }
        let values = |point: &Vec<Pair>| -> Vec<_> {
            point.iter().map(|pair| (pair.key.clone(), pair.value.clone())).collect()
        };
        let mut seen = BTreeSet::new();
        let twice = points.iter().find(|point| !seen.insert(values(point)));
        let line = self.line(&value.span());
        match twice {
            Some(point) => {
                let line = point.first().map_or(line, |pair| pair.line);
                Err(self.bad(LOAD, place, line, "the same load is in the list twice"))
            }
            None if points.is_empty() => Err(self.bad(LOAD, place, line, "the list is empty")),
            None => Ok(Axis { key: LOAD.to_owned(), points }),
        }
    }
}

/// A value as it would be written on the command line.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(value) => Some(value.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, says: &[&str]) {
        let error = parse(Path::new("s.toml"), text, &Keys::new(&crate::builtin())).expect_err(text);
        let said = error.to_string();
        assert!(said.starts_with("s.toml: ") && says.iter().all(|word| said.contains(word)), "{said}");
        assert_eq!(crate::exit::of(&error), crate::Exit::Usage);
    }

    #[test]
    fn a_key_that_is_not_known_is_named_with_its_line_and_what_was_meant() {
        let said = "unknown key `durration` in [defaults], line 4; did you mean `duration`?";
        refused("name = 'x'\n\n[defaults]\ndurration = '1s'\n[[matrix]]\n", &[said]);
        refused("nam = 'x'\n[[matrix]]\n", &["`nam` in the file, line 1", "`name`"]);
        refused(
            "[[matrix]]\nname = 'a'\n\nin_flight = 3\n",
            &["`in_flight` in [[matrix]] `a`, line 4", "`in-flight`"],
        );
        refused("[[matrix]]\nxyzzy = 3\n", &["`xyzzy`", "line 2", "known: scenario, dispatch, batch"]);
        refused(
            "[[matrix]]\nload = [\n  { rate = '1k/s' },\n  { ratte = '2k/s' },\n]\n",
            &["`ratte`", "load", "line 4", "`rate`"],
        );
        refused("[[matrix]]\nload = { batch = 3 }\n", &["`batch`", "load", "line 2"]);
        refused("[[matrix]]\nout = 'x'\n", &["`out`", "line 2"]);
        refused("batch = 3\n[[matrix]]\n", &["`batch`", "line 1", "under [defaults] or [[matrix]]"]);
    }

    #[test]
    fn a_value_is_refused_with_its_line_and_what_its_flag_says() {
        refused(
            "[defaults]\n\nduration = '3'\n[[matrix]]\n",
            &["`duration` in [defaults], line 3", "the unit is missing", "10s"],
        );
        refused("[[matrix]]\nbatch = [\n  1,\n  0,\n]\n", &["`batch`", "line 4", "must be from 1 to 65536"]);
        refused("[[matrix]]\nreply = 'never'\n", &["`reply`", "line 2", "await, async"]);
        refused("[[matrix]]\nrate = 1979-05-27\n", &["`rate`", "line 2", "a text, a number, or a list"]);
        refused("[[matrix]]\nrate = [['1k/s']]\n", &["`rate`", "line 2", "a text, a number, or a list"]);
        refused("[[matrix]]\npayload = []\n", &["`payload`", "line 2", "the list is empty"]);
        refused("[[matrix]]\npayload = ['1B',\n'1B']\n", &["`payload`", "line 3", "twice"]);
        refused("[[matrix]]\ndispatch = 'a,a'\n", &["`dispatch`", "line 2", "twice"]);
        refused(
            "[[matrix]]\nload = [{ in-flight = 1 }, { in-flight = 1 }]\n",
            &["`load`", "line 2", "twice"],
        );
        refused("[[matrix]]\nload = 3\n", &["`load`", "line 2", "{ rate = \"10k/s\" }"]);
        refused("[[matrix]]\nset = 3\n", &["`set`", "line 2", "[matrix.set]"]);
        refused("[[matrix]]\n[matrix.set]\na.b = 1979-05-27\n", &["`set.a.b`", "line 3"]);
    }

    #[test]
    fn an_option_is_checked_as_it_is_declared() {
        refused(
            "[[matrix]]\n[matrix.set]\n\nfan-out.subscribers = [1, 16385]\n",
            &[
                "`set.fan-out.subscribers` in [[matrix]] `matrix-1`, line 4",
                "\"16385\" is not a whole number from 1 to 16384",
            ],
        );
        refused(
            "[defaults.set]\nfan-out.subscriber = 3\n[[matrix]]\n",
            &["`set.fan-out.subscriber` in [defaults], line 2", "did you mean `fan-out.subscribers`?"],
        );
        if cfg!(feature = "nats") {
            refused("[[matrix]]\nnats = 'ftp://h'\n", &["`set.nats.url`", "line 2", "use nats:// or tls://"]);
        } else {
            refused(
                "[[matrix]]\nset.nats.url = 'x'\n",
                &["this build has no nats: build with --features nats"],
            );
        }
    }

    #[test]
    fn the_shape_of_the_file_is_checked() {
        refused("[defaults\n", &["not valid TOML, line 1"]);
        refused("[[matrix]]\nbatch = 1\nbatch = 2\n", &["not valid TOML, line 3", "duplicate key"]);
        refused("name = 'x'\n", &["no [[matrix]]"]);
        refused("[matrix]\nbatch = 1\n", &["`matrix`", "line 1", "[[matrix]]"]);
        refused("[[defaults]]\n[[matrix]]\n", &["`defaults`", "line 1", "[defaults] once"]);
        refused("name = 'a/b'\n[[matrix]]\n", &["`name`", "line 1", "letters"]);
        refused("[[matrix]]\nname = 'a'\n[[matrix]]\nname = 'a'\n", &["`name`", "line 4", "line 1"]);
        refused("[[matrix]]\nseed = 3\n", &["`seed`", "line 2", "in [defaults]"]);
        refused("[defaults]\nseed = [1, 2]\n[[matrix]]\n", &["`seed`", "line 2", "one seed"]);
    }
}
