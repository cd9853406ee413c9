//! A copy of A as a control: whether it differs, and what the machine can tell apart.

use super::*;

fn side(id: &str, pairs: u32, factor: f64, noise: f64, seed: u64) -> Record {
    Record { id: id.into(), ..paired(vec![run("message/a", pairs, factor, noise, seed)]) }
}

/// Forty pairs of A and B, and a copy of A in some of them.
fn controlled(b: f64, copy: &Record, noise: f64) -> Comparison {
    let (a, b) = (side("a", 40, 1.0, noise, 1), side("b", 40, b, noise, 2));
    compare(&a, &b, &Options::default()).unwrap().with_control(&a, copy)
}

#[test]
fn a_copy_without_a_difference_gives_a_noise_floor_to_each_gate() {
    let comparison = controlled(1.06, &side("copy", 20, 1.0, 0.01, 3), 0.01);
    let control = comparison.control.as_ref().unwrap();
    assert_eq!((control.state, control.pairs, control.needed), (ControlState::NoneFound, 20, 11));
    assert_eq!(control.sentence, "a copy of A ran in 20 pairs, and no difference from A was found");
    assert_eq!((comparison.is_invalid(), comparison.verdict), (false, Verdict::Regression));
    assert!(control.rows[0].notes.is_empty(), "{:?}", control.rows[0].notes);
    for gate in &comparison.rows[0].gates {
        let floor = gate.floor.unwrap();
        assert!(floor > 0.001 && floor < 0.01, "{:?} {floor}", gate.metric);
        assert!(gate.sentence().ends_with(&format!("; noise floor {}", gate.floor_text().unwrap())));
    }
}

#[test]
fn a_copy_that_differs_makes_the_comparison_invalid_whatever_it_says() {
    for (copy, word) in [(1.05, "worse"), (1.0 / 1.05, "better")] {
        for b in [1.0, 1.5, 0.7] {
            let comparison = controlled(b, &side("copy", 20, copy, 0.01, 3), 0.01);
            let control = comparison.control.as_ref().unwrap();
            assert_eq!(control.state, ControlState::Differs);
            let begins =
                "the comparison is invalid, because a copy of A differs from A on this machine: throughput ";
            assert!(control.sentence.starts_with(&format!("{begins}{word} by ")), "{}", control.sentence);
            assert!(comparison.is_invalid());
            assert_eq!(comparison.verdict, Verdict::Inconclusive);
            for gate in &comparison.rows[0].gates {
                assert_eq!(gate.verdict, Verdict::Inconclusive);
                assert_eq!(gate.floor, None);
                assert!(
                    gate.sentence().starts_with("inconclusive: a copy of A differs from A here"),
                    "{}",
                    gate.sentence()
                );
            }
        }
    }
}

/// A copy that is better is as bad as one that is worse, also where its run is invalid.
#[test]
fn an_invalid_copy_may_differ_in_either_direction() {
    for factor in [1.05, 1.0 / 1.05] {
        let mut copy = side("copy", 20, factor, 0.01, 3);
        let verdict = crate::model::Verdict { status: Validity::Invalid, ..crate::model::Verdict::default() };
        copy.runs[0].verdict = Some(verdict);
        let control = controlled(1.0, &copy, 0.01).control.unwrap();
        assert_eq!((control.state, control.rows[0].is_invalid()), (ControlState::Differs, true));
    }
}

/// The copy is slower for good, by less than the margin: no fault, but nothing smaller can be told apart.
#[test]
fn a_lasting_difference_of_the_copy_is_part_of_the_floor() {
    let comparison = controlled(1.0, &side("copy", 20, 1.012, 0.002, 3), 0.002);
    assert_eq!(comparison.control.as_ref().unwrap().state, ControlState::NoneFound);
    let cpu = &comparison.rows[0].gates[1];
    assert_eq!(cpu.floor_text().as_deref(), Some("1.2 %"));
    assert!((cpu.floor.unwrap() - 0.012).abs() < 0.001, "{cpu:?}");
}

#[test]
fn a_short_control_is_said_to_be_short() {
    let comparison = controlled(1.06, &side("copy", 10, 1.5, 0.01, 3), 0.01);
    let control = comparison.control.as_ref().unwrap();
    assert_eq!(control.state, ControlState::TooShort);
    assert_eq!(control.sentence, "the copy of A ran in 10 pairs only; 11 are needed for a noise floor");
    assert_eq!((comparison.is_invalid(), comparison.verdict), (false, Verdict::Regression));
    assert!(comparison.rows[0].gates.iter().all(|gate| gate.floor.is_none()));
}

