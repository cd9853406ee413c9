//! The result of the self-test as a table and as one JSON document. Does not live here: printing.

use super::row::{Group, Row, Status};
use drumpost_results::report::{Layout, hanging};
use serde::Serialize;

/// Columns that the table takes.
const WIDTH: usize = 80;

/// All rows, how many of them hold, and the verdict.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema_version: u32,
    tool_version: &'static str,
    seed: u64,
    verdict: &'static str,
    held: usize,
    failed: usize,
    unfit: usize,
    /// Sentences about parts of the self-test that could not run.
    notes: Vec<String>,
    rows: Vec<Row>,
}

impl Report {
    pub(super) fn new(seed: u64, rows: Vec<Row>, notes: Vec<String>) -> Self {
        let count = |status| rows.iter().filter(|row| row.status == status).count();
        let (held, failed, unfit) = (count(Status::Ok), count(Status::Failed), count(Status::Unfit));
        let verdict = match (failed, unfit) {
            (1.., _) => "fails",
            (0, 1..) => "unfit",
            (0, 0) => "holds",
        };
        let tool_version = env!("CARGO_PKG_VERSION");
        Self { schema_version: 1, tool_version, seed, verdict, held, failed, unfit, notes, rows }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed > 0
    }

    pub(super) fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// The table, the notes and the verdict.
    pub(super) fn text(&self, layout: Layout) -> String {
        // No line is longer than those of the table.
        let layout = Layout { width: layout.width.min(WIDTH), ..layout };
        let mut text = String::new();
        for (group, title) in [
            (Group::Virtual, "virtual time: simulated targets with known answers"),
            (Group::Real, "real time: pacing and simulated targets on this machine"),
            (Group::Host, "this host"),
        ] {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.group == group).collect();
            if rows.is_empty() {
                continue;
            }
            let gap = if text.is_empty() { "" } else { "\n" };
            text += &format!("{gap}{}", paint(layout, "1", &hanging("", title, layout)));
            if group != Group::Host && layout.width >= WIDTH {
                let [what, expected, measured, tolerance] = ["what", "expected", "measured", "tolerance"];
                let head = format!("{what:36}{expected:>11}{measured:>11}  {tolerance:>11}    ok");
                text += &format!("{}\n", paint(layout, "2", &head));
            }
            rows.iter().for_each(|row| text += &line(row, layout));
        }
        text + "\n" + &self.closing(layout)
    }

    fn closing(&self, layout: Layout) -> String {
        let mut text = String::new();
        if self.rows.iter().any(|row| row.group != Group::Host) {
            const LEGEND: &str = "c chance, one false alarm in a million rows; b the histogram's buckets; s steps of \
                                  the schedule; l a fixed limit";
            text += &paint(layout, "2", &hanging("tolerances: ", LEGEND, layout));
        }
        self.notes.iter().for_each(|note| text += &hanging("note: ", note, layout));
        let mut reasons: Vec<&str> = self
            .rows
            .iter()
            .filter_map(|row| row.note.as_deref())
            .flat_map(|note| note.split(", "))
            .collect();
        reasons.dedup();
        if self.unfit > 0 {
            let loud = format!("THIS HOST IS TOO BUSY: {} rows tell nothing", self.unfit);
            text += &paint(layout, "33", &hanging("", &loud, layout));
            reasons.iter().for_each(|reason| text += &hanging("  ", reason, layout));
        }
        let (tone, verdict) = match self.verdict {
            "fails" => ("31", format!("{} OF {} ROWS FAIL", self.failed, self.failed + self.held)),
            "unfit" => ("33", format!("{} rows hold, {} tell nothing", self.held, self.unfit)),
            _ => ("32", format!("all {} rows hold", self.held)),
        };
        let last = hanging("selftest: ", &format!("{verdict} (seed {})", self.seed), layout);
        text + &last.replacen(&verdict, &paint(layout, tone, &verdict), 1)
    }
}

fn line(row: &Row, layout: Layout) -> String {
    let Row { what, expected, measured, tolerance, .. } = row;
    let letter = row.reason.letter();
    if layout.width < WIDTH {
        return folded(row, layout);
    }
    match row.status {
        Status::Shown if row.group == Group::Host => format!("{what:36}{measured:>22}\n"),
        Status::Shown => format!("{what:36}{expected:>11}{measured:>11}\n"),
        status => {
            let (tone, word) = outcome(status);
            let word = paint(layout, tone, word);
            format!("{what:36}{expected:>11}{measured:>11}  {tolerance:>11} {letter}  {word}\n")
        }
    }
}

/// The row for a terminal that is narrower than the table: its name, and the figures below.
fn folded(row: &Row, layout: Layout) -> String {
    let Row { what, expected, measured, tolerance, .. } = row;
    let mut figures: Vec<String> = Vec::new();
    if !expected.is_empty() {
        figures.push(format!("expected {expected},"));
    }
    figures.push(format!("measured {measured}"));
    if !tolerance.is_empty() {
        figures.push(format!("({})", format!("{tolerance} {}", row.reason.letter()).trim_end()));
    }
    let (tone, word) = outcome(row.status);
    let name = hanging(&format!("{word:<7}"), what, layout).replacen(word, &paint(layout, tone, word), 1);
    name + &hanging("       ", &figures.join(" "), layout)
}

/// A colour and a word; no word for a fact, which is not judged.
fn outcome(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Failed => ("31", "FAILS"),
        Status::Unfit => ("33", "unfit"),
        Status::Ok => ("32", "ok"),
        Status::Shown => ("", ""),
    }
}

fn paint(layout: Layout, code: &str, text: &str) -> String {
    if layout.colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selftest::row::{Reason, Unit};

    fn rows(busy: bool) -> Vec<Row> {
        let why = busy.then(|| "the hypervisor took 5.2 % of its time".to_owned());
        vec![
            Row::near("M/M/1 ρ 0.5  response p50", Unit::Ns, (1.386e6, 1.3861e6), 0.009, Reason::Chance),
            Row::exact("all three  lost + unique = sent", 1_000_000, 1_000_000),
            Row::says("overload 1.2  verdict says", "not steady", "not steady"),
            Row::at_most("sim 10k/s Poisson  lag p99", Unit::Ns, (100e3, 4.2e6), Reason::Limit)
                .on(Group::Real, why.as_ref()),
            Row { group: Group::Real, ..Row::shown("sim 10k/s Poisson  lag max", "5.1 ms") },
            Row::shown("clock  source", "tsc"),
        ]
    }

    #[test]
    fn a_row_that_fails() {
        let report = Report::new(7, rows(false), Vec::new());
        assert!(report.has_failed());
        let text = report.text(Layout::plain(80));
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn rows_fold_on_a_narrow_terminal() {
        let text = Report::new(7, rows(true), vec!["something is not shown".into()]).text(Layout::plain(40));
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_host_too_busy_to_tell() {
        let report = Report::new(7, rows(true), vec!["something is not shown".into()]);
        assert!(!report.has_failed());
        insta::assert_snapshot!(report.text(Layout::plain(80)));
    }

    #[test]
    fn all_hold() {
        let report = Report::new(7, rows(true).into_iter().take(3).collect(), Vec::new());
        insta::assert_snapshot!(report.text(Layout::plain(80)));
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!((&json["verdict"], json["rows"].as_array().unwrap().len()), (&"holds".into(), 3));
    }
}
