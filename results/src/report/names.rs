//! What runs, sides and rows of a comparison are called in a report.
//!
//! Does not live here: names of rows in exports and of goals (`crate::rows`).

use std::borrow::Cow;

use crate::compare::Row;
use crate::model::Run;

/// A run among others: its dispatch. In a record of two sides several runs have the same one, so there it is the side and the row:
/// `head message/rtrb`.
pub(super) fn run(run: &Run) -> Cow<'_, str> {
    match &run.side {
        Some(own) => own.called().into(),
        None => run.dispatch.as_str().into(),
    }
}

/// The style of a run, which may have a name in the place of its dispatch.
pub(super) fn style(run: &Run) -> Option<&str> {
    let mut words = run.dispatch.split(['/', ' ']);
    let first = words.clone().next();
    words.find(|word| ["message", "event"].contains(word)).or(first)
}

/// The name of a suite's cell, which says more than scenario and dispatch; `None` if the row is none.
pub(super) fn cell(row: &Row) -> Option<&str> {
    row.name.as_deref().filter(|name| *name != row.dispatch_a)
}

/// The dispatch of both sides: `message/flume`, or `message/flume against message/crossbeam`.
pub(super) fn dispatches(row: &Row) -> String {
    if row.dispatch_a == row.dispatch_b {
        return row.dispatch_a.clone();
    }
    format!("{} against {}", row.dispatch_b, row.dispatch_a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Role, Side};
    use std::collections::BTreeMap;

    #[test]
    fn a_side_is_named_and_its_style_is_that_of_its_dispatch() {
        let own = Run { dispatch: "message/rtrb".into(), ..Run::default() };
        assert_eq!((run(&own), style(&own)), ("message/rtrb".into(), Some("message")));
        let side = Side {
            role: Role::Control,
            row: "many/stream/message/rtrb batch=64".into(),
            name: "main".into(),
            revision: None,
            tool_version: String::new(),
            built: BTreeMap::new(),
        };
        let copy = Run { side: Some(side), ..own };
        assert_eq!(run(&copy), "copy many/stream/message/rtrb batch=64");
        // Where records lie over each other, a run is named in place of its dispatch.
        let named = Run { dispatch: run(&copy).into_owned(), side: None, ..copy };
        assert_eq!(style(&named), Some("message"));
    }
}
