//! Tests of the checks on counts, of promises of the transport, and of shares, which never exceed 100 %.

use super::tests::{assert_reason, clean, judged, open};
use super::*;
use crate::model::{
    Audit, DeadLetters, Delivery, Flows, Hygiene, Promises, Record, Setting, Status, Trial, Unrouted,
};
use crate::report::{self, Layout};
use proptest::prelude::*;

/// A run of one trial over a transport that may lose messages.
fn lossy(change: impl FnOnce(&mut Trial)) -> Run {
    let mut trial = clean();
    change(&mut trial);
    let promises = Promises { delivery: Delivery::AtMostOnce, ..Promises::default() };
    Run { trials: vec![trial], promises, ..Run::default() }
}

fn judge_by(run: &Run, limits: &Thresholds) -> Verdict {
    judge(run, &Machine::default(), limits)
}

fn lose(n: u64) -> impl Fn(&mut Trial) {
    move |trial| {
        (trial.audit.lost, trial.audit.unique) = (n, 300_000 - n);
        let flows = &mut trial.flows;
        (flows.ended, flows.lost, flows.warmup_unfinished) = (flows.ended - n, n, Some(0));
    }
}

#[test]
fn loss_that_is_allowed_is_counted_and_shown_and_fails_only_where_a_limit_is_asked_for() {
    let limits = Thresholds::default();
    let few = lossy(lose(25));
    let verdict = judge_by(&few, &limits);
    assert_eq!((verdict.status, verdict.reasons.len()), (Validity::Valid, 0), "{verdict:?}");
    let notes = verdict.notes.join("\n");
    assert!(
        notes.contains("25 of 300,000 expected deliveries were lost, which the transport's promise allows"),
        "{notes}"
    );
    assert!(notes.contains("25 flows did not end"), "{notes}");
    assert!(!few.audit_failed());
    let many = judge_by(&lossy(lose(2_000)), &limits);
    assert_reason(&many, Validity::Suspect, "2,000 flows did not end (2.00 % of those started)");
    assert!(!overload(&lossy(lose(2_000)), &limits).is_empty(), "a search does not take it for kept");
    let mut none = limits.clone();
    none.set("lost", "0").unwrap();
    assert_reason(&judge_by(&few, &none), Validity::Invalid, "25 of 300,000 expected deliveries were lost");
    assert_eq!(judge_by(&lossy(|_| {}), &none).status, Validity::Valid);
    // Where nothing may be lost the audit fails, whatever the limit.
    let strict = Run { promises: Promises::default(), ..few };
    assert!(strict.audit_failed());
    assert_reason(&judge_by(&strict, &limits), Validity::Valid, "the audit failed: 25 lost");
}

#[test]
fn flows_that_the_counts_cannot_account_for_make_a_run_invalid() {
    // Stamps that wrapped: flows that had ended passed for flows of the warm-up.
    let wrapped = |trial: &mut Trial| {
        let (due, started, ended) = (2_556, 2_556, 2_527);
        trial.flows = Flows { due, started, ended, warmup_unfinished: Some(0), ..Flows::default() };
    };
    let words = "do not add up: 2,556 flows started, but 2,527 ended, 0 unfinished and 0 lost";
    assert_reason(&judged(LoadKind::Closed, wrapped), Validity::Invalid, words);
    assert_reason(&open(|trial| trial.flows.ended += 1), Validity::Invalid, "100,001 ended");
    // A scenario that says of its flows that they end once, and has handlers that end them twice.
    let twice = "200,000 ended, 0 unfinished and 0 lost. The likely cause: handlers end a flow 2 times as often as the \
                 scenario's `ends_per_flow` says";
    assert_reason(&open(|trial| trial.flows.ended *= 2), Validity::Invalid, twice);
    let more = open(|trial| trial.flows.ended += 7);
    assert_reason(&more, Validity::Invalid, "handlers end a flow more often than the scenario's");
    // Messages that came again may end their flows again.
    let again = judged(LoadKind::Closed, |trial| {
        trial.flows.ended += 3;
        trial.audit.duplicated = 3;
    });
    assert_eq!(again.status, Validity::Valid, "{again:?}");
    // Ends that were not counted are no excuse for more.
    let told = judged(LoadKind::Closed, |trial| {
        trial.flows.ended += 3;
        (trial.audit.duplicated, trial.flows.ended_again) = (3, Some(3));
    });
    assert_reason(&told, Validity::Invalid, "do not add up");
    let in_warmup = open(|trial| trial.flows.warmup_unfinished = Some(2));
    assert_reason(&in_warmup, Validity::Suspect, "2 flows of the warm-up did not end");
    assert_eq!(in_warmup.reasons.len(), 1);
}

