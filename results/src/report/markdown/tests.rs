//! Snapshots of reports in Markdown, and what foreign text cannot do in them. A parser of Markdown that has nothing to do with
//! this package reads what was written.

use super::super::block::{Cell, Column, Name, Pair, Report, Settings, Table};
use super::super::{comparison, hops, search, table as record_report};
use super::escape::{code, inline, text as safe};
use super::*;
use crate::compare::{Options, compare, compare_within};
use crate::model::{Record, Setting};
use crate::sample;
use insta::assert_snapshot;
use proptest::prelude::*;
use pulldown_cmark::{Event, Options as Dialect, Parser, Tag};
use std::path::Path;

/// What tries to be more than text.
const HOSTILE: &str = "# a|b `c` <img src=x onerror=alert(1)> [d](https://evil.example) ![e](f) @someone \
                       owner/repo#1 &lt; **g** _h_ ~~i~~ $j$ www.evil.example :rocket: \\| \\";

/// GitHub makes links of words that no parser of Markdown knows.
#[test]
fn words_that_github_links_are_broken() {
    for (word, at) in [("GH-12", "GH-"), ("gh-7", "gh-"), ("a@-b.example", "a@"), ("@team/x", "@")] {
        assert!(inline(word).starts_with(&format!("{at}&#8203;")), "{}", inline(word));
    }
    assert_eq!(
        inline("rough-12 high-7 5 @ 3"),
        "rough-12 high-7 5 @ 3".replace("high-7", "high-&#8203;7").replace("rough-12", "rough-&#8203;12")
    );
}

/// The events of a document as GitHub reads it.
fn parsed(markdown: &str) -> Vec<Event<'_>> {
    Parser::new_ext(
        markdown,
        Dialect::ENABLE_GFM
            | Dialect::ENABLE_TABLES
            | Dialect::ENABLE_STRIKETHROUGH
            | Dialect::ENABLE_TASKLISTS
            | Dialect::ENABLE_FOOTNOTES
            | Dialect::ENABLE_MATH,
    )
    .collect()
}

/// All that a reader sees, without the characters that have no width.
fn seen(markdown: &str) -> String {
    let text = |event: Event| match event {
        Event::Text(text) | Event::Code(text) => text.into_string(),
        _ => String::new(),
    };
    parsed(markdown).into_iter().map(text).collect::<String>().replace('\u{200b}', "")
}

/// Whether a document has nothing but what this module writes: no links, no pictures, no markup of its own.
fn is_ours(markdown: &str) -> bool {
    parsed(markdown).iter().all(|event| match event {
        Event::Start(tag) => !matches!(
            tag,
            Tag::Link { .. } | Tag::Image { .. } | Tag::Strikethrough | Tag::FootnoteDefinition(_)
        ),
        Event::Html(html) => ["<details>", "</details>"].iter().any(|own| html.trim_start().starts_with(own)),
        Event::InlineHtml(_)
        | Event::InlineMath(_)
        | Event::DisplayMath(_)
        | Event::FootnoteReference(_)
        | Event::Rule
        | Event::HardBreak
        | Event::TaskListMarker(_) => false,
        _ => true,
    })
}

/// Cells of a table, row after row.
fn rows(markdown: &str) -> Vec<usize> {
    let mut rows = Vec::new();
    for event in parsed(markdown) {
        match event {
            Event::Start(Tag::TableHead | Tag::TableRow) => rows.push(0),
            Event::Start(Tag::TableCell) => *rows.last_mut().unwrap() += 1,
            _ => {}
        }
    }
    rows
}

fn saved() -> Option<&'static Path> {
    Some(Path::new(".drumpost/order-authorization-42.json"))
}

#[test]
fn a_record() {
    let mut record = sample::record();
    record.partial = Some("interrupted by the user after 2 of 3 trials".into());
    record.runs[1].settings.insert("batch".into(), 64u64.into());
    let mut report = record_report(&record, saved());
    report.append(hops(&record));
    assert_snapshot!(report.markdown());
}

#[test]
fn a_transport_that_confirms() {
    let mut record = Record { runs: vec![sample::confirming()], ..sample::record() };
    record.judge(&crate::verdict::Thresholds::default());
    assert_snapshot!(record_report(&record, saved()).markdown());
}

