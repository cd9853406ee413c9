//! Pages: snapshots, their size, and what foreign text cannot do in them.
//!
//! With `DRUMPOST_PAGES=FOLDER` the pages are written into the folder, for `scripts/look-at-pages`.

mod samples;
mod sides;
mod suites;

use super::super::{comparison, hops, search, several, suite, table as record_report};
use crate::compare::{Options, compare};
use crate::model::{Distribution, Point, Record, Series};
use crate::report::Report;
use crate::sample;
use insta::assert_snapshot;
use proptest::prelude::*;
use samples::{
    HOSTILE, backlog, cells, compared_over_floor, compared_sides, faulty, hostile, hostile_cells, large,
    many_cells, short_cells, two_sides, without_series,
};
use std::path::Path;
use std::sync::LazyLock;

fn saved() -> Option<&'static Path> {
    Some(Path::new(".drumpost/order-authorization-42.json"))
}

/// All kinds of pages by name.
fn pages() -> Vec<(&'static str, Report)> {
    let mut record = record_report(&sample::record(), saved());
    record.append(hops(&sample::record()));
    let (one, other) = (sample::record(), faulty());
    let both = several(&[("monday.json".into(), &one), ("tuesday.json".into(), &sample::record())]);
    vec![
        ("record", record),
        ("faults", record_report(&other, saved())),
        ("large", record_report(&large(), saved())),
        ("without-series", record_report(&without_series(), saved())),
        ("search", search(&sample::searched(), saved())),
        ("comparison", compared_over_floor()),
        ("sides", compared_sides(&two_sides(1, 20))),
        ("sides-large", compared_sides(&two_sides(5, 60))),
        ("sides-many-pairs", compared_sides(&two_sides(1, 400))),
        ("sides-as-a-record", record_report(&two_sides(2, 3), saved())),
        ("several", both),
        ("suite", suite(&cells(), saved())),
        ("suite-large", suite(&many_cells(40), saved())),
        ("backlog", record_report(&backlog(), saved())),
        ("hostile", record_report(&hostile(HOSTILE), saved())),
        ("empty", record_report(&Record::default(), None)),
    ]
}

#[test]
fn pages_are_written_where_it_is_asked_for() {
    let Some(folder) = std::env::var_os("DRUMPOST_PAGES") else { return };
    for (name, report) in pages() {
        let page = report.html();
        println!("{name} {} bytes", page.len());
        std::fs::write(Path::new(&folder).join(format!("{name}.html")), page).unwrap();
    }
    let svg = super::super::search_svg(&sample::searched());
    std::fs::write(Path::new(&folder).join("search.svg"), svg).unwrap();
}

/// A page of a small record, as text that shows what changed.
#[test]
fn a_page() {
    let mut record = sample::record();
    record.runs.remove(0);
    for run in &mut record.runs {
        run.trials.truncate(1);
    }
    let page = record_report(&record, saved()).html();
    let (head, body) = page.split_once("<body>").unwrap();
    assert!(head.contains("default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"));
    // The style and the script have files of their own.
    assert_snapshot!(body.split_once("<script>\n").unwrap().0);
}

#[test]
fn a_page_of_a_comparison() {
    let page = compared_over_floor().html();
    let (_, body) = page.split_once("<body>").unwrap();
    assert_snapshot!(body.split_once("<script type").unwrap().0);
}

#[test]
fn the_same_record_gives_the_same_bytes() {
    let reports: [fn() -> Report; 3] = [
        || record_report(&sample::record(), saved()),
        || search(&sample::searched(), saved()),
        compared_over_floor,
    ];
    for report in reports {
        assert!(report().html() == report().html());
    }
}

/// The largest page that a single command makes is one that a mail takes.
#[test]
fn a_page_of_ten_dispatches_in_ten_trials_is_small() {
    let page = record_report(&large(), saved()).html();
    assert!(page.len() < 500_000, "{} bytes", page.len());
    let data = data(&page);
    let plots = data["plots"].as_array().unwrap();
    assert_eq!(plots.len(), 7);
    for plot in plots {
        let lines = plot["lines"].as_array().unwrap();
        assert_eq!(lines.len(), 10);
        assert!(lines.iter().all(|line| line["points"].as_array().unwrap().len() <= 300));
    }
}

