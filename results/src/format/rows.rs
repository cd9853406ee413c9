//! Names of the rows of a comparison, shortened alike wherever they stand.
//!
//! A row is named in the rows and the goals of a comparison, in the sides of runs, and in the order of trials, and it is found by its name. So a long name
//! has to become the same short one everywhere, and two names have to stay two. Does not live here: other names (`limits`).

use std::borrow::Cow;
use std::collections::HashMap;

use super::limits::shorten;
use crate::model::Role;
use crate::plain::{NAME_LEN, cut, name};

#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Names that are too long, with what stands in their place.
    short: HashMap<String, String>,
    /// How many of them were cut to the same text.
    alike: HashMap<String, usize>,
}

impl Rows {
    pub(super) fn shorten(&mut self, row: &mut String) {
        let Cow::Owned(begin) = name(row) else { return };
        if let Some(known) = self.short.get(row.as_str()) {
            known.clone_into(row);
            return;
        }
        let alike = self.alike.entry(begin.clone()).or_default();
        *alike += 1;
        let short = match *alike {
            1 => begin,
            number => {
                let end = format!(" ({number})");
                format!("{}{end}", cut(&begin, NAME_LEN - end.len()))
            }
        };
        self.short.insert(std::mem::replace(row, short.clone()), short);
    }

    /// A goal of a row has the name of the row before the last colon. Call it once the rows themselves are shortened.
    pub(super) fn shorten_goal(&self, goal: &mut String) {
        let known = |(row, terms): (&str, &str)| Some(format!("{}:{terms}", self.short.get(row)?));
        if let Some(short) = goal.rsplit_once(':').and_then(known) {
            *goal = short;
        }
    }

    /// The label of a trial has the name of its row behind the role of its side: `head message/rtrb`. Any other label is a name.
    pub(super) fn shorten_label(&mut self, label: &mut String) {
        match label.split_once(' ').filter(|(role, _)| Role::of_word(role).is_some()) {
            Some((role, row)) if matches!(name(row), Cow::Owned(_)) => {
                let mut row = row.to_owned();
                self.shorten(&mut row);
                *label = format!("{role} {row}");
            }
            Some(_) => {}
            None => shorten(label),
        }
    }
}
