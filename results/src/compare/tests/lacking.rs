//! Pairs that lack a figure say why they do.

use super::*;

/// Ten pairs. `change` is made to both runs.
fn row(change: impl Fn(&mut Run, &mut Run)) -> Row {
    let (mut a, mut b) = (run("message/a", 10, 1.0, 0.01, 1), run("message/b", 10, 1.0, 0.01, 2));
    change(&mut a, &mut b);
    compare_within(&paired(vec![a, b]), "message/a", "message/b", &Options::default()).unwrap().rows.remove(0)
}

/// Nothing was started or ended in the measured window.
fn die(trial: &mut Trial) {
    (trial.flows, trial.audit) = (Flows::default(), Audit::default());
    trial.response = Distribution::default();
}

fn gate(row: &Row, metric: Metric) -> &Gate {
    row.gates.iter().find(|gate| gate.metric == metric).unwrap()
}

fn note(row: &Row, metric: Metric) -> &str {
    gate(row, metric).note.as_deref().unwrap()
}

const NOT_JUDGED: &str = "so the value shown combines all trials, and gets no verdict";

#[test]
fn a_pair_in_which_no_flow_ended_is_counted_alike_everywhere() {
    let one = row(|_, b| die(&mut b.trials[5]));
    assert_eq!((one.pairs, one.pairs_in_words().as_str()), (10, "10 pairs, 9 can be compared"));
    assert_eq!(one.notes, ["no flow ended in B of pair 6, so 9 of 10 pairs can be compared"]);
    assert_eq!(note(&one, Metric::P50), format!("no flow ended in B of pair 6, {NOT_JUDGED}"));
    assert_eq!(gate(&one, Metric::P50).verdict, Verdict::NotJudged);
    let throughput = gate(&one, Metric::Throughput);
    assert_eq!((throughput.pairs, throughput.p.is_some()), (9, true), "{throughput:?}");
    let several = row(|a, b| {
        die(&mut a.trials[1]);
        b.trials[5..8].iter_mut().for_each(die);
    });
    let said = "no flow ended in A of pair 2 and in B of 3 pairs, such as pair 6";
    assert_eq!(several.notes, [format!("{said}, so 6 of 10 pairs can be compared")]);
    assert_eq!(note(&several, Metric::P50), format!("{said}, {NOT_JUDGED}"));
    assert_eq!(row(|_, _| ()).pairs_in_words(), "10 pairs");
}

#[test]
fn a_side_in_which_no_flow_ended_at_all_is_not_said_to_have_too_few_samples() {
    let none = row(|_, b| b.trials.iter_mut().for_each(die));
    assert_eq!(none.pairs_in_words(), "10 pairs, none can be compared");
    assert_eq!(note(&none, Metric::Throughput), format!("no flow ended in B in any pair, {NOT_JUDGED}"));
}

#[test]
fn too_few_samples_are_told_apart_from_none() {
    let few = |a: &mut Run, b: &mut Run| {
        a.trials[..4].iter_mut().for_each(|trial| trial.response = evenly_spread(1_000_000.0, 5_000));
        die(&mut b.trials[5]);
    };
    let help = "Longer trials would have enough samples";
    assert_eq!(
        note(&row(few), Metric::P999),
        format!("no flow ended in B of pair 6, and 4 of 10 pairs have too few samples, {NOT_JUDGED}. {help}")
    );
    let one = row(|a, _| a.trials[3].response = evenly_spread(1_000_000.0, 5_000));
    assert_eq!(note(&one, Metric::P999), format!("1 of 10 pairs has too few samples, {NOT_JUDGED}. {help}"));
}

#[test]
fn a_side_that_confirmed_nothing_is_said_to_have_done_so() {
    let confirming = |run: &mut Run, from: usize| {
        for trial in &mut run.trials[from..] {
            let time = Distribution::of((1..=1_000).map(|us| us * 1_000));
            trial.confirms = vec![ConfirmTimes { time, ..ConfirmTimes::default() }];
        }
    };
    let row = row(|a, b| {
        confirming(a, 0);
        confirming(b, 3);
    });
    assert_eq!(
        note(&row, Metric::ConfirmP99),
        format!("nothing was confirmed in B of 3 pairs, such as pair 1, {NOT_JUDGED}")
    );
}