/// The figures of a page, as another program reads them.
fn data(page: &str) -> serde_json::Value {
    let (_, rest) = page.split_once("id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn a_reader_can_take_the_numbers_out() {
    let record = sample::record();
    let data = data(&record_report(&record, saved()).html());
    let figures = data["figures"].as_array().unwrap();
    assert_eq!(figures.len(), 3);
    let response = record.runs[0].response();
    assert_eq!(figures[0]["dispatch"], "message/crossbeam");
    assert_eq!(figures[0]["response_ns_p99"].as_u64(), response.quantile_ns(0.99));
    assert_eq!(figures[2]["response_ns_p99"], serde_json::Value::Null);
    // The line of percentiles goes through the figures of the table.
    let points = data["plots"][0]["lines"][0]["points"].as_array().unwrap();
    let p99 = points.iter().find(|point| point[0] == 0.99).unwrap();
    assert_eq!(p99[1].as_u64(), response.quantile_ns(0.99));
    let pairs = &self::data(&compared_over_floor().html())["pairs"][0]["metrics"];
    assert_eq!(pairs[0]["pairs_in_margins"].as_array().unwrap().len(), 20);
    assert!(pairs[0]["floor_in_margins"].is_number());
}

/// Whoever does not find a plot finds out why.
#[test]
fn what_is_missing_is_said_in_its_place() {
    let of = |report: Report| report.html();
    assert!(of(record_report(&without_series(), None)).contains("Nothing is drawn over time"));
    assert!(of(record_report(&without_series(), None)).contains("does not say which command"));
    assert!(of(record_report(&sample::record(), None)).contains("without figures over time: message/nats"));
    assert!(
        of(record_report(&sample::record(), None))
            .contains("Not drawn, because no flow ended: message/nats.")
    );
    let mut few = sample::record();
    few.runs.truncate(1);
    for trial in &mut few.runs[0].trials {
        let point = |i: u64| {
            let point = Point { at_ns: (i + 1) * 100_000_000, ended: 20, ..Point::default() };
            point.with_response(&Distribution::of([1_000; 20]))
        };
        trial.series = Series::from_points((0..5).map(point).collect());
    }
    let page = of(record_report(&few, None));
    assert!(
        page.contains("each interval has too few samples for it")
            && page.contains("No schedule lag over time")
    );
    let (mut a, mut b) = (sample::record(), sample::record());
    (a.pairing, b.pairing) = (None, None);
    let unpaired = comparison(&compare(&a, &b, &Options::default()).unwrap(), [&a, &b]);
    assert!(of(unpaired).contains("there are no pairs of trials"));
    assert!(of(record_report(&Record::default(), None)).contains("there is no run in this record"));
}

/// What the page of a record has, a page of a suite has for each of its rows: charts over time with marks, and numbers.
#[test]
fn each_row_of_a_suite_has_what_its_own_page_has() {
    let suite_page = suite(&many_cells(3), None).html();
    let data = data(&suite_page);
    let names = |of: &str| -> Vec<String> {
        let all = data[of].as_array().unwrap().iter();
        all.filter_map(|one| Some(one["row"].as_str()?.to_owned())).collect()
    };
    let rows = ["many/message/row-0", "many/message/row-1", "many/message/row-2"];
    assert_eq!(names("figures"), rows);
    // Percentiles and four figures over time.
    assert_eq!(names("plots"), rows.map(|row| [row; 5]).concat());
    for (i, row) in rows.iter().enumerate() {
        let number = i + 1;
        assert!(suite_page.contains(&format!("<a href=\"#row-{number}\">{row}</a>")), "{row}");
        let (_, part) = suite_page.split_once(&format!("id=\"row-{number}\"")).unwrap();
        let part = part.split("<h2").next().unwrap();
        let own = record_report(many_cells(3).records[i].as_ref().unwrap(), None).html();
        let (_, own) = own.split_once("</header>").unwrap();
        let own = own.split("Machine and versions").next().unwrap();
        for what in [
            "<svg class=\"chart wide\"",
            "<line class=\"fault\"",
            "<rect class=\"band\"",
            "<polyline",
            "<small>",
            "<table",
        ] {
            assert_eq!(part.matches(what).count(), own.matches(what).count(), "{what} in {row}");
            assert!(part.contains(what), "{what} in {row}");
        }
    }
    // A terminal and a comment have the table alone.
    assert!(!suite(&many_cells(3), None).markdown().contains("Over time"));
}

#[test]
fn a_row_of_a_suite_takes_at_most_100_kb_and_only_some_are_drawn() {
    let page = suite(&many_cells(40), saved()).html();
    assert!(page.len() < 40 * 100_000, "{} bytes a row", page.len() / 40);
    let cells = cells();
    let page = suite(&cells, None).html();
    assert!(
        page.contains(
            "<li><span class=\"pill bad\">refused</span> <span>in-process/message/nats</span></li>"
        ),
        "{page}"
    );
    assert!(page.contains(
        "<li><span class=\"pill warning\">not run</span> <span>in-process/message/rtrb</span></li>"
    ));
    let many = suite(&short_cells(203), None).html();
    assert_eq!(many.matches("<h2 class=\"row\"").count(), 200);
    assert!(many.contains("The first 200 of 203 rows with trials follow in full"));
    assert_eq!(data(&many)["figures"].as_array().unwrap().len(), 203, "numbers are there for all");
}

#[test]
fn a_backlog_and_the_knee_of_a_search_are_on_their_pages() {
    let page = record_report(&backlog(), None).html();
    assert!(page.contains("messages waited for payment when its absent instance had joined"), "{page}");
    assert!(
        page.contains("1: at 0 ns payment#1 was absent from the start")
            && page.contains("<line class=\"fault\""),
        "{page}"
    );
    let searched = sample::searched();
    let knees =
        searched.search.as_ref().unwrap().dispatches.iter().filter(|one| one.knee_per_s.is_some()).count();
    let page = search(&searched, None).html();
    let data = data(&page);
    let marked = data["plots"].as_array().unwrap().iter().filter(|plot| {
        plot["marks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|mark| mark["label"].as_str().unwrap().starts_with("knee "))
    });
    assert!(knees > 0);
    assert_eq!(marked.count(), knees);
}

#[test]
fn faults_and_the_end_of_the_warm_up_are_marked() {
    let page = record_report(&faulty(), None).html();
    // Two faults in four plots, each drawn for two widths.
    assert_eq!(page.matches("<line class=\"fault\"").count(), 16);
    assert_eq!(page.matches("<rect class=\"band\"").count(), 16);
    assert!(page.contains(">end of warm-up<") && page.contains("from the end of the warm-up of 2.00 s"));
    assert!(page.contains("2: at 14.0 s payment#2 was paused (all dispatches)"), "{page}");
}

/// The verdict comes before everything else, with the reason of the worst run.
#[test]
fn the_worst_verdict_comes_first() {
    let lead = |report: &Report| {
        let page = report.html();
        let (_, rest) = page.split_once("<p class=\"verdict ").unwrap();
        assert!(!page.split_once("<p class=\"verdict ").unwrap().0.contains("<table"));
        rest.split_once("</p>").unwrap().0.to_owned()
    };
    let mut record = sample::record();
    let refused = lead(&record_report(&record, None));
    assert!(
        refused.starts_with("bad\"><strong>refused</strong>") && refused.contains("failed to connect"),
        "{refused}"
    );
    assert!(refused.contains("1 valid, 1 suspect, 1 refused"), "{refused}");
    record.runs.pop();
    let audit = lead(&record_report(&record, None));
    assert!(audit.contains("<strong>audit failed</strong>") && audit.contains("12 lost"), "{audit}");
    record.runs.pop();
    let valid = lead(&record_report(&record, None));
    assert!(valid.starts_with("good\"><strong>valid</strong>"), "{valid}");
    let regression = lead(&compared_over_floor());
    assert!(
        regression.contains(": worse by ") && regression.contains("20 pairs, exact sign test"),
        "{regression}"
    );
    let suite = lead(&suite(&cells(), None));
    assert!(suite.contains("<strong>refused</strong>") && suite.contains("1 not run"), "{suite}");
    let search = lead(&search(&sample::searched(), None));
    assert!(search.contains("<strong>never kept</strong>") && search.contains("1 found"), "{search}");
}

#[test]
fn several_records_lie_over_each_other() {
    let (monday, tuesday) = (sample::record(), sample::record());
    let page = several(&[("monday.json".into(), &monday), ("tuesday.json".into(), &tuesday)]).html();
    let data = data(&page);
    let names =
        data["plots"][0]["lines"].as_array().unwrap().iter().map(|line| line["name"].as_str().unwrap());
    let names: Vec<&str> = names.collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.contains(&"message/crossbeam (B)"), "{names:?}");
    assert_eq!(page.matches("<h1").count(), 1);
}

/// The tags of a page with their attributes. Texts, and attributes that hold texts, are left out.
fn structure(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some((_, tag)) = rest.split_once('<') {
        let (tag, after) = tag.split_once('>').unwrap();
        rest = after;
        let mut words = tag
            .split(' ')
            .filter(|word| !["long\"", "right", "left"].contains(word))
            .collect::<Vec<_>>()
            .join(" ");
        if let Some((before, label)) = words.split_once(" aria-label=\"") {
            words = format!("{before}{}", label.split_once('"').unwrap().1);
        }
        tags.push(words.replace(" long\"", "\"").replace("left\"", "left").trim_end_matches('"').to_owned());
        if tag == "script" || tag == "style" {
            rest = rest.split_once(&format!("</{tag}>")).unwrap().1;
        }
    }
    tags
}

/// Everything that a stranger may have written, in all kinds of reports.
fn everywhere(text: &str) -> Report {
    let record = hostile(text);
    let mut report = record_report(&record, Some(Path::new(text)));
    report.append(hops(&record));
    let mut searched = sample::searched();
    for one in &mut searched.search.as_mut().unwrap().dispatches {
        one.dispatch = text.into();
        one.holds.iter_mut().for_each(|held| held.reasons = vec![text.into()]);
    }
    report.append(search(&searched, None));
    report.append(suite(&hostile_cells(text), None));
    let one = Record { runs: record.runs[..1].to_vec(), ..record.clone() };
    report.append(comparison(&compare(&one, &one, &Options::default()).unwrap(), [&one, &one]));
    report
}

#[test]
fn hostile_names_are_text() {
    let page = everywhere(HOSTILE).html();
    assert_eq!(structure(&page), structure(&everywhere("plain").html()));
    assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (2, 2));
    assert!(!page.contains("<!--") && !page.contains("<img"));
    assert!(!page.chars().any(crate::plain::acts));
    let names = data(&page)["figures"].as_array().unwrap().clone();
    let name = names[0]["dispatch"].as_str().unwrap();
    assert!(name.starts_with("message/</script><script>alert(1)</script>"), "{name}");
}

