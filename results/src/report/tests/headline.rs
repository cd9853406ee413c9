//! Tests of what the report on a comparison begins with, and of the marks before notes.

use super::{compared, comparison, interleaved};
use crate::compare::{Comparison, Control, ControlState, Cut, Metric, Options, Verdict, compare_within};
use crate::model::Run;
use crate::report::{self, Layout};

/// B is faster, but loses messages that its transport promised to deliver.
fn faster_and_losing() -> Comparison {
    let mut record = interleaved();
    record.runs.swap(0, 1);
    record.runs[1].trials[4].audit.lost = 3;
    let compared =
        compare_within(&record, "message/flume", "message/crossbeam", &Options::default()).unwrap();
    Comparison { verdict: Verdict::Improvement, ..compared }
}

#[test]
fn a_failed_audit_comes_before_the_times_in_every_form() {
    let losing = faster_and_losing();
    let facts = "B breaks a promise that A keeps: 3 lost; figures: improvement";
    let text = comparison(&losing, Layout::plain(100));
    assert!(text.starts_with(&format!("audit failed  {facts}\n")), "{text}");
    let none = crate::model::Record::default();
    let report = report::comparison(&losing, [&none, &none]);
    let markdown = report.markdown();
    assert!(markdown.starts_with(&format!("## audit failed\n\n{facts}\n")), "{markdown}");
    let page = report.html();
    assert!(
        page.contains(&format!("<p class=\"verdict bad\"><strong>audit failed</strong> {facts}")),
        "{page}"
    );
    let document: serde_json::Value = serde_json::from_str(&report::json(&losing).unwrap()).unwrap();
    assert_eq!(
        (&document["headline"], &document["verdict"], &document["rows"][0]["audit_failed"]),
        (&"audit failed".into(), &"improvement".into(), &"3 lost".into())
    );
}

/// Where A breaks its promise, too, the times are judged, and a reader is told that they are those of two faulty sides.
#[test]
fn a_promise_that_both_break_stands_beside_the_verdict() {
    let mut losing = faster_and_losing();
    losing.rows[0].broken_promise = None;
    losing.rows[0].broken_by_both = Some("A 2 lost; B 3 lost".into());
    losing.verdict = Verdict::NoChange;
    let facts = "both sides break their promise: A 2 lost; B 3 lost";
    let text = comparison(&losing, Layout::plain(100));
    assert!(text.starts_with(&format!("no change  {facts}\n")), "{text}");
    let document: serde_json::Value = serde_json::from_str(&report::json(&losing).unwrap()).unwrap();
    let row = &document["rows"][0];
    assert_eq!(
        (&document["headline"], &row["audit_failed"], &row["both_audits_failed"]),
        (&"no change".into(), &().into(), &"A 2 lost; B 3 lost".into())
    );
    assert!(comparison(&compared(), Layout::plain(100)).starts_with("regression\n"));
    // A head that is clearly worse is no longer excused by its base.
    losing.rows[0].broken_promise = Some("3 lost".into());
    let text = comparison(&losing, Layout::plain(200));
    let worse = "audit failed  both sides break their promise, and B has more faults: A 2 lost; B 3 lost; figures: no change\n";
    assert!(text.starts_with(worse), "{text}");
}

#[test]
fn of_several_rows_the_one_that_breaks_its_promise_is_named() {
    let mut losing = faster_and_losing();
    let row = losing.rows[0].clone();
    losing.rows.insert(0, crate::compare::Row { broken_promise: None, ..row.clone() });
    let text =
        |losing: &Comparison| comparison(losing, Layout::plain(200)).lines().next().unwrap().to_owned();
    assert_eq!(
        text(&losing),
        "audit failed  B breaks a promise that A keeps: 3 lost in order-authorization message/flume to message/crossbeam; figures: improvement"
    );
    losing.rows.push(crate::compare::Row { name: Some("other cell".into()), ..row });
    assert!(
        text(&losing).contains("message/crossbeam and others in 1 more row; figures"),
        "{}",
        text(&losing)
    );
}

/// All of its 95 % interval is worse, so it is not called the same.
#[test]
fn a_change_within_its_margin_is_told_as_a_change() {
    let mut small = compared();
    small.verdict = Verdict::NoChange;
    small.rows[0].gates.retain(|gate| gate.metric == Metric::P99);
    let none = crate::model::Record::default();
    let page = report::comparison(&small, [&none, &none]).html();
    assert!(page.contains("response p99: worse by 5."), "{page}");
    assert!(page.contains(" pairs, which is within the margin of 10 %"), "{page}");
}

