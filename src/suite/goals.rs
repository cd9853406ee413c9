//! Goals in a suite's file: `assert` at its top is about all rows, and in a `[[matrix]]` about the rows of that block. `fail-on` is as the
//! flag.
//!
//! Does not live here: what a goal is and how it is checked (`drumpost_results::assertion`).

use super::{
    cells::Cell,
    file::{Reader, Value},
};
use crate::{assertions::FailOn, exit::usage, similar::unknown};
use clap::ValueEnum;
use drumpost_results::{
    assertion::{Assertion, evaluate},
    format::suite::Goal,
    rows,
};
use std::path::Path;
use toml::de::DeValue;

/// The key of goals.
pub(super) const ASSERT: &str = "assert";
/// The key of the verdict from which on a suite ends as invalid.
pub(super) const FAIL_ON: &str = "fail-on";
/// More goals than any suite has. Each is checked on all rows.
const MOST: usize = 100;

/// What a file demands of its rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Goals {
    pub of_rows: Vec<FileGoal>,
    pub fail_on: Option<FailOn>,
}

/// A goal, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FileGoal {
    /// The block whose rows are meant; `None`: all rows.
    pub matrix: Option<String>,
    pub assertion: Assertion,
    pub line: usize,
}

impl Reader<'_> {
    /// A goal or a list of them.
    pub(super) fn goals(&self, value: &Value<'_>, matrix: Option<&str>) -> anyhow::Result<Vec<FileGoal>> {
        let place = place(matrix);
        let single = std::slice::from_ref(value);
        let values = if let DeValue::Array(values) = value.get_ref() { &values[..] } else { single };
        let bad = |value: &Value<'_>, why: &str| self.bad(ASSERT, &place, self.line(&value.span()), why);
        if values.is_empty() {
            return Err(bad(value, "the list is empty"));
        }
        if values.len() > MOST {
            return Err(bad(
                value,
                &format!("a list of {} goals, but at most {MOST} are taken", values.len()),
            ));
        }
        let mut goals: Vec<FileGoal> = Vec::new();
        for value in values {
            let DeValue::String(text) = value.get_ref() else {
                return Err(bad(value, "write a text such as 'p99<2ms, lost=0', or a list of them"));
            };
            let assertion: Assertion = text.parse().map_err(|why| bad(value, &format!("{why}")))?;
            if goals.iter().any(|known| known.assertion == assertion) {
                return Err(bad(value, &format!("`{text}` is in the list twice")));
            }
            let (matrix, line) = (matrix.map(str::to_owned), self.line(&value.span()));
            goals.push(FileGoal { matrix, assertion, line });
        }
        Ok(goals)
    }

    pub(super) fn fail_on(&self, value: &DeValue<'_>, line: usize) -> anyhow::Result<FailOn> {
        let bad = |why: &str| self.bad(FAIL_ON, "the file", line, why);
        let known = verdicts();
        let DeValue::String(text) = value else {
            return Err(bad(&format!("write one of {}", known.join(", "))));
        };
        FailOn::from_str(text, false).map_err(|_| bad(&unknown("verdict", text, &known)))
    }

    /// A key that is about the whole suite, or about a block, and stands elsewhere.
    pub(super) fn misplaced(&self, key: &str, place: &str, line: usize) -> anyhow::Error {
        let where_to = match key {
            ASSERT => "at the top of the file for all rows, or under a [[matrix]] for those of that block",
            _ => "at the top of the file, because it is about the whole suite",
        };
        self.error(format!("`{key}` stands in {place}, line {line}: put it {where_to}"))
    }
}

fn place(matrix: Option<&str>) -> String {
    matrix.map_or_else(|| "the file".to_owned(), |name| format!("[[matrix]] `{name}`"))
}

/// The words that `fail-on` takes.
pub(super) fn verdicts() -> Vec<&'static str> {
    FailOn::value_variants().iter().map(|verdict| verdict.word()).collect()
}

