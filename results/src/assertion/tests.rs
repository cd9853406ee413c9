//! Tests of assertions, and of figures that cannot be told.

use super::*;
use crate::goal::Reply;
use crate::model::{Audit, Distribution, Flows, LoadKind, Record, Run, Status, Trial, Validity, Verdict};
use crate::{report, rows, sample};
use proptest::prelude::*;

/// A run of two trials whose response times are 1 to 1,000 ms and 1,001 to 2,000 ms.
fn run() -> Run {
    let trial = |from_ms: u64| {
        let response = Distribution::of((from_ms..from_ms + 1_000).map(|ms| ms * 1_000_000));
        let flows = Flows { due: 1_000, started: 1_000, ended: 1_000, ..Flows::default() };
        let audit = Audit { sent: 3_000, expected: 3_000, unique: 3_000, ..Audit::default() };
        Trial {
            elapsed_ns: 1_000_000_000,
            cpu_ns: Some(6_000_000),
            flows,
            audit,
            response,
            ..Trial::default()
        }
    };
    let trials = vec![trial(1), trial(1_001)];
    Run {
        scenario: "ping".into(),
        dispatch: "message/nats".into(),
        load: LoadKind::Open,
        trials,
        verdict: Some(Verdict::default()),
        ..Run::default()
    }
}

fn outcome(run: Run, assertion: &str) -> Outcome {
    let record = Record { runs: vec![run], ..Record::default() };
    evaluate(&[assertion.parse().unwrap()], &rows::of_record(&record)).unwrap()
}

#[track_caller]
fn sentences(run: Run, assertion: &str) -> Vec<String> {
    let outcome = outcome(run, assertion);
    outcome.asserted[0].rows[0].terms.iter().map(Checked::sentence).collect()
}

#[test]
fn figures_are_those_of_all_trials_together() {
    // The p50 of the trials are 500 ms and 1.5 s, so a mean of them would be 1 s, too. The p99s are 990 ms and 1.99 s.
    let of_all = sentences(run(), "p99<1500ms, p50<=1001ms, max<=2s, mean<1s");
    assert_eq!(
        of_all,
        ["p99 1.98 s, 32.1 % over 1500 ms", "p50 1.00 s", "max 2.00 s", "mean 1.00 s, 0.0500 % over 1 s"]
    );
    assert_eq!(
        sentences(run(), "throughput_per_s>=1k, cpu_ns_per_message<=2us, cpu_ns_per_flow<5us, achieved>=99%"),
        [
            "throughput_per_s 1.00 k/s",
            "cpu_ns_per_message 2.00 µs",
            "cpu_ns_per_flow 6.00 µs, 20.0 % over 5 µs",
            "achieved 100 %"
        ]
    );
    assert_eq!(
        sentences(run(), "throughput_per_s>50k/s, lost=0, ended<100"),
        ["throughput_per_s 1.00 k/s, 98.0 % under 50k/s", "lost 0", "ended 2,000, 20.0 times 100"]
    );
    let mut lossy = run();
    lossy.trials[1].audit.lost = 12;
    assert_eq!(sentences(lossy, "lost=0, lost<=10"), ["lost 12, not = 0", "lost 12, 20.0 % over 10"]);
    assert_eq!(sentences(run(), "max<2s"), ["max 2.00 s, not < 2 s"]);
}

#[track_caller]
fn cannot_tell(run: Run, assertion: &str, why: &str) {
    let outcome = outcome(run, assertion);
    assert_eq!((outcome.is_kept(), outcome.reply()), (false, Reply::CannotTell), "{assertion}");
    let checked = &outcome.asserted[0].rows[0].terms[0];
    assert!(checked.why_not().unwrap().contains(why), "{}", checked.sentence());
}

#[test]
fn a_figure_that_is_not_known_is_never_kept() {
    cannot_tell(run(), "p99.9<1h", "2,000 samples are too few for p99.9, which needs 2,995");
    cannot_tell(run(), "service.p50>=0", "0 samples are too few");
    cannot_tell(run(), "confirm.p99<1h", "the transport confirms nothing");
    cannot_tell(run(), "refused=0", "the transport confirms nothing");
    cannot_tell(run(), "redelivered=0", "marks no message as repeated");
    cannot_tell(run(), "kept_per_s>0", "only a search");
    let without_cpu = |mut run: Run| {
        run.trials[0].cpu_ns = None;
        run
    };
    cannot_tell(without_cpu(run()), "cpu_ns_per_flow<1s", "CPU time was not measured");
    let mut closed = run();
    closed.load = LoadKind::Closed;
    cannot_tell(closed, "achieved>=0%", "a closed load");
    // Two messages may be lost or not.
    let mut unknown = run();
    unknown.trials[0].audit.unknown = 2;
    cannot_tell(unknown.clone(), "lost=0", "lost is at least 0 and may be 2");
    cannot_tell(unknown.clone(), "lost=1", "lost is at least 0 and may be 2");
    assert!(outcome(unknown.clone(), "lost<=2").is_kept());
    assert_eq!(outcome(unknown, "lost>=3").reply(), Reply::Missed);
    let mut old = run();
    old.trials.iter_mut().for_each(|trial| trial.audit.confirmed = Some(3_000));
    cannot_tell(old, "refused=0", "the record does not say");
}

