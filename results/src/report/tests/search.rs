//! Tests of the report on a search, and of its picture.

use super::super::{columns, search_svg};
use super::search_shown;
use crate::sample;

#[test]
fn no_line_of_a_search_is_wider_than_asked() {
    for width in [60, 72, 80, 100, 140] {
        let text = search_shown(&sample::searched(), width);
        let wide: Vec<&str> = text.lines().filter(|line| columns(line) > width).collect();
        assert!(wide.is_empty(), "{width}: {wide:#?}");
        assert!(text.lines().all(|line| line == line.trim_end()), "blanks at an end:\n{text}");
    }
}

/// A search may end in any way and with anything known: it is said in a sentence, and nothing panics.
#[test]
fn every_end_of_a_search_has_a_sentence() {
    use crate::model::search::End;
    let says = [
        (End::Found, "keeps the goal"),
        (End::NeverKept, "loosen the goal (--slo), or allow lower rates"),
        (End::AlwaysKept, "raise --to"),
        (End::TooFew, "the goal cannot be judged"),
        (End::OutOfHolds, "--max-holds"),
        (End::NotRecovered, "after an overload"),
        (End::Interrupted, "interrupted"),
        (End::Broke, "a hold failed"),
    ];
    for (end, words) in says {
        for (kept, failed) in
            [(None, None), (Some(1_000.0), None), (None, Some(2_000.0)), (Some(1.0), Some(2.0))]
        {
            let mut record = sample::searched();
            let dispatch = &mut record.search.as_mut().unwrap().dispatches[0];
            dispatch.answer.end = end;
            (dispatch.answer.kept_per_s, dispatch.answer.failed_per_s) = (kept, failed);
            let text = search_shown(&record, 400);
            let known = end == End::Found && kept.is_none();
            assert!(known || text.contains(words), "{end:?} {kept:?} {failed:?}\n{text}");
        }
    }
    let mut record = sample::searched();
    record.runs.clear();
    record.search.as_mut().unwrap().dispatches.iter_mut().for_each(|one| one.holds.clear());
    assert!(search_shown(&record, 80).contains("message/crossbeam"));
    assert_eq!(search_svg(&record).matches("nothing was measured").count(), 2);
}

/// Holds of one rate are points above each other; the line goes through their median, once.
#[test]
fn the_line_of_the_picture_goes_through_the_median_of_each_rate() {
    let mut record = sample::searched();
    // Seven holds of five rates, three of them of 2,400 /s: of those all three percentiles are to differ.
    for (run, mean_ns) in [(4, 3e5), (5, 1e5), (6, 2e5)] {
        record.runs[run].trials = vec![sample::trial(0, mean_ns)];
    }
    let svg = search_svg(&record);
    let attribute = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    let p50 = svg.lines().position(|line| line.starts_with("<polyline")).unwrap();
    let path = attribute(svg.lines().nth(p50).unwrap(), "points");
    let line: Vec<(&str, &str)> = path.split(' ').map(|point| point.split_once(',').unwrap()).collect();
    let circles: Vec<(String, String)> = svg
        .lines()
        .skip(p50 + 1)
        .take_while(|line| line.starts_with("<circle"))
        .map(|line| (attribute(line, "cx"), attribute(line, "cy")))
        .collect();
    assert_eq!((line.len(), circles.len()), (5, 7), "{path}");
    let (x, middle) = line[2];
    let mut heights: Vec<f64> =
        circles.iter().filter(|(cx, _)| cx == x).map(|(_, cy)| cy.parse().unwrap()).collect();
    heights.sort_by(f64::total_cmp);
    assert!(heights.len() == 3 && heights[0] < heights[1] && heights[1] < heights[2], "{heights:?}");
    assert_eq!(middle.parse::<f64>().unwrap(), heights[1]);
}

#[test]
fn the_picture_of_a_search_marks_goal_knee_and_answer() {
    let svg = search_svg(&sample::searched());
    for mark in
        [">knee ", ">highest rate that keeps the goal 2.40 k/s<", ">goal p99 900 µs<", "p99 &lt; 900 µs"]
    {
        assert!(svg.contains(mark), "{mark}\n{svg}");
    }
    assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
}