#[test]
fn a_closed_load_is_said_to_exceed_its_window_where_repeated_messages_end_flows() {
    let notes = |load, again: u64| {
        let verdict = judged(load, |trial| {
            (trial.flows.ended_again, trial.audit.duplicated) = (Some(3), 3 + again);
        });
        verdict.notes.join("\n")
    };
    let found = notes(LoadKind::Closed, 5);
    assert!(found.contains("5 messages that came again may have ended flows a second time"), "{found}");
    assert!(!notes(LoadKind::Closed, 0).contains("window"), "their ends were not counted");
    assert!(!notes(LoadKind::Open, 5).contains("window"), "its flows start by a schedule");
}

#[test]
fn messages_that_went_nowhere_are_named_with_their_kind_and_service() {
    let notes = |unrouted: Vec<Unrouted>| {
        let trial = |unrouted| Trial { unrouted, audit: Audit { unrouted: 5, ..clean().audit }, ..clean() };
        let run = Run { trials: vec![trial(unrouted), trial(Vec::new())], ..Run::default() };
        judge_by(&run, &Thresholds::default()).notes.join("\n")
    };
    let of = |kind: &str, messages| Unrouted { service: "order".into(), kind: kind.into(), messages };
    let found = notes(vec![of("OrderPlaced", 2), of("OrderLost", 3)]);
    let said = "10 messages went nowhere, because no route carries them: 3 of kind OrderLost from order, 2 of kind OrderPlaced \
                from order. That is as it should be if an optional service";
    assert!(found.contains(said), "{found}");
    let many = notes(["a", "b", "c", "d", "e"].map(|kind| of(kind, 1)).to_vec());
    assert!(many.contains("1 of kind c from order, 2 other kinds. That"), "{many}");
    let older = notes(Vec::new());
    assert!(older.contains("10 messages went nowhere") && older.contains("table of routes"), "{older}");
}

#[test]
fn dead_letters_are_named_and_speak_against_nothing() {
    let died = |dead| {
        judged(LoadKind::Closed, move |trial| {
            (trial.flows.ended, trial.flows.dead, trial.audit.dead) =
                (trial.flows.ended - 1_000, dead, 1_020);
            trial.dead_letters = [("paid", "mail", 1_000), ("paid", "stock", 20)]
                .map(|(destination, receiver, messages)| DeadLetters {
                    destination: destination.into(),
                    receiver: receiver.into(),
                    messages,
                })
                .to_vec();
        })
    };
    let verdict = died(1_000);
    assert_eq!((verdict.status, &verdict.reasons[..]), (Validity::Valid, &[][..]));
    let said = "1,020 messages became dead letters (1,000 of paid for mail, 20 of paid for stock); 1,000 flows of the measured window \
                did not end for that (1.00 % of those started)";
    assert!(verdict.notes.join("\n").contains(said), "{:?}", verdict.notes);
    assert_reason(&died(999), Validity::Invalid, "99,000 ended, 0 unfinished, 999 dead and 0 lost");
}