#[test]
fn a_search() {
    assert_snapshot!(search(&sample::searched(), saved()).markdown());
}

#[test]
fn a_comparison() {
    let mut record = sample::record();
    record.runs =
        vec![sample::run("message/crossbeam", 20, 9_000.0), sample::run("message/flume", 20, 9_500.0)];
    record.runs[1].settings.insert("capacity".into(), 4_096u64.into());
    let judged = compare_within(&record, "message/crossbeam", "message/flume", &Options::default()).unwrap();
    assert_snapshot!(comparison(&judged, [&record, &record]).markdown());
    let (mut a, b) = (sample::record(), sample::record());
    a.pairing = None;
    let shown = comparison(&compare(&a, &b, &Options::default()).unwrap(), [&a, &b]).markdown();
    assert!(shown.contains("\n- "), "notes of a comparison are a list:\n{shown}");
}

#[test]
fn nothing_is_said_of_nothing() {
    assert_eq!(Report::default().markdown(), "");
    assert_eq!(record_report(&Record::default(), None).markdown(), "no run in this record\n");
}

/// Every text of a record that a stranger may have written.
fn hostile_record(text: &str) -> Record {
    let mut record = sample::record();
    record.partial = Some(text.into());
    for (at, run) in record.runs.iter_mut().enumerate() {
        run.scenario = text.into();
        run.dispatch = format!("{text}{at}");
        run.settings.insert(text.into(), Setting::Text(text.into()));
        run.settings.insert("batch".into(), Setting::Text(format!("{at}{text}")));
        for trial in &mut run.trials {
            trial.error = trial.error.as_ref().map(|_| text.to_owned());
            for hop in &mut trial.hops {
                (hop.destination, hop.receiver) = (text.into(), text.into());
            }
        }
    }
    record
}

#[test]
fn hostile_names_are_text() {
    let record = hostile_record(HOSTILE);
    let mut report = record_report(&record, Some(Path::new(HOSTILE)));
    report.append(hops(&record));
    let markdown = report.markdown();
    assert!(is_ours(&markdown), "{markdown}");
    let shown = HOSTILE.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(seen(&markdown).matches(&shown).count() > 10, "{markdown}");
    for forbidden in ["@someone", "repo\\#1", "https://", "www.evil", ":rocket:"] {
        // The path is code, in which GitHub looks for none of these.
        let outside = markdown.lines().filter(|line| !line.starts_with("* **saved**"));
        let found: Vec<&str> = outside.filter(|line| line.contains(forbidden)).collect();
        assert!(found.is_empty(), "{forbidden}: {found:#?}");
    }
    let small = Record { runs: record.runs[..1].to_vec(), ..record };
    assert_snapshot!(record_report(&small, Some(Path::new("a`b``c.json"))).markdown());
}

fn hostile_search(text: &str) -> Record {
    let mut record = sample::searched();
    for one in &mut record.search.as_mut().unwrap().dispatches {
        one.dispatch = text.into();
        for held in &mut one.holds {
            held.reasons = vec![text.into()];
        }
    }
    record
}

fn hostile_comparison(text: &str) -> Report {
    let mut record = hostile_record(text);
    record.runs.truncate(1);
    let mut other = record.clone();
    other.runs[0].settings.insert("capacity".into(), Setting::Text(text.into()));
    comparison(&compare(&record, &other, &Options::default()).unwrap(), [&record, &other])
}

#[test]
fn a_hostile_comparison_and_search_are_text() {
    for report in [hostile_comparison(HOSTILE), search(&hostile_search(HOSTILE), None)] {
        let markdown = report.markdown();
        assert!(is_ours(&markdown) && seen(&markdown).contains("owner/repo#1"), "{markdown}");
    }
}

/// As the command line hides secrets: each foreign text of a record is replaced before it is escaped.
#[test]
fn every_foreign_text_can_be_replaced() {
    const SECRET: &str = "p*ss_word";
    let mut report = record_report(&hostile_record(SECRET), Some(Path::new(SECRET)));
    report.append(hops(&hostile_record(SECRET)));
    report.append(search(&hostile_search(SECRET), None));
    report.append(hostile_comparison(SECRET));
    assert!(report.markdown().contains(&safe(SECRET)));
    let replaced = report.map_texts(|text| text.replace(SECRET, "***"));
    let markdown = replaced.markdown();
    assert!(!seen(&markdown).contains(SECRET) && !markdown.contains("ss_word"), "{markdown}");
    assert!(!replaced.text(super::super::Layout::plain(100)).contains(SECRET));
}