impl Goals {
    /// Refuses a goal that is about none of the cells.
    pub(super) fn check(&self, path: &Path, cells: &[Cell]) -> anyhow::Result<()> {
        for goal in &self.of_rows {
            let rows = rows::of_cells(goal.cells(cells));
            evaluate(std::slice::from_ref(&goal.assertion), &rows).map_err(|why| {
                let (file, place) = (path.display(), place(goal.matrix.as_deref()));
                usage(format!("{file}: bad value of `{ASSERT}` in {place}, line {}: {why}", goal.line))
            })?;
        }
        Ok(())
    }

    /// The goals for rows that are called as the cells are. A goal of a block or with a selector becomes one for each of its cells.
    pub(super) fn by_name(&self, cells: &[Cell]) -> Vec<Assertion> {
        let of_goal = |goal: &FileGoal| -> Vec<Assertion> {
            let FileGoal { matrix, assertion, .. } = goal;
            if matrix.is_none() && assertion.selector.is_none() {
                return vec![assertion.clone()];
            }
            let rows = rows::of_cells(goal.cells(cells));
            let meant = rows.into_iter().filter(|row| assertion.selects(row));
            meant.map(|row| Assertion { selector: Some(row.name), goal: assertion.goal.clone() }).collect()
        };
        self.of_rows.iter().flat_map(of_goal).collect()
    }

    /// As they are stored.
    pub(super) fn stored(&self) -> Vec<Goal> {
        let stored =
            |goal: &FileGoal| Goal { matrix: goal.matrix.clone(), assertion: goal.assertion.to_string() };
        self.of_rows.iter().map(stored).collect()
    }

    /// A line for each goal, with the number of cells that it is about.
    pub(super) fn list(&self, cells: &[Cell]) -> String {
        let mut text = String::new();
        for goal in &self.of_rows {
            let rows = rows::of_cells(goal.cells(cells));
            let count = rows.iter().filter(|row| goal.assertion.selects(row)).count();
            let cells = if count == 1 { "cell" } else { "cells" };
            let block = goal.matrix.as_ref().map_or_else(String::new, |name| format!(" of {name}"));
            text += &format!("goal for {count} {cells}{block}: {}\n", goal.assertion);
        }
        if let Some(verdict) = self.fail_on {
            text += &format!("fail-on {}\n", verdict.word());
        }
        text
    }
}

