//! Tests of the page of a comparison of two sides: what of its record is on it, its names, and its size.

use super::super::super::table as record_report;
use super::data;
use super::samples::{compared_sides, two_sides};
use crate::report::Layout;
use serde_json::Value;

fn names(plot: &Value) -> Vec<&str> {
    plot["lines"].as_array().unwrap().iter().map(|line| line["name"].as_str().unwrap()).collect()
}

/// A path has a dot for each place that it moves to.
fn dots_drawn(page: &str) -> usize {
    let paths = page.split("<path class=\"dots\" d=\"").skip(1);
    paths.map(|path| path.split('"').next().unwrap().matches('M').count()).sum()
}

#[test]
fn the_page_of_two_sides_has_what_is_in_their_record() {
    let page = compared_sides(&two_sides(1, 20)).html();
    let data = data(&page);
    let plots = data["plots"].as_array().unwrap();
    let titles: Vec<&str> = plots.iter().map(|plot| plot["title"].as_str().unwrap()).collect();
    assert_eq!(
        titles,
        [
            "Response time by percentile",
            "Throughput",
            "Response time, p50",
            "Response time, p99",
            "Schedule lag, p99"
        ]
    );
    for plot in plots {
        assert_eq!(names(plot), ["base", "head", "copy"], "{}", plot["title"]);
    }
    // Two faults in four plots, each drawn for two widths.
    assert_eq!(page.matches("<line class=\"fault\"").count(), 16);
    assert!(page.contains("payment#2 was paused (all sides)"), "{page}");
    let sides: Vec<&Value> = data["figures"].as_array().unwrap().iter().map(|run| &run["side"]).collect();
    assert_eq!(sides, ["base", "head", "copy"]);
    let (_, end) = page.split_once("Machine and versions").unwrap();
    for said in ["main", "5eaf00d", "c0ffee-dirty", "6.1.0", "42", "0.1.0"] {
        assert!(end.contains(&format!("<dd>{said}</dd>")), "{said} in {end}");
    }
    let command = "<pre><code>drumpost compare --base main --head .</code></pre>";
    assert!(end.contains(command) && end.contains("--replay FILE runs them again"), "{end}");
    let (_, audit) = page.split_once("<h2 class=\"section\">Audit</h2>").unwrap();
    let audit = audit.split("</table>").next().unwrap();
    for side in ["base", "head", "copy"] {
        assert!(audit.contains(&format!(">{side}</th>")), "{side} in {audit}");
    }
    // A terminal and a comment have the verdicts alone.
    let markdown = compared_sides(&two_sides(1, 20)).markdown();
    assert!(!markdown.contains("Percentiles") && !markdown.contains("5eaf00d"), "{markdown}");
}

/// The largest comparison of five scenarios: seven metrics each, and all pairs.
#[test]
fn a_page_of_35_gates_and_60_pairs_is_small() {
    let page = compared_sides(&two_sides(5, 60)).html();
    let pairs = data(&page)["pairs"].clone();
    let metrics = || pairs.as_array().unwrap().iter().flat_map(|row| row["metrics"].as_array().unwrap());
    assert_eq!(metrics().count(), 35);
    let dots = |of: &Value| of["pairs_in_margins"].as_array().unwrap().len();
    assert!(metrics().all(|metric| dots(metric) == 60));
    assert_eq!(dots_drawn(&page), 35 * 60 * 2, "one dot for each pair and width");
    assert!(page.len() < 500_000, "{} bytes", page.len());
}

#[test]
fn of_very_many_pairs_some_are_drawn() {
    let page = compared_sides(&two_sides(1, 400)).html();
    let metrics = data(&page)["pairs"][0]["metrics"].clone();
    let metrics = metrics.as_array().unwrap();
    assert!(metrics.iter().all(|metric| metric["pairs_in_margins"].as_array().unwrap().len() == 300));
    assert_eq!(dots_drawn(&page), metrics.len() * 300 * 2);
    assert!(page.contains("Of 400 pairs 300 are drawn in each strip"), "{page}");
}

/// All rows have the same scenario and the same dispatch.
#[test]
fn rows_are_told_apart_by_their_cells() {
    let record = two_sides(3, 20);
    let page = compared_sides(&record).html();
    let (_, lead) = page.split_once("<p class=\"verdict ").unwrap();
    let lead = lead.split("</p>").next().unwrap();
    let cell = |batch: u32| format!("sizes/order-authorization/message/nats batch={batch}");
    assert!([1, 2, 4].iter().any(|batch| lead.contains(&format!(">{}</span>", cell(*batch)))), "{lead}");
    let data = data(&page);
    for (at, batch) in [1, 2, 4].into_iter().enumerate() {
        let title = data["pairs"][at]["title"].as_str().unwrap();
        assert_eq!(title, format!("Ratios of the pairs, {}", cell(batch)));
        let (number, name) = (at + 1, cell(batch));
        assert!(page.contains(&format!("<a href=\"#row-{number}\">{name}</a>")), "{name}");
        assert_eq!(data["plots"][at * 5]["row"], cell(batch).as_str());
    }
}

#[test]
fn show_names_the_side_of_each_row_of_its_table() {
    let record = two_sides(1, 2);
    let text = record_report(&record, None).text(Layout::plain(200));
    for side in ["base", "head", "copy"] {
        let name = format!("{side} sizes/order-authorization/message/nats batch=1");
        assert!(text.lines().any(|line| line.contains(&name)), "{name} in {text}");
    }
    let page = record_report(&record, None).html();
    let data = data(&page);
    let lines = names(&data["plots"][0]);
    assert_eq!(lines.len(), 3);
    assert!(lines[2].starts_with("copy sizes/"), "{lines:?}");
}
