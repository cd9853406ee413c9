//! Tests of the lines of trials that failed, were refused, or in which no flow ended.

use super::*;

/// A reader who counts the trials of the lines finds all of them.
#[test]
fn a_series_as_csv_has_a_line_for_each_trial_whatever_became_of_it() {
    let mut record = sample::record();
    let [dead, failed, bare] = &mut record.runs[0].trials[..] else { panic!("three trials") };
    dead.flows = crate::model::Flows::default();
    (dead.response, dead.series) = (Distribution::default(), Series::default());
    failed.status = crate::model::Status::Failed;
    failed.audit.confirmed = Some(7);
    bare.series = Series::default();
    let (ended, count) = (bare.flows.ended, bare.response.count());
    let lines = |selection: &Selection| fields(&csv(&record, selection).unwrap());
    let all = lines(&only("message/crossbeam", None));
    let at = |name: &str| all[0].iter().position(|column| column == name).unwrap();
    let read = |name: &str| all[1..].iter().map(|line| line[at(name)].clone()).collect::<Vec<_>>();
    assert_eq!(read("trial_status"), ["invalid", "failed", "ok"]);
    assert_eq!(read("trial"), ["0", "1", "2"]);
    assert_eq!(read("to_ns"), ["500000000"; 3]);
    assert_eq!(read("ended"), ["0".to_owned(), String::new(), ended.to_string()]);
    assert_eq!(read("throughput_per_s")[..2], ["0.0", ""]);
    assert_eq!(read("response_count"), ["0".to_owned(), String::new(), count.to_string()]);
    assert_eq!(read("response_ns_p99")[..2], ["", ""]);
    assert!(!read("response_ns_p99")[2].is_empty());
    assert_eq!(read("in_flight"), [""; 3]);
    for count in ["trial_lost", "trial_unknown", "trial_dead", "trial_confirmed"] {
        assert_eq!(read(count)[1], "", "nothing is known of what failed: {count}");
        assert_eq!(read(count)[2].is_empty(), count == "trial_confirmed");
    }
    // By its number, too.
    let one = lines(&only("message/crossbeam", Some(0)));
    assert_eq!((one.len(), one[1].last().unwrap().as_str()), (2, "invalid"));
    // Of all dispatches the one that was refused has its line.
    let refused = lines(&Selection::default());
    let refused = refused.iter().find(|line| line[0] == "message/nats").unwrap();
    assert_eq!(refused.last().unwrap(), "refused");
    // No other trial of its dispatch ended well, and yet it measured nothing.
    for figure in ["ended", "throughput_per_s", "response_count", "trial_lost", "trial_unknown", "trial_dead"]
    {
        assert_eq!(refused[at(figure)], "", "{figure}");
    }
}

/// No flow was due in the first trials: an open load measured what was asked then, and a closed one did not.
#[test]
fn trials_that_took_turns_are_judged_by_what_their_own_run_asked_for() {
    let mut record = sample::record();
    record.runs[1].load = crate::model::LoadKind::Open;
    let trials = record.runs[..2].iter_mut().flat_map(|run| &mut run.trials);
    for trial in trials.filter(|trial| trial.number < 2) {
        trial.flows = crate::model::Flows::default();
        (trial.response, trial.series) = (Distribution::default(), Series::default());
    }
    let all = fields(&csv(&record, &Selection::default()).unwrap());
    let first = |dispatch: &str| -> Vec<String> {
        let lines = all.iter().filter(|line| line[0] == dispatch && line[1] != "2");
        lines.map(|line| line.last().unwrap().clone()).collect()
    };
    assert_eq!(first("message/crossbeam"), ["invalid"; 2]);
    assert_eq!(first("event/crossbeam"), ["ok"; 2]);
}