impl FileGoal {
    /// The cells whose block is meant.
    fn cells<'a>(
        &self,
        cells: &'a [Cell],
    ) -> impl Iterator<Item = &'a drumpost_results::format::suite::Cell> {
        let matrix = self.matrix.clone();
        let plans = cells.iter().map(|cell| &cell.plan);
        plans.filter(move |plan| matrix.as_ref().is_none_or(|name| *name == plan.matrix))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{cells::resolve, keys::Keys};
    use super::*;

    fn refused(text: &str, says: &[&str]) {
        let error = resolve(&crate::builtin(), Path::new("s.toml"), text).expect_err(text);
        let said = error.to_string();
        assert!(said.starts_with("s.toml: ") && says.iter().all(|word| said.contains(word)), "{said}");
        assert_eq!(crate::exit::of(&error), crate::Exit::Usage);
    }

    #[test]
    fn a_goal_that_cannot_be_meant_is_refused_with_its_line_and_what_would_be_right() {
        const CELL: &str = "[[matrix]]\nname = 'm'\nscenario = 'stream'\ndispatch = 'message/rtrb'\n";
        let at_top = |keys: &str| format!("name = 'x'\n{keys}\n{CELL}");
        let in_block = |keys: &str| format!("{CELL}{keys}\n");
        refused(&at_top("assert = 'p98<2ms'"), &["bad value of `assert` in the file, line 2", "p98"]);
        refused(&at_top("assert = [\n'lost=0',\n'p99<2']"), &["`assert` in the file, line 4", "unit"]);
        refused(
            &in_block("assert = ['lost=0', 'mesage: p99<2ms']"),
            &["`assert` in [[matrix]] `m`, line 5", "did you mean `message`?"],
        );
        refused(&in_block("assert = 3"), &["`assert` in [[matrix]] `m`, line 5", "write a text such as"]);
        refused(&in_block("assert = []"), &["`assert`", "line 5", "the list is empty"]);
        refused(&in_block("assert = ['lost=0', 'lost=0']"), &["`assert`", "line 5", "twice"]);
        refused(&in_block("asert = 'lost=0'"), &["`asert` in [[matrix]] `m`, line 5", "`assert`"]);
        refused(&at_top("asert = 'lost=0'"), &["`asert` in the file, line 2", "`assert`"]);
        refused(
            &at_top("fail-on = 'suspekt'"),
            &["`fail-on` in the file, line 2", "did you mean `suspect`?"],
        );
        refused(&at_top("fail-on = true"), &["`fail-on` in the file, line 2", "invalid, suspect"]);
        refused(&at_top("fail_on = 'suspect'"), &["`fail_on` in the file, line 2", "`fail-on`"]);
        refused(
            &in_block("fail-on = 'suspect'"),
            &["`fail-on` stands in [[matrix]] `m`, line 5", "top of the file"],
        );
        refused(
            &format!("[defaults]\nassert = 'lost=0'\n{CELL}"),
            &["`assert` stands in [defaults], line 2", "top of the file for all rows, or under a [[matrix]]"],
        );
        let long = format!("assert = [{}]", "'lost=0',".repeat(MOST + 1));
        refused(&in_block(&long), &["`assert`", "line 5", "at most 100"]);
    }

    #[test]
    fn goals_of_a_block_are_about_its_cells() {
        let text = "assert = 'lost=0'\nfail-on = 'suspect'\n[[matrix]]\nname = 'a'\nscenario = 'stream'\ndispatch = 'crossbeam'\n\
                    assert = ['p99<2ms', 'event: p50<1ms']\n[[matrix]]\nname = 'b'\nscenario = 'ping'\ndispatch = 'message/rtrb'\n";
        let found = resolve(&crate::builtin(), Path::new("s.toml"), text).unwrap();
        let of_a = found.cells.iter().filter(|cell| cell.plan.matrix == "a").count();
        let (all, events) = (found.cells.len(), of_a - 1);
        let expected = format!(
            "goal for {all} cells: lost = 0\ngoal for {of_a} cells of a: p99 < 2 ms\ngoal for {events} cell of a: event: p50 < 1 ms\nfail-on suspect\n"
        );
        assert_eq!(found.goals.list(&found.cells), expected);
        // A stored goal reads back as the same.
        for (stored, goal) in found.goals.stored().iter().zip(&found.goals.of_rows) {
            assert_eq!(
                (&stored.matrix, stored.assertion.parse()),
                (&goal.matrix, Ok(goal.assertion.clone()))
            );
        }
        let named: Vec<String> = found.goals.by_name(&found.cells).iter().map(ToString::to_string).collect();
        let of_a = found.cells.iter().filter(|cell| cell.plan.matrix == "a").map(|cell| &cell.plan.name);
        let goals_of_a = of_a.clone().map(|name| format!("{name}: p99 < 2 ms"));
        let of_events = of_a.filter(|name| name.contains("event/")).map(|name| format!("{name}: p50 < 1 ms"));
        let expected: Vec<String> =
            ["lost = 0".to_owned()].into_iter().chain(goals_of_a).chain(of_events).collect();
        assert_eq!(named, expected);
        let keys = Keys::new(&crate::builtin());
        assert!([ASSERT, FAIL_ON].iter().all(|key| keys.find(key).is_none()), "a key of `run` has this name");
    }
}