#[test]
fn a_run_that_failed_or_is_invalid_keeps_nothing() {
    let mut failed = run();
    (failed.trials[1].status, failed.trials[1].error) = (Status::Failed, Some("broker lost".into()));
    cannot_tell(failed.clone(), "lost=0", "the run failed: broker lost");
    assert_eq!(outcome(failed, "p99<1ms").reply(), Reply::Missed);
    let mut invalid = run();
    invalid.verdict =
        Some(Verdict { status: Validity::Invalid, reasons: vec!["late".into()], ..Verdict::default() });
    cannot_tell(invalid, "p99<1h", "the run is invalid: late");
    let refused = sample::record().runs.remove(2);
    cannot_tell(refused, "lost=0", "the run was refused: failed to connect");
    cannot_tell(Run { trials: Vec::new(), ..run() }, "lost=0", "no trial was started");
    // Counts of a trial in which nothing was due are zero.
    cannot_tell(Run { trials: vec![Trial::default()], ..run() }, "lost=0", "nothing was measured");
    // A broken promise is a count like others.
    let mut lossy = run();
    lossy.trials[0].audit.lost = 1;
    assert!(outcome(lossy, "lost<=1, p99<1h").is_kept());
}

#[test]
fn selectors_name_dispatches_styles_transports_and_scenarios() {
    let record = sample::record();
    let rows = rows::of_record(&record);
    for (selector, n) in [
        ("message/crossbeam", 1),
        ("message", 2),
        ("crossbeam", 2),
        ("order-authorization", 3),
        ("order-authorization event/crossbeam", 1),
        ("order-authorization  nats", 1),
        ("event/crossbeam", 1),
    ] {
        let assertion: Assertion = format!("{selector}: p99<1h").parse().unwrap();
        let outcome = evaluate(std::slice::from_ref(&assertion), &rows).unwrap();
        assert_eq!(outcome.asserted[0].rows.len(), n, "{selector}");
        assert_eq!(assertion.to_string().parse::<Assertion>().unwrap(), assertion);
    }
    let all = evaluate(&["p99<1h".parse().unwrap()], &rows).unwrap();
    assert_eq!((all.asserted[0].rows.len(), all.is_kept()), (3, false), "one row was refused");
    for (selector, says) in [
        ("message/nat", "did you mean `message/nats`?"),
        ("x", "selects no row; rows are order-authorization message/crossbeam, "),
        ("order-authorization message/redis", "rows are"),
    ] {
        let assertion: Assertion = format!("{selector}: p99<1h").parse().unwrap();
        let error = evaluate(&[assertion], &rows).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let error = evaluate(&["p99<1h".parse().unwrap()], &[]).unwrap_err().to_string();
    assert!(error.ends_with("selects no row; rows are none"), "{error}");
    assert!(evaluate(&[], &rows).unwrap().is_kept());
}

#[test]
fn a_misspelt_figure_is_answered_with_the_nearest_name() {
    for (text, says) in [
        ("p999<1s", "did you mean `p99.9`?"),
        ("serviec.p99<1s", "did you mean `service.p99`?"),
        ("duplicates=0", "did you mean `duplicated`?"),
        ("throughput>50k", "did you mean `throughput_per_s`?"),
        ("dead_leters=0", "figures are p50"),
        ("throughput_per_s>50q", "\"q\" is no unit"),
        ("throughput_per_s>1e9", "\"e9\" is no unit"),
        ("message/nats: p99<2", "the unit is missing"),
    ] {
        let error = text.parse::<Assertion>().unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
        assert!(error.ends_with("a goal is for example p99<2ms,lost=0"), "{error}");
    }
    let error = ": p99<2ms".parse::<Assertion>().unwrap_err().to_string();
    assert!(error.starts_with("there is no selector before the colon"), "{error}");
    let error = "p99<1s,kept_per_s>1k".parse::<Goal>().unwrap_err().to_string();
    assert!(error.contains("only an assertion may name it"), "{error}");
    assert_eq!("dead_letters=0".parse::<Goal>().unwrap().to_string(), "dead = 0");
}

/// The holds at the rate that was found are the trials of a search's row.
#[test]
fn a_search_is_asserted_at_the_rate_that_it_found() {
    let record = sample::searched();
    let rows = rows::of_record(&record);
    let assertions = ["kept_per_s>=2k, p99<1ms".parse().unwrap()];
    let outcome = evaluate(&assertions, &rows).unwrap();
    let [found, never] = &outcome.asserted[0].rows[..] else { panic!("two dispatches") };
    assert_eq!((found.name.as_str(), found.reply()), ("order-authorization message/crossbeam", Reply::Kept));
    assert_eq!(found.terms[0].sentence(), "kept_per_s 2.40 k/s");
    assert_eq!(never.reply(), Reply::CannotTell);
    assert!(never.terms[0].sentence().contains("the search found no rate that keeps its goal (never kept)"));
}

#[test]
fn an_outcome_as_text_as_markdown_and_as_json() {
    let mut record = sample::record();
    record.runs.iter_mut().for_each(|run| run.verdict = Some(Verdict::default()));
    let texts = ["crossbeam: p99<50us, lost=0", "message: p99.9<1s, throughput_per_s>50k, confirm.p99<1s"];
    let assertions: Vec<Assertion> = texts.iter().map(|text| text.parse().unwrap()).collect();
    let outcome = evaluate(&assertions, &rows::of_record(&record)).unwrap();
    let report = report::assertions(&outcome);
    insta::assert_snapshot!(report.text(report::Layout::plain(100)));
    insta::assert_snapshot!(report.markdown());
    insta::assert_snapshot!(format!("{:#}", report::assertions_json(&outcome)));
    assert_eq!(report::assertions(&Outcome::default()).text(report::Layout::plain(100)), "");
}

/// The printed document of a command has the outcome as its last field, and is the same without one.
#[test]
fn a_document_has_the_outcome_of_its_goals() {
    let record = sample::record();
    let document = crate::format::to_json(&record).unwrap();
    let assertions: Vec<Assertion> = ["p99<50us".parse().unwrap()].into();
    let outcome = evaluate(&assertions, &rows::of_record(&record)).unwrap();
    let with = report::json_with_assertions(document.clone(), &outcome);
    let read: serde_json::Value = serde_json::from_str(&with).unwrap();
    assert_eq!(read["assertions"], report::assertions_json(&outcome));
    assert!(
        with.starts_with(document.trim_end().trim_end_matches('}').trim_end())
            && with.ends_with("\n  }\n}\n")
    );
    assert_eq!(crate::format::from_json(&with).unwrap(), crate::format::from_json(&document).unwrap());
    assert_eq!(report::json_with_assertions(document.clone(), &Outcome::default()), document);
}

/// With two dispatches of one record, only rows of the second side are asserted.
#[test]
fn a_comparison_has_rows_and_each_name_is_there_once() {
    let record = sample::record();
    let options = crate::compare::Options::default();
    let comparison =
        crate::compare::compare_within(&record, "message/crossbeam", "event/crossbeam", &options).unwrap();
    let names: Vec<String> =
        rows::of_comparison(&comparison, &record).into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["order-authorization event/crossbeam"]);
    let doubled = Record { runs: vec![run(), run(), run()], ..record };
    let names: Vec<String> = rows::of_record(&doubled).into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["ping message/nats", "ping message/nats (2)", "ping message/nats (3)"]);
}