/// Verdicts that were not due yet are no result, and nothing is promised of them.
#[test]
fn what_was_cut_off_comes_before_everything_else() {
    let shown = |cut: Cut, mut own: Comparison| {
        own.course.cut = Some(cut);
        own.options.looks = 3;
        comparison(&own, Layout::plain(1_000))
    };
    let text = shown(Cut::Interrupted("interrupted after 12 pairs".into()), compared());
    let begins = "not complete  interrupted after 12 pairs; figures so far: regression\n";
    assert!(text.starts_with(begins), "{text}");
    assert_eq!(text.matches("interrupted after 12 pairs").count(), 1, "it is said once: {text}");
    assert!(text.contains("It ended before the next of them, so nothing is known about"), "{text}");
    assert!(!text.contains("at most 1 %"), "{text}");
    let text = shown(Cut::Failed("a trial failed 3 times".into()), faster_and_losing());
    let begins = "not complete  a trial failed 3 times; so far B breaks a promise that A keeps: 3 lost; figures: improvement\n";
    assert!(text.starts_with(begins), "{text}");
    let mut cut = compared();
    cut.course.cut = Some(Cut::Interrupted("interrupted after 12 pairs".into()));
    let document: serde_json::Value = serde_json::from_str(&report::json(&cut).unwrap()).unwrap();
    assert_eq!((&document["headline"], &document["verdict"]), (&"not complete".into(), &"regression".into()));
}

/// The exit code is 1, whatever the other pairs show, so no form begins with a word that sounds like a pass.
#[test]
fn a_pair_that_failed_comes_before_the_verdict_in_every_form() {
    let mut own = compared();
    own.verdict = Verdict::NoChange;
    own.course.failed_pairs = 1;
    let failed = own.course.failed_pairs_in_words().unwrap();
    let text = comparison(&own, Layout::plain(200));
    assert!(text.starts_with("not complete  1 pair failed and is left out: "), "{text}");
    assert!(text.lines().next().unwrap().ends_with("; figures: no change"), "{text}");
    let none = crate::model::Record::default();
    let report = report::comparison(&own, [&none, &none]);
    assert!(report.markdown().starts_with("## not complete\n"), "{}", report.markdown());
    let page = report.html();
    let lead = format!("<p class=\"verdict bad\"><strong>not complete</strong> {failed}; figures: no change");
    assert!(page.contains(&lead), "{page}");
    let document: serde_json::Value = serde_json::from_str(&report::json(&own).unwrap()).unwrap();
    assert_eq!((&document["headline"], &document["verdict"]), (&"not complete".into(), &"no change".into()));
    let mut losing = faster_and_losing();
    losing.course.failed_pairs = 2;
    let text = comparison(&losing, Layout::plain(1_000));
    let facts = "; B breaks a promise that A keeps: 3 lost; figures: improvement";
    assert!(text.starts_with("not complete  2 pairs failed and are left out"), "{text}");
    assert!(text.lines().next().unwrap().ends_with(facts), "{text}");
}

/// The exit code is 6, and the word says which one it is. A regression counts even so.
#[test]
fn an_invalid_side_comes_before_any_verdict_but_a_regression() {
    let first = |own: &Comparison| comparison(own, Layout::plain(200)).lines().next().unwrap().to_owned();
    let mut own = compared();
    own.rows[0].invalid_sides = [false, true];
    assert_eq!(first(&own), "regression");
    own.verdict = Verdict::Inconclusive;
    for (sides, says) in [
        ([false, true], "B is invalid"),
        ([true, false], "A is invalid"),
        ([true, true], "A and B are invalid"),
    ] {
        own.rows[0].invalid_sides = sides;
        assert_eq!(first(&own), format!("invalid  {says}; figures: inconclusive"));
    }
    let document: serde_json::Value = serde_json::from_str(&report::json(&own).unwrap()).unwrap();
    assert_eq!((&document["headline"], &document["invalid"]), (&"invalid".into(), &true.into()));
    let none = crate::model::Record::default();
    let page = report::comparison(&own, [&none, &none]).html();
    assert!(page.contains("<p class=\"verdict bad\"><strong>invalid</strong> A and B are invalid"), "{page}");
    own.rows.push(own.rows[0].clone());
    let place = "in order-authorization message/crossbeam to message/flume and others in 1 more row";
    assert_eq!(first(&own), format!("invalid  A and B are invalid {place}; figures: inconclusive"));
    own.course.cut = Some(Cut::Interrupted("interrupted after 12 pairs".into()));
    assert!(
        first(&own).starts_with("not complete  interrupted after 12 pairs; so far A and B"),
        "{}",
        first(&own)
    );
    let mut differing = compared();
    differing.verdict = Verdict::Inconclusive;
    differing.control = Some(Control {
        state: ControlState::Differs,
        pairs: 20,
        needed: 11,
        rows: Vec::new(),
        sentence: "a copy of A differs".into(),
    });
    assert_eq!(first(&differing), "invalid  a copy of A differs from A; figures: inconclusive");
}

