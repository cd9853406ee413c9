//! Tests of the dashboard's state.

use super::*;

fn started(trials: u32) -> State {
    let dispatches = vec!["message/a".to_owned(), "event/a".to_owned()];
    let mut state = State::default();
    state.apply(Event::Started(Plan { dispatches, trials, ..Plan::default() }));
    state
}

fn sample(dispatch: usize, trial: u32, elapsed_ns: u64) -> Sample {
    Sample { dispatch, trial, elapsed_ns, throughput_per_s: 100.0, progress: 0.5, ..Sample::default() }
}

fn end(state: &mut State, dispatch: usize, trial: u32, status: Status, note: &str) {
    state.apply(Event::TrialEnded { dispatch, trial, status, note: note.to_owned() });
}

#[test]
fn a_dispatch_goes_through_its_phases_and_keeps_the_worst_verdict() {
    let mut state = started(3);
    assert_eq!(state.rows[0].phase, Phase::Waiting);
    state.apply(Event::TrialStarted { dispatch: 0, trial: 0 });
    assert_eq!(state.rows[0].phase, Phase::Running);
    state.apply(Event::Sample(Sample { warmup: true, ..sample(0, 0, 1) }));
    assert_eq!(state.rows[0].phase, Phase::WarmingUp);
    state.apply(Event::Sample(sample(0, 0, 2)));
    assert_eq!(state.rows[0].phase, Phase::Running);
    end(&mut state, 0, 0, Status::Suspect, "noisy");
    end(&mut state, 0, 1, Status::Valid, "fine");
    assert_eq!(state.rows[0].phase, Phase::Ended(Status::Suspect));
    assert_eq!(state.rows[0].trials_ended, 2);
    assert_eq!(state.notices.len(), 1);
    assert_eq!(state.notices[0].text, "message/a trial 1 suspect: noisy");
    state.apply(Event::TrialStarted { dispatch: 0, trial: 2 });
    state.apply(Event::Finished { note: "interrupted".to_owned() });
    assert_eq!(state.rows[0].phase, Phase::Stopped);
    assert_eq!(state.rows[1].phase, Phase::NotRun);
}

#[test]
fn the_mean_leaves_out_the_warm_up_and_weighs_by_time() {
    let mut state = started(1);
    let at = |elapsed_s: u64, throughput_per_s, warmup| {
        let elapsed_ns = elapsed_s * 1_000_000_000;
        Event::Sample(Sample { throughput_per_s, warmup, ..sample(0, 0, elapsed_ns) })
    };
    state.apply(at(1, 9_999.0, true));
    assert_eq!(state.rows[0].mean_per_s(), None);
    state.apply(at(2, 100.0, false));
    state.apply(at(5, 300.0, false));
    assert_eq!(state.rows[0].mean_per_s(), Some(250.0));
    state.apply(Event::Sample(sample(0, 1, 0)));
    assert_eq!(state.rows[0].mean_per_s(), None);
    assert_eq!(state.rows[0].mean_of_trials_per_s(), Some(250.0));
    // A trial of 16 s at 500 flows/s beside one of 4 s at 250.
    state.apply(Event::Sample(Sample { throughput_per_s: 500.0, ..sample(0, 1, 16_000_000_000) }));
    assert_eq!(state.rows[0].mean_per_s(), Some(500.0));
    assert_eq!(state.rows[0].mean_of_trials_per_s(), Some(450.0));
    assert_eq!(state.rows[1].mean_of_trials_per_s(), None);
}

#[test]
fn faults_of_earlier_trials_are_not_forgotten() {
    let mut state = started(2);
    state.apply(Event::Sample(Sample { dropped: 2, corrupted: 1, ..sample(0, 0, 1) }));
    end(&mut state, 0, 0, Status::Invalid, "");
    state.apply(Event::TrialStarted { dispatch: 0, trial: 1 });
    assert_eq!(state.rows[0].faults(), 3);
    state.apply(Event::Sample(Sample { reordered: 4, ..sample(0, 1, 1) }));
    assert_eq!(state.rows[0].faults(), 7);
    assert_eq!(state.rows[1].faults(), 0);
}

#[test]
fn a_late_sample_completes_the_figures_and_leaves_the_verdict() {
    let mut state = started(2);
    state.apply(Event::Sample(sample(0, 0, 1)));
    end(&mut state, 0, 0, Status::Valid, "");
    state.apply(Event::Sample(sample(0, 0, 9)));
    assert_eq!(state.rows[0].phase, Phase::Ended(Status::Valid));
    assert_eq!(state.rows[0].last.map(|s| s.elapsed_ns), Some(9));
    state.apply(Event::Sample(sample(0, 1, 1)));
    assert_eq!(state.rows[0].phase, Phase::Running);
    assert_eq!(state.rows[0].history.slots().len(), 1);
}

#[test]
fn outages_are_those_of_the_latest_trial_and_bounded() {
    let mut state = started(2);
    let away = |trial, from_ns| Event::Away { dispatch: 0, trial, from_ns, until_ns: from_ns + 5 };
    state.apply(Event::Sample(sample(0, 0, 1)));
    (0..100).for_each(|i| state.apply(away(0, i)));
    assert_eq!((state.rows[0].outages.len(), state.rows[0].outages[1]), (OUTAGES, (1, 6)));
    state.apply(Event::TrialStarted { dispatch: 0, trial: 1 });
    assert!(state.rows[0].outages.is_empty());
    state.apply(away(1, 7));
    assert_eq!(state.rows[0].outages, [(7, 12)]);
}

#[test]
fn the_run_moves_on_by_trials() {
    let mut state = started(2);
    assert_eq!(state.progress(), 0.0);
    state.apply(Event::Sample(sample(0, 0, 1)));
    assert_eq!(state.progress(), 0.125);
    end(&mut state, 0, 0, Status::Valid, "");
    assert_eq!(state.progress(), 0.25);
    state.apply(Event::Sample(Sample { progress: f64::NAN, ..sample(1, 0, 1) }));
    assert_eq!(state.progress(), 0.25);
    assert_eq!(State::default().progress(), 0.0);
}

#[test]
fn notices_are_bounded_cleaned_and_counted() {
    let mut state = started(1);
    for i in 0..100 {
        state.apply(Event::Warning(format!("clock stepped back {i} times\n\u{1b}[2J")));
    }
    state.apply(Event::Warning("again".to_owned()));
    state.apply(Event::Warning("again".to_owned()));
    assert_eq!(state.notices.len(), NOTICES);
    assert_eq!(state.notices_forgotten, 69);
    assert_eq!(state.notices.back().map(|n| n.times), Some(2));
    assert!(state.notices.iter().all(|n| !n.text.contains(char::is_control)));
}

#[test]
fn an_unannounced_dispatch_is_reported_and_harms_nothing() {
    let mut state = State::default();
    state.apply(Event::Sample(sample(usize::MAX - 1, 0, 1)));
    state.apply(Event::TrialStarted { dispatch: 4, trial: 0 });
    end(&mut state, 4, u32::MAX, Status::Failed, "gone");
    assert!(state.rows.is_empty());
    assert_eq!(state.notices.iter().map(|n| n.times).sum::<u64>(), 3);
}