proptest! {
    #[test]
    fn any_assertion_that_is_read_reads_back_as_itself(
        selector in proptest::option::of("[a-z/ ]{1,12}"),
        figure in prop_oneof![Just("p99.99"), Just("lag_mean"), Just("lost"), Just("throughput_per_s"),
                              Just("cpu_ns_per_flow"), Just("achieved"), Just("kept_per_s"), Just("dead_letters")],
        op in prop_oneof![Just("<"), Just("<="), Just("="), Just(">="), Just(">")],
        value in "0|[0-9]{1,9}(\\.[0-9]{1,9})?(ns|us|ms|s|k|M|/s|k/s|/min|/h|%)?",
    ) {
        let before = selector.map(|selector| format!("{selector}: ")).unwrap_or_default();
        if let Ok(assertion) = format!("{before}{figure}{op}{value}").parse::<Assertion>() {
            prop_assert_eq!(assertion.to_string().parse::<Assertion>(), Ok(assertion));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text: String) {
        if let Ok(assertion) = text.parse::<Assertion>() {
            prop_assert_eq!(assertion.to_string().parse::<Assertion>(), Ok(assertion));
        }
    }

    /// Whatever the figures are, a term and its opposite are never both kept.
    #[test]
    fn a_term_and_its_opposite_are_not_both_kept(
        lost in 0u64..5, unknown in 0u64..5, limit in 0u64..10, n in 1u64..400,
    ) {
        let mut run = run();
        run.trials.truncate(1);
        (run.trials[0].audit.lost, run.trials[0].audit.unknown) = (lost, unknown);
        run.trials[0].response = Distribution::of(1..=n);
        for (one, other) in [("<", ">="), ("<=", ">")] {
            for (figure, unit) in [("lost", ""), ("p99", "ns"), ("p50", "ns"), ("throughput_per_s", "")] {
                let kept = |op: &str| outcome(run.clone(), &format!("{figure}{op}{limit}{unit}")).is_kept();
                prop_assert!(!(kept(one) && kept(other)), "{} {}", figure, limit);
            }
        }
    }
}
