//! Tables that stay one table however narrow the terminal is: texts are shortened in the middle, and the columns that matter least are left
//! out, with a line that names them.
//!
//! Lives here: which columns stay, and how wide they are. Does not live here: drawing (`grid`), and what a column may give up (`block`).

use super::super::block::{Cell, Row, Table, Yields};
use super::super::{Layout, columns};
use super::grid::{GAP, Grid};
use super::{Tone, hanging};
use crate::plain::NAME_LEN;

/// A grid of this width puts no column below the others.
const WIDE: usize = 10_000;

/// Whether a table stays one: some column may give something up.
pub(super) fn is_fitted(table: &Table) -> bool {
    table.columns.iter().any(|column| column.yields != Yields::default())
}

/// The table, and below it the columns that are left out.
pub(super) fn fitted(table: &Table, layout: Layout) -> String {
    let fit = Fit::of(table, layout.width);
    let text = Grid::of(&fit.table(table), WIDE).render(Layout { width: WIDE, ..layout });
    let left: Vec<&str> = fit.left_out.iter().map(|i| table.columns[*i].heading.as_str()).collect();
    if left.is_empty() {
        return text;
    }
    let left = left.join(", ");
    let said = format!("columns left out for want of room: {left} (a wider terminal or --json shows all)");
    text + &layout.paint(Tone::Faint, &hanging("", &said, layout))
}

/// Columns of a table for a width.
struct Fit {
    /// The columns that stay, each with its width.
    kept: Vec<(usize, usize)>,
    left_out: Vec<usize>,
}

impl Fit {
    fn of(table: &Table, width: usize) -> Self {
        let natural: Vec<usize> = (0..table.columns.len()).map(|i| natural_width(table, i)).collect();
        let yields = |i: usize| table.columns[i].yields;
        let mut kept: Vec<usize> = (0..natural.len()).collect();
        let mut left_out = Vec::new();
        // First columns go that matter less than easy names, then names are shortened as far as they may be, and then further columns go.
        let mut least = Vec::new();
        for (may_go, of) in [(Yields::EASY, 0), (u8::MAX, 1)] {
            least = natural
                .iter()
                .enumerate()
                .map(|(i, natural)| {
                    yields(i).shortest.map_or(*natural, |shortest| shortest[of].min(*natural))
                })
                .collect();
            while total(kept.iter().map(|i| least[*i])) > width {
                let going = kept.iter().enumerate().filter(|(_, i)| (1..=may_go).contains(&yields(**i).goes));
                let Some((place, _)) = going.min_by_key(|(_, i)| yields(**i).goes) else { break };
                left_out.push(kept.remove(place));
            }
        }
        // A wide column that went last may leave room for narrow ones that went before it.
        for i in left_out.iter().rev().copied().filter(|i| yields(*i).goes > Yields::EASY) {
            if total(kept.iter().chain([&i]).map(|i| least[*i])) <= width {
                kept.push(i);
            }
        }
        kept.sort_unstable();
        left_out.retain(|i| !kept.contains(i));
        let mut kept: Vec<(usize, usize)> = kept.into_iter().map(|i| (i, natural[i])).collect();
        while total(kept.iter().map(|(_, width)| *width)) > width {
            let longer = kept.iter_mut().filter(|(i, width)| *width > least[*i]);
            let Some((_, longest)) = longer.max_by_key(|(_, width)| *width) else { break };
            *longest -= 1;
        }
        left_out.sort_unstable();
        Self { kept, left_out }
    }

    /// The columns that stay, with their texts shortened.
    fn table(&self, table: &Table) -> Table {
        let kept = || self.kept.iter().map(|(i, _)| *i);
        let cells = |cells: &[Cell]| -> Vec<Cell> {
            let kept = self.kept.iter().filter_map(|(i, width)| Some((cells.get(*i)?, *width)));
            kept.map(|(cell, width)| Cell { text: middle(&cell.text, width), ..cell.clone() }).collect()
        };
        let row = |row: &Row| match row {
            Row::Cells(all) => Row::Cells(cells(all)),
            Row::Sentence(names, sentence) => Row::Sentence(cells(names), sentence.clone()),
        };
        let names = table.lead..table.lead + table.names;
        Table {
            lead: kept().filter(|i| *i < table.lead).count(),
            names: kept().filter(|i| names.contains(i)).count(),
            columns: kept().map(|i| table.columns[i].clone()).collect(),
            rows: table.rows.iter().map(row).collect(),
        }
    }
}