#[test]
fn common_texts_stay_readable() {
    let texts = [
        "message/crossbeam",
        "12.3 k/s",
        "p99 41.2 ms",
        "ok, 12 lost (allowed)",
        "rate_per_s",
        "-0.1 % to +3.1 %",
        "+3.1 %",
        "1.5 ms",
        "127.0.0.1:4222: connection refused",
    ];
    for text in texts {
        assert_eq!((safe(text), inline(text)), (text.to_owned(), text.to_owned()));
    }
    assert_eq!((safe("-"), inline("-")), ("\\-".to_owned(), "-".to_owned()));
    assert_eq!((safe("---"), safe("+ x"), safe("> x")), ("\\---".into(), "\\+ x".into(), "\\> x".into()));
    assert_eq!(safe("1. one\n2) two"), "1\\. one ⏎ 2) two");
    assert_eq!(safe("worker#2@1s"), "worker\\#&#8203;2@&#8203;1s");
    assert_eq!(safe("nats://127.0.0.1:4222"), "nats:&#8203;//127.0.0.1:4222");
    assert_eq!(code("a`b"), "``a`b``");
}

/// A line that begins with `text`, and one in every other place where a text may stand.
fn everywhere(text: &str) -> Report {
    let name = Name { text: text.into(), longest: 0 };
    let pair = Pair { key: text.into(), value: text.into() };
    let mut table = Table::new(0, 1, vec![Column::left(text), Column::right("", text), Column::left(text)]);
    table.row([Tone::Plain, Tone::Bad, Tone::Warning].map(|tone| Cell::new(tone, text)).into());
    table.sentence(vec![text.into()], text);
    let mut report = Report::default();
    report.group([Block::Heading(Heading::new(Level::Part, text, text))]);
    report.group(Facts::block("checks", vec![Fact::about(name.clone(), vec![text.into()])]));
    report.group([Facts::one("partial", Tone::Bad, text)]);
    report.group([Block::Table(table)]);
    report.group([Block::Settings(Settings { shared: vec![pair.clone()], own: vec![(name, vec![pair])] })]);
    report.group([Block::List(List { head: None, items: vec![Item::Reason(text.into())] })]);
    report
}

/// Texts of characters that mean something, rather than of any.
fn any_text() -> impl Strategy<Value = String> {
    let marks = "[-+*_`~|<>&#@!:.\\\\/()\\[\\]{}$=^\"'0-9a-z \n\t\u{a0}\u{200b}é]{0,24}";
    prop_oneof![marks.prop_map(String::from), any::<String>()]
}

proptest! {
    /// What is read of it is what was to be said, and nothing in it is markup.
    #[test]
    fn any_text_is_read_as_itself(text in any_text()) {
        let wanted = crate::plain::line(&text).split_whitespace().collect::<Vec<_>>().join(" ");
        let wanted = wanted.replace('\u{200b}', "");
        let lines = ["", "- ", "## "].map(|lead| (format!("{lead}{}\n", safe(&text)), ""));
        let within = ["x: ", "* x: "].map(|lead| (format!("{lead}{}\n", inline(&text)), "x:"));
        for (markdown, word) in lines.into_iter().chain(within) {
            prop_assert!(is_ours(&markdown), "{}", markdown);
            let seen = seen(&markdown);
            prop_assert_eq!(seen.trim_start().strip_prefix(word).unwrap().trim(), wanted.trim(), "{}", markdown);
        }
    }

    #[test]
    fn any_text_stays_in_its_place(text in any_text()) {
        let markdown = everywhere(&text).markdown();
        prop_assert!(is_ours(&markdown), "{}", markdown);
        prop_assert_eq!(rows(&markdown), [3, 3, 3, 2, 2, 2, 2], "{}", markdown);
    }

    #[test]
    fn any_path_is_code(text in any_text()) {
        let markdown = format!("- {}\n", code(&text));
        prop_assert!(is_ours(&markdown), "{}", markdown);
        let wanted = crate::plain::line(&text).replace('\u{200b}', "");
        let seen = seen(&markdown);
        prop_assert_eq!(seen.trim(), wanted.trim());
    }
}