/// As the command line hides secrets: each foreign text of a report is replaced before it is escaped.
#[test]
fn every_foreign_text_can_be_replaced() {
    const SECRET: &str = "p4ssw0rd";
    assert!(everywhere(SECRET).html().contains(SECRET));
    let replaced = everywhere(SECRET).map_texts(|text| text.replace(SECRET, "***")).html();
    assert!(!replaced.contains(SECRET), "{}", replaced.split_once(SECRET).unwrap().1);
}

/// The structure of a page in which every text is a word.
static PLAIN: LazyLock<Vec<String>> = LazyLock::new(|| structure(&everywhere("zx").html()));

/// Texts of characters that mean something, rather than of any.
fn any_text() -> impl Strategy<Value = String> {
    let marks = "[-<>&\"'`/!=;#:\\\\()\\[\\]{}0-9a-z \n\t\r\u{0}\u{7}\u{1b}\u{a0}\u{202e}\u{2028}\u{fdd0}\u{fffe}é]{0,24}";
    let scripts = "(</?script>|<!--|-->|\\]\\]>|<style|onload=|&lt;|&#60;|javascript:){1,4}";
    prop_oneof![marks.prop_map(String::from), scripts.prop_map(String::from), any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// No text makes another element or another attribute, ends the script, or breaks the figures.
    #[test]
    fn any_text_stays_in_its_place(text in any_text()) {
        // Names of settings are sorted, and other settings have names that a text may have.
        let text = format!("z{text}");
        let page = everywhere(&text).html();
        prop_assert_eq!(structure(&page), PLAIN.clone());
        prop_assert!(!page.chars().any(crate::plain::acts));
        let figures = data(&page)["figures"][0]["scenario"].clone();
        prop_assert_eq!(figures.as_str(), Some(&*text));
    }
}