#[test]
fn a_trace_that_ends_before_the_count_is_suspect() {
    let verdict = |arrivals: &str, due: u64, status| {
        let mut trial = clean();
        trial.flows = Flows { due, started: due, ended: due, ..Flows::default() };
        (trial.asked_per_s, trial.status) = (None, status);
        let mut run = Run { trials: vec![trial], ..Run::default() };
        run.settings.insert("count".into(), Setting::Integer(100_000));
        run.settings.insert("arrivals".into(), arrivals.into());
        judge_by(&run, &Thresholds::default())
    };
    let short = verdict("trace:one.csv", 7, Status::Ok);
    assert_reason(&short, Validity::Suspect, "only 7 of 100,000 flows were due: the trace has no more");
    assert_reason(&verdict("poisson", 7, Status::Ok), Validity::Suspect, "the load had no more to start");
    let whole = verdict("trace:one.csv", 100_000, Status::Ok);
    assert!(!format!("{whole:?}").contains("trace has no more"), "{whole:?}");
    let interrupted = verdict("trace:one.csv", 7, Status::Interrupted);
    assert!(!format!("{interrupted:?}").contains("trace has no more"), "nobody knows what would have come");
}

#[test]
fn a_trace_that_ends_before_the_duration_is_suspect() {
    let mut run = Run { trials: vec![clean()], ..Run::default() };
    run.settings.insert("duration_ns".into(), Setting::Integer(300_000_000));
    let judge = |run: &Run| judge_by(run, &Thresholds::default());
    assert!(!format!("{:?}", judge(&run)).contains("the trace has no more"));
    run.settings.insert("duration_asked_ns".into(), Setting::Integer(30_000_000_000));
    let reason = "the load lasted 300 ms of the 30.0 s asked for: the trace has no more";
    assert_reason(&judge(&run), Validity::Suspect, reason);
}

#[test]
fn refused_and_unconfirmed_messages_are_suspect_and_stand_in_the_table() {
    let confirms = |refused, unconfirmed| {
        move |trial: &mut Trial| {
            trial.audit.confirmed = Some(300_000 - refused - unconfirmed);
            (trial.audit.refused, trial.audit.unconfirmed) = (Some(refused), Some(unconfirmed));
        }
    };
    assert_eq!(open(confirms(0, 0)).status, Validity::Valid);
    assert_reason(&open(confirms(12, 0)), Validity::Suspect, "12 messages were refused by the transport");
    assert_reason(&open(confirms(0, 1)), Validity::Suspect, "1 message was neither confirmed nor refused");
    let mut trial = clean();
    confirms(12, 3)(&mut trial);
    let record = Record { runs: vec![Run { trials: vec![trial], ..Run::default() }], ..Record::default() };
    let table = report::table(&record, None).text(Layout::plain(160));
    assert!(table.contains("12 refused, 3 unconfirmed"), "{table}");
    assert!(table.contains("299,985 of 300,000 messages confirmed, 12 refused, 3 unconfirmed"), "{table}");
}

/// A broker that refuses one message in twenty.
#[test]
fn flows_whose_message_was_refused_are_not_unfinished() {
    let refused = |trial: &mut Trial| {
        let n = trial.flows.started / 20;
        (trial.flows.ended, trial.flows.refused) = (trial.flows.ended - n, n);
        (trial.audit.confirmed, trial.audit.refused, trial.audit.unconfirmed) =
            (Some(trial.audit.sent - n), Some(n), Some(0));
    };
    let verdict = open(refused);
    assert_reason(
        &verdict,
        Validity::Suspect,
        "5,000 messages were refused by the transport (1.67 % of those sent)",
    );
    assert_eq!(verdict.reasons.len(), 1, "neither unfinished nor out of balance: {verdict:?}");
    let notes = verdict.notes.join("\n");
    let said =
        "5,000 flows did not end (5.00 % of those started) because the transport refused a message of theirs";
    assert!(notes.contains(said), "{notes}");
    let mut trial = clean();
    refused(&mut trial);
    let mut run = Run { load: LoadKind::Open, trials: vec![trial], ..Run::default() };
    let mut limits = Thresholds::default();
    assert!(
        overload(&run, &limits)[0].contains("5,000 flows did not end"),
        "a search does not take it for kept"
    );
    limits.set("refused", "1%").unwrap();
    assert_reason(&judge_by(&run, &limits), Validity::Invalid, "(1.67 % of those sent), limit 1.00 %");
    // One that is in no count is still missed.
    run.trials[0].flows.refused -= 1;
    let words =
        "do not add up: 100,000 flows started, but 95,000 ended, 0 unfinished, 4,999 refused and 0 lost";
    assert_reason(&judge_by(&run, &Thresholds::default()), Validity::Invalid, words);
}

