//! Rows k, l, o and q: what the program reports about itself, and its exit codes.

use super::{ensure, tells_apart};
use crate::support::{Done, Place, Record};
use drumpost_defects::Defect;
use drumpost_results::{
    model::{Run, Validity},
    store,
    verdict::{Machine, Thresholds, judge},
};
use serde_json::Value;

/// The defect: whatever happens, the code is 0. A command that hangs fails the test by its limit.
#[test]
fn k_a_failure_has_its_code() {
    const SIM: &str = "run stream --rate 1k/s --count 2k --sim service=fixed:10us";
    let place = Place::new();
    for (line, code) in [
        (format!("{SIM} --dispatch message/nothing"), 2),
        ("show nothing.json".into(), 2),
        ("run stream --dispatch message/crossbeam --out /proc/record.json".into(), 2),
        ("run stream --dispatch message/sim --kill worker@1ms/1ms --trials 1 --count 10".into(), 2),
        (format!("{SIM},loss=1/100"), 5),
        (format!("{SIM},duplicate=1/100"), 5),
        ("run stream --sim service=fixed:1ms --rate 1200/s --window 1 --duration 10s".into(), 6),
        ("selftest --seed none".into(), 2),
    ] {
        let done = place.run(&line);
        let holds =
            |found: &i32| ensure(*found == code, || format!("`{line}` ended with {found}\n{}", done.stderr));
        tells_apart(holds, &done.code, &place.run_with(Defect::AlwaysZero, &line).code);
    }
}

/// The defect: a key that nothing knows is passed over.
#[test]
fn l_a_typo_is_refused_with_a_suggestion() {
    for (line, key, meant) in [
        (
            "run fan-out --duration 50ms --trials 1 --set fan-out.subscriber=2",
            "fan-out.subscriber",
            "fan-out.subscribers",
        ),
        ("run stream --sim serice=exp:1ms", "serice", "service"),
        ("run --durtion 3s", "--durtion", "--duration"),
        ("run strem --duration 50ms --warmup 0s --trials 1", "strem", "stream"),
    ] {
        let holds = |Done { code, stderr: said, .. }: &Done| {
            let quoted = [format!("`{key}`"), format!("'{key}'")];
            let names = quoted.iter().any(|key| said.contains(key)) && said.contains(meant);
            ensure(*code == 2 && names, || format!("`{line}`: code {code}, {said}"))
        };
        let place = Place::new();
        if key.starts_with('-') {
            // Flags are refused by the library that reads them: there is nothing here to put a defect into.
            assert_eq!(holds(&place.run(line)), Ok(()));
        } else {
            tells_apart(holds, &place.run(line), &place.run_with(Defect::UnknownPassed, line));
        }
    }
    let registry = drumpost::builtin();
    assert!(registry.option("fan-out.subscribers").is_some(), "what is declared is known");
    assert!(registry.option("fan-out.subscriber").is_none(), "and by this a typo is");
}

/// What makes two rows comparable.
const STATED: [&str; 12] = [
    "load",
    "window",
    "batch",
    "capacity",
    "placement",
    "wait",
    "acks",
    "persistence",
    "payload",
    "keys",
    "reply",
    "services",
];

/// The defect: a competitor without batching, and nobody can tell.
#[test]
fn o_every_row_states_its_settings() {
    let place = Place::new();
    let line = "run stream --count 500 --warmup 0s --trials 1 --batch 16 --out";
    let table = place.run(&format!("{line} record.json")).stdout;
    let unstated_table = place.run_with(Defect::Unstated, &format!("{line} unstated.json")).stdout;
    let [record, unstated] =
        ["record.json", "unstated.json"].map(|name| Record::from_file(&place.path(name)));
    let holds = |run: &Value| {
        let missing: Vec<&str> =
            STATED.into_iter().filter(|key| run["settings"].get(key).is_none_or(Value::is_null)).collect();
        ensure(missing.is_empty(), || format!("{} does not state {missing:?}", run["dispatch"]))
    };
    assert_eq!(record.runs().count(), unstated.runs().count());
    for (run, unstated) in record.runs().zip(unstated.runs()) {
        tells_apart(holds, run, unstated);
    }
    let holds = |table: &String| {
        let says = ["batch 16", "capacity 4,096", "acks none", "persistence none", "wait "];
        let missing: Vec<&str> = says.into_iter().filter(|word| !table.contains(word)).collect();
        ensure(missing.is_empty(), || format!("the table does not say {missing:?}"))
    };
    tells_apart(holds, &table, &unstated_table);
}

/// The defect: a generator that does not keep up is not noticed.
#[test]
fn q_an_overload_is_invalid() {
    let place = Place::new();
    let line = "run stream --sim service=fixed:1ms --rate 1200/s --window 1 --duration 10s --out";
    place.run(&format!("{line} record.json")).with_code(6);
    place.run_with(Defect::DebtUntold, &format!("{line} untold.json"));
    let read = |name: &str| store::read(&place.path(name)).unwrap().runs.remove(0);
    let run = read("record.json");
    let holds = |run: &Run| {
        let verdict = judge(run, &Machine::default(), &Thresholds::default());
        let says = verdict.reasons.iter().any(|reason| reason.contains("were due"));
        ensure(verdict.status == Validity::Invalid && says, || format!("{verdict:?}"))
    };
    tells_apart(holds, &run, &read("untold.json"));
    // The load was late, too, by more than it measured.
    let holds = |limits: &Thresholds| {
        let reasons = judge(&run, &Machine::default(), limits).reasons;
        ensure(reasons.iter().any(|reason| reason.contains("the load was late")), || format!("{reasons:?}"))
    };
    let blind = Thresholds { lag_share: f64::INFINITY, lag_floor_ns: f64::INFINITY, ..Thresholds::default() };
    tells_apart(holds, &Thresholds::default(), &blind);
}