/// The page says of the figure that decided what the notes say of it. A limit of 1.5 margins would be another one than the rule has.
#[test]
fn a_page_and_a_terminal_say_the_same_of_a_figure() {
    let mut own = compared();
    let lead = |own: &Comparison| {
        let none = crate::model::Record::default();
        let page = report::comparison(own, [&none, &none]).html();
        let (_, lead) = page.split_once("<p class=\"verdict ").unwrap();
        lead.split_once("</p>").unwrap().0.to_owned()
    };
    for verdict in [Verdict::Regression, Verdict::NoChange, Verdict::Inconclusive] {
        own.verdict = verdict;
        let said = own.rows[0].gates.iter().filter(|gate| gate.verdict == verdict).map(|gate| {
            let sentence = gate.brief_sentence().replace('<', "&lt;").replace('\'', "&#39;");
            format!("</span> {}: {sentence} <span", gate.metric.label())
        });
        let (said, lead) = (said.collect::<Vec<_>>(), lead(&own));
        assert!(said.iter().any(|said| lead.contains(said)), "{lead}: {said:?}");
        assert!(!lead.contains("is the same within"), "{lead}");
    }
}

/// Of a side that was not built nothing was measured. Every form says so, because a reader may have no other.
#[test]
fn a_comparison_that_never_began_says_why_in_every_form() {
    let why = "failed to build in /x: cargo ended with 101";
    let none = crate::model::Record::default();
    let never = Comparison::not_begun("main".into(), ".".into(), why.into());
    let report = report::comparison(&never, [&none, &none]);
    let facts = format!("{why}; there are no figures");
    let text = report.text(Layout::plain(200));
    assert!(text.starts_with(&format!("not complete  {facts}\n")), "{text}");
    assert!(!text.contains("medians") && text.contains("A  main"), "{text}");
    for text in [report.markdown(), report.html()] {
        assert!(text.contains("not complete") && text.contains(&facts), "{text}");
    }
    assert!(!report.html().contains("Machine and versions"), "there is no record to show");
    let document: serde_json::Value = serde_json::from_str(&report::json(&never).unwrap()).unwrap();
    assert_eq!((&document["headline"], &document["judged"]), (&"not complete".into(), &false.into()));
}

/// "regression" beside a floor that is larger than the change must not read like a contradiction.
#[test]
fn a_verdict_below_its_noise_floor_is_said_to_stand() {
    let mut judged = compared();
    for gate in &mut judged.rows[0].gates {
        gate.floor = Some(if gate.metric == Metric::P50 { 2.973 } else { 0.001 });
    }
    let text = comparison(&judged, Layout::plain(1_000));
    let floors = "a change of 0.1 % (throughput) to 298 % (response p50) would be found in four of five such comparisons";
    assert!(text.contains(floors), "{text}");
    let stands =
        "- response p50: the change is smaller than the noise floor. The verdict stands: at most 1 of 100";
    assert!(text.contains(stands), "{text}");
    judged.rows[0].gates.retain(|gate| gate.metric != Metric::P50);
    let text = comparison(&judged, Layout::plain(1_000));
    assert!(!text.contains("The verdict stands"), "{text}");
}

/// The header and the notes count the same pairs, and the reason is the true one.
#[test]
fn a_pair_in_which_no_flow_ended_is_named_in_the_header_and_the_notes() {
    let mut record = interleaved();
    record.runs.iter_mut().for_each(|run| run.trials.truncate(10));
    let dead = &mut record.runs[1].trials[5];
    dead.flows = crate::model::Flows::default();
    dead.response = crate::model::Distribution::default();
    record.judge(&crate::verdict::Thresholds::default());
    let judged = compare_within(&record, "message/crossbeam", "message/flume", &Options::default()).unwrap();
    let report = report::comparison(&judged, [&record; 2]);
    let forms = [report.text(Layout::plain(1_000)), report.markdown(), report.html()];
    for text in forms {
        for said in [
            "10 pairs, 9 can be compared",
            "no flow ended in B of pair 6, so 9 of 10 pairs can be compared",
            "no flow ended in B of pair 6, so the value shown combines all trials, and gets no verdict",
            "B is invalid: trial 6 of 10: no flow ended",
        ] {
            assert!(text.contains(said), "no `{said}` in {text}");
        }
    }
}

/// `note` above a list and `note:` in front of each of its items would say the same twice.
#[test]
fn a_list_of_notes_says_so_once() {
    let mut run: Run = interleaved().runs.swap_remove(0);
    let note = "it was cold";
    let verdict = |reasons: &[&str]| crate::model::Verdict {
        reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
        notes: vec![note.into()],
        ..crate::model::Verdict::default()
    };
    run.verdict = Some(verdict(&[]));
    let forms = |run: &Run| {
        let report = report::table(&crate::model::Record { runs: vec![run.clone()], ..interleaved() }, None);
        [report.text(Layout::plain(100)), report.markdown(), report.html()]
    };
    for text in forms(&run) {
        assert!(text.contains(note) && !text.contains("note: it was cold"), "{text}");
    }
    // Among reasons a note is marked.
    run.verdict = Some(verdict(&["it was late"]));
    for text in forms(&run) {
        assert!(text.contains("it was late") && text.contains("note: it was cold"), "{text}");
    }
}