#[test]
fn a_control_of_another_job_or_scenario_is_none() {
    let mut other = side("copy", 40, 1.5, 0.01, 3);
    other.pairing = Some(Pairing { id: "q".into(), order: Vec::new() });
    let mut elsewhere = side("copy", 40, 1.5, 0.01, 3);
    elsewhere.runs[0].scenario = "t".into();
    for copy in [other, elsewhere] {
        let comparison = controlled(1.0, &copy, 0.01);
        let control = comparison.control.as_ref().unwrap();
        assert_eq!((control.state, control.pairs), (ControlState::TooShort, 0));
        assert!(!comparison.is_invalid());
    }
    let a = Record { pairing: None, ..side("a", 40, 1.0, 0.01, 1) };
    let unpaired = compare(&a, &a, &Options::default()).unwrap().with_control(&a, &a);
    assert_eq!(unpaired.control, None);
}

/// Times are recorded with an error of a thousandth, so a machine without noise is not better than that.
#[test]
fn a_floor_is_rounded_up_and_never_nothing() {
    let mut gate = controlled(1.0, &side("copy", 20, 1.0, 0.01, 3), 0.01).rows.remove(0).gates.remove(0);
    for (floor, text) in [(0.0, "0.1 %"), (0.001, "0.1 %"), (0.0101, "1.1 %"), (0.02, "2.0 %")] {
        gate.floor = Some(floor);
        assert_eq!(gate.floor_text().as_deref(), Some(text));
    }
    // A digit after the point would say more than is known.
    for (floor, text) in [(0.9991, "100 %"), (1.0, "100 %"), (2.973, "298 %"), (14.427, "1443 %")] {
        gate.floor = Some(floor);
        assert_eq!(gate.floor_text().as_deref(), Some(text));
    }
}

/// The floor says what is missed, and the sign test what is false: a change that is smaller than its floor keeps its verdict.
#[test]
fn a_change_below_its_floor_is_a_verdict_all_the_same() {
    let mut gate = controlled(1.06, &side("copy", 20, 1.0, 0.01, 3), 0.01).rows.remove(0).gates.remove(0);
    assert_eq!((gate.metric, gate.verdict), (Metric::Throughput, Verdict::Regression));
    // A fall of 5.7 %.
    for (floor, is_below) in [(0.05, false), (0.06, true), (0.3, true)] {
        gate.floor = Some(floor);
        assert_eq!(gate.is_below_floor(), is_below, "{floor}");
    }
    gate.verdict = Verdict::NoChange;
    assert!(!gate.is_below_floor());
}

#[test]
fn the_floor_grows_with_the_noise_and_falls_with_the_pairs() {
    let floor = |pairs, noise| {
        let (a, b) = (side("a", pairs, 1.0, noise, 1), side("b", pairs, 1.0, noise, 2));
        let comparison = compare(&a, &b, &Options::default()).unwrap();
        comparison.with_control(&a, &side("copy", 20, 1.0, noise, 3)).rows[0].gates[1].floor.unwrap()
    };
    let (quiet, loud) = (floor(40, 0.01), floor(40, 0.04));
    assert!((loud / quiet - 4.0).abs() < 0.3, "{quiet} {loud}");
    let (few, many) = (floor(20, 0.02), floor(100, 0.02));
    assert!(many < few * 0.7, "{few} {many}");
}

/// The copy's throughput and CPU time scatter alike, and the floor of the throughput is how much less can be seen.
#[test]
fn the_floor_of_the_throughput_is_a_fall() {
    let comparison = controlled(1.0, &side("copy", 20, 1.0, 0.4, 3), 0.4);
    let [throughput, cpu] = [0, 1].map(|at| comparison.rows[0].gates[at].floor.unwrap());
    assert!(cpu > 0.1 && ((1.0 + cpu) * (1.0 - throughput) - 1.0).abs() < 1e-3, "{throughput} {cpu}");
}

/// At each of three looks the control has a third of alpha, so that it needs one pair more.
#[test]
fn the_control_of_a_plan_has_the_level_of_a_look() {
    let options = Plan::new(40, 7, &Options::default()).unwrap().options(&Options::default());
    let (a, b, copy) =
        (side("a", 40, 1.0, 0.01, 1), side("b", 40, 1.0, 0.01, 2), side("copy", 11, 1.5, 0.01, 3));
    let comparison = compare(&a, &b, &options).unwrap().with_control(&a, &copy);
    assert_eq!(
        comparison.control.as_ref().map(|control| (control.state, control.needed)),
        Some((ControlState::TooShort, 12))
    );
    let copy = side("copy", 12, 1.5, 0.01, 3);
    let comparison = compare(&a, &b, &options).unwrap().with_control(&a, &copy);
    assert_eq!(
        Plan::new(40, 7, &Options::default()).unwrap().after(14, &comparison, false),
        Next::Stop(Stop::ControlDiffers)
    );
}
