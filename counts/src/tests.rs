//! Counts add up, are told in words, and keep their names in records.

use super::*;
use proptest::prelude::*;

#[test]
fn an_audit_is_told_by_the_figures_that_are_not_zero() {
    assert_eq!(Audit::default().to_string(), "nothing sent");
    let audit = Audit {
        sent: 1_000,
        expected: 1_000,
        delivered: 999,
        unique: 999,
        unknown: 1,
        refused: Some(0),
        ..Audit::default()
    };
    assert_eq!(audit.to_string(), "1000 sent, 999 delivered, 1 unknown");
    let audit = Audit { expected: 2_000, lost: 1_002, unique: 998, unknown: 0, ..audit };
    let said =
        "1000 sent, 2000 deliveries expected, 999 delivered, 998 of them for the first time, 1002 lost";
    assert_eq!(audit.to_string(), said);
}

#[test]
fn what_is_not_there_is_not_written_and_reads_as_zero() {
    let written = serde_json::to_value(Audit::default()).unwrap();
    let keys: Vec<&str> = written.as_object().unwrap().keys().map(String::as_str).collect();
    for key in ["dead", "unsent", "refused", "rolled_back"] {
        assert!(!keys.contains(&key), "{key}");
    }
    assert!(written["confirmed"].is_null() && keys.contains(&"confirmed"));
    assert_eq!(serde_json::from_value::<Audit>(written).unwrap(), Audit::default());
}

fn audit(n: [u64; 21]) -> Audit {
    Audit {
        sent: n[0],
        expected: n[1],
        delivered: n[2],
        unique: n[3],
        dead: n[4] / 2,
        dead_again: n[4] / 3,
        lost: n[4],
        duplicated: n[5],
        redelivered: n[5].is_multiple_of(2).then_some(n[5]),
        rejected: n[6].is_multiple_of(2).then_some(n[6]),
        reordered: n[6],
        corrupted: n[7],
        unrouted: n[8],
        lagged: n[9],
        confirmed: n[10].is_multiple_of(2).then_some(n[10]),
        unconfirmed: n[11].is_multiple_of(2).then_some(n[11]),
        negative_deltas: n[12],
        over_range: n[13],
        beyond_window: n[14],
        displacement_max: (n[6] > 0).then_some(n[15]),
        displacement_sum: (n[6] > 0).then_some(n[16]),
        unknown: n[17],
        refused: n[18].is_multiple_of(2).then_some(n[18]),
        out_of_order: n[19],
        unjudged: n[20],
        confirmed_lost: n[4].is_multiple_of(2).then_some(n[4]),
        rolled_back: n[12].is_multiple_of(2).then_some(n[12]),
        unsent: n[9] / 2,
    }
}

#[test]
fn displacements_of_trials_are_of_all_their_messages() {
    let of = |reordered, max, sum| Audit {
        reordered,
        displacement_max: max,
        displacement_sum: sum,
        ..Audit::default()
    };
    let mut all = of(2, Some(3), Some(4));
    all.merge(&Audit::default());
    all.merge(&of(6, Some(1), Some(6)));
    assert_eq!(all, of(8, Some(3), Some(10)));
    assert_eq!(all.displacement_mean(), Some(1.25), "not the mean of 2 and 1");
    assert_eq!(Audit::default().displacement_mean(), None);
    assert_eq!(of(5, None, None).displacement_mean(), None, "a record that does not say");
}

proptest! {
    #[test]
    fn counts_add_up_in_any_order(a: [u32; 21], b: [u32; 21], c: [u32; 21]) {
        let [a, b, c] = [a, b, c].map(|n| audit(n.map(u64::from)));
        let sum = |parts: [Audit; 3]| parts.iter().fold(Audit::default(), |mut sum, part| { sum.merge(part); sum });
        prop_assert_eq!(sum([a, b, c]), sum([c, a, b]));
        prop_assert_eq!(serde_json::from_value::<Audit>(serde_json::to_value(a).unwrap()).unwrap(), a);
        prop_assert_eq!(sum([a, b, c]).beyond_window, a.beyond_window + b.beyond_window + c.beyond_window);
    }
}