#[test]
fn the_table_says_what_is_allowed() {
    let mut run = lossy(|trial| {
        lose(1_025)(trial);
        trial.audit.reordered = 2;
    });
    let table = |run: &Run| {
        let record = Record { runs: vec![run.clone()], ..Record::default() };
        report::table(&record, None).text(Layout::plain(160))
    };
    assert!(table(&run).contains("2 reordered, 1,025 lost (allowed)"), "{}", table(&run));
    run.trials[0].audit.reordered = 0;
    assert!(table(&run).contains("ok, 1,025 lost (allowed)"), "{}", table(&run));
    (run.trials[0].status, run.trials[0].audit.unknown) = (Status::Failed, 7);
    assert!(table(&run).contains("7 unknown"), "a row that failed is not said to be ok: {}", table(&run));
}

/// Every share that a text gives as a part of something: `12.3 % of`, `(1.2 % of those started)`.
fn shares(text: &str) -> Vec<f64> {
    let number = |before: &str| {
        let digits: String =
            before.trim_end().chars().rev().take_while(|c| c.is_ascii_digit() || ".,".contains(*c)).collect();
        digits.chars().rev().filter(|c| *c != ',').collect::<String>().parse::<f64>().ok()
    };
    let whole = text.split_whitespace().collect::<Vec<_>>().join(" ");
    whole.match_indices("% of").filter_map(|(at, _)| number(&whole[..at])).collect()
}

prop_compose! {
    fn any_trial()(
        n in prop::array::uniform32(0u64..1 << 40), small in prop::array::uniform8(0u64..200), failed: bool, senders in 0u64..9,
    ) -> Trial {
        let mut trial = clean();
        trial.status = if failed { Status::Failed } else { Status::Ok };
        trial.error = failed.then(|| "the server stopped".to_owned());
        // From nothing to far more than there is room for.
        (trial.elapsed_ns, trial.blocked_ns, trial.senders) = (n[0] >> (small[0] % 40), n[1], Some(senders));
        trial.schedule_ns = (small[1] > 50).then_some(n[2]);
        trial.flows = Flows {
            due: n[3], started: n[4], ended: 1 + n[5], unfinished: n[6], lost: n[7], shed: n[8], dropped: n[9],
            refused: n[23], dead: n[25], warmup_unfinished: Some(small[2]), ended_again: None,
        };
        trial.audit = Audit {
            sent: n[10], expected: n[11], delivered: small[3], unique: n[13], lost: n[14], unknown: n[15],
            negative_deltas: n[16], over_range: n[17], refused: Some(n[24]), ..Audit::default()
        };
        trial.hygiene = Hygiene {
            cores_ns: Some(n[18]), steal_ns: Some(n[19]), idle_ns: Some(n[20]), others_ns: Some(n[21]),
            involuntary_switches: Some(n[22]),
            ..Hygiene::default()
        };
        trial
    }
}

proptest! {
    #[test]
    fn no_share_is_over_the_whole(trial in any_trial(), is_open: bool, lossless: bool) {
        let load = if is_open { LoadKind::Open } else { LoadKind::Closed };
        let delivery = if lossless { Delivery::ExactlyOnce } else { Delivery::AtMostOnce };
        let promises = Promises { delivery, ..Promises::default() };
        let mut run = Run { load, promises, trials: vec![trial], ..Run::default() };
        let mut limits = Thresholds::default();
        limits.set("lost", "0").unwrap();
        let verdict = judge(&run, &Machine::default(), &limits);
        run.verdict = Some(verdict.clone());
        let held_up = Derived::of(&run).blocked_share;
        prop_assert!(held_up.is_none_or(|share| (0.0..=1.0).contains(&share)), "{held_up:?}");
        let record = Record { runs: vec![run], ..Record::default() };
        let table = report::table(&record, None).text(Layout::plain(200));
        for text in verdict.reasons.iter().chain(&verdict.notes).chain([&table]) {
            for share in shares(text) {
                prop_assert!(share <= 100.0, "{share} %: {text}");
            }
        }
    }
}