/// The columns of a terminal that columns of these widths take.
fn total(widths: impl Iterator<Item = usize>) -> usize {
    widths.map(|width| width + GAP).sum::<usize>().saturating_sub(GAP)
}

/// What a column takes if nothing is shortened.
fn natural_width(table: &Table, i: usize) -> usize {
    let cells = table.rows.iter().filter_map(|row| match row {
        Row::Cells(cells) | Row::Sentence(cells, _) => cells.get(i),
    });
    let widest = cells.map(|cell| columns(&cell.text)).max().unwrap_or(0).min(NAME_LEN);
    widest.max(columns(&table.columns[i].heading))
}

/// At most so many columns. What is left out of a longer text is in its middle: names differ at their beginning or at their end.
fn middle(text: &str, width: usize) -> String {
    let all = columns(text);
    if all <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let begin: String = text.chars().take(kept.div_ceil(2)).collect();
    let end: String = text.chars().skip(all - kept / 2).collect();
    format!("{begin}…{end}")
}

#[cfg(test)]
mod tests {
    use super::super::super::block::Column;
    use super::*;

    #[test]
    fn a_text_is_shortened_in_its_middle() {
        assert_eq!(middle("event/tokio-broadcast", 21), "event/tokio-broadcast");
        assert_eq!(middle("event/tokio-broadcast", 14), "event/t…adcast");
        assert_eq!([middle("abc", 1), middle("abcd", 2)], ["…", "a…"]);
    }

    #[test]
    fn columns_go_in_their_order_and_the_others_take_the_room() {
        let yields = |goes, shortest| Yields { goes, shortest };
        let mut table = Table::new(
            0,
            1,
            vec![
                Column::left("name").yielding(yields(0, Some([12, 6]))),
                Column::left("second").yielding(yields(2, None)),
                Column::left("first").yielding(yields(1, None)),
                Column::right("", "last").yielding(yields(Yields::EASY + 1, None)),
            ],
        );
        table.row(vec!["a-name-of-twenty-xyz".into(), "22222222".into(), "11111111".into(), "4444".into()]);
        let kept = |width: usize| Fit::of(&table, width);
        let names = |width: usize| kept(width).left_out;
        assert_eq!((names(46), kept(46).kept[0]), (vec![], (0, 20)));
        assert_eq!((names(38), kept(38).kept[0]), (vec![], (0, 12)), "shortened before a column goes");
        assert_eq!((names(37), kept(37).kept[0]), (vec![2], (0, 20)));
        assert_eq!((names(27), kept(27).kept[0]), (vec![1, 2], (0, 20)));
        assert_eq!((names(12), kept(12).kept[0]), (vec![1, 2], (0, 6)));
        assert_eq!((names(11), kept(11).kept[0]), (vec![1, 2, 3], (0, 11)));
        let text = fitted(&table, Layout::plain(27));
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = "left out for want of room: second, first (a wider terminal or --json shows all)";
        assert!(words.ends_with(said), "{text}");
    }

    #[test]
    fn a_wide_column_that_goes_leaves_its_room_to_a_narrow_one() {
        let column = |heading: &str, goes| Column::left(heading).yielding(Yields { goes, shortest: None });
        let columns =
            vec![column("name", 0), column("narrow", Yields::EASY + 1), column("wide", Yields::EASY + 2)];
        let mut table = Table::new(0, 1, columns);
        table.row(vec!["a-name".into(), "1111".into(), "a-wide-one".into()]);
        let left_out = |width: usize| Fit::of(&table, width).left_out;
        assert_eq!([left_out(26), left_out(25), left_out(18)], [vec![], vec![1], vec![1]]);
        assert_eq!([left_out(17), left_out(14), left_out(13)], [vec![2], vec![2], vec![1, 2]]);
    }
}
