//! Snapshots of frames: each state at common terminal sizes.

use proptest::prelude::*;

use crate::event::{Allows, Confirms, Event, Plan, Quantiles, Sample, ServerNow};
use crate::frame::{render, to_text};
use crate::key::Key;
use crate::model::Model;
use crate::script;
use crate::theme::Theme;

const SAMPLES: u32 = 60;

/// The invented run up to the first event that satisfies `until`, which is included.
fn model_until(theme: Theme, until: impl Fn(&Event) -> bool) -> Model {
    told_until(Model::new(theme), until)
}

fn told_until(mut model: Model, until: impl Fn(&Event) -> bool) -> Model {
    for event in script::run(SAMPLES) {
        let last = until(&event);
        model.apply(event);
        if last {
            break;
        }
    }
    model
}

fn at(dispatch: usize, trial: u32, tenths_s: u64) -> impl Fn(&Event) -> bool {
    let elapsed_ns = tenths_s * script::INTERVAL_NS;
    move |event| matches!(event, Event::Sample(s) if (s.dispatch, s.trial, s.elapsed_ns) == (dispatch, trial, elapsed_ns))
}

fn shots(name: &str, model: &Model) {
    for (width, height) in [(80, 24), (120, 40)] {
        let text = to_text(&render(model, width, height));
        insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), text);
        });
    }
}

fn running() -> Model {
    model_until(Theme::coloured(), at(2, 0, 45))
}

#[test]
fn empty() {
    shots("empty", &Model::new(Theme::coloured()));
}

#[test]
fn started() {
    shots("started", &model_until(Theme::coloured(), |event| matches!(event, Event::Started(_))));
}

#[test]
fn warming_up() {
    shots("warming_up", &model_until(Theme::coloured(), at(0, 0, 5)));
}

#[test]
fn measuring() {
    shots("running", &running());
}

#[test]
fn warning() {
    shots("warning", &model_until(Theme::coloured(), at(3, 0, 50)));
}

#[test]
fn faults() {
    shots("faults", &model_until(Theme::coloured(), at(3, 1, 50)));
}

/// Of the dispatch in focus, once its trial is over.
#[test]
fn refused() {
    let mut model = running();
    let confirms = Confirms { confirmed: 44_930, refused: 37, unconfirmed: 5 };
    model.apply(Event::Confirmed { dispatch: 2, confirms });
    shots("refused", &model);
}

/// Of the dispatch in focus, while its trial is running, after one of its instances was away.
#[test]
fn confirming() {
    let mut model = running();
    let last = model.live().rows[2].last.unwrap();
    let confirms = Confirms { confirmed: 44_930, refused: 0, unconfirmed: 812 };
    let confirm = Quantiles { max_ns: 9_800_000, p50_ns: last.run.p50_ns / 2, ..last.run };
    model.apply(Event::Sample(Sample { confirms: Some(confirms), confirm, redelivered: Some(64), ..last }));
    let (from_ns, until_ns) = (2_500_000_000, 3_010_000_000);
    model.apply(Event::Away { dispatch: 2, trial: 0, from_ns, until_ns });
    shots("confirming", &model);
}

#[test]
fn finished() {
    shots("finished", &model_until(Theme::coloured(), |event| matches!(event, Event::Finished { .. })));
}

#[test]
fn help() {
    let mut model = running();
    assert_eq!(model.key(Key::Char('?')), None);
    shots("help", &model);
}

#[test]
fn paused() {
    let mut model = running();
    assert_eq!(model.key(Key::Char(' ')), None);
    assert_eq!(model.key(Key::Char('1')), None);
    shots("paused", &model);
}

/// Held, with the keys of a replay.
#[test]
fn replay() {
    let mut model = told_until(Model::of_replay(Theme::coloured(), 2.5), at(2, 0, 45));
    shots("replay", &model);
    for key in [' ', '+', '?'] {
        assert!(model.key(Key::Char(key)).is_some() || key == '?');
    }
    shots("replay_help", &model);
    assert_eq!(model.key(Key::Char('?')), None);
}

#[test]
fn whoever_watches_a_run_elsewhere_is_told_that_it_goes_on() {
    let mut model = told_until(Model::of_run_elsewhere(Theme::plain()), at(2, 0, 45));
    assert_eq!(model.key(Key::Char('?')), None);
    let text = to_text(&render(&model, 120, 40));
    assert!(text.contains("stop watching; the run goes on") && !text.contains("stop the run"), "{text}");
}

#[test]
fn many_dispatches_scroll_to_the_one_in_focus() {
    let mut model = Model::new(Theme::coloured());
    let dispatches = (1..=30).map(|i| format!("message/a-transport-with-a-long-name-{i}")).collect();
    model.apply(Event::Started(Plan { dispatches, trials: 100, ..Plan::default() }));
    model.apply(Event::TrialStarted { dispatch: 20, trial: 99 });
    shots("many", &model);
}

#[test]
fn small() {
    let model = model_until(Theme::coloured(), at(3, 1, 50));
    for (width, height) in [(60, 16), (59, 16), (20, 2)] {
        let text = to_text(&render(&model, width, height));
        insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(format!("small_{width}x{height}"), text);
        });
    }
}

/// Any size can be asked for while a window is dragged.
#[test]
fn no_size_panics() {
    let mut model = model_until(Theme::coloured(), at(3, 1, 50));
    for _ in 0..2 {
        for (width, height) in (0..=130).step_by(3).flat_map(|w| (0..=50).step_by(3).map(move |h| (w, h))) {
            let buffer = render(&model, width, height);
            assert_eq!((buffer.area.width, buffer.area.height), (width, height));
        }
        assert_eq!(model.key(Key::Char('?')), None);
    }
}

#[test]
fn without_colours_there_are_none() {
    let mut model = model_until(Theme::plain(), at(3, 1, 50));
    assert_eq!(model.key(Key::Char('?')), None);
    let buffer = render(&model, 120, 40);
    let bare = ratatui::style::Color::Reset;
    assert!(buffer.content.iter().all(|cell| cell.fg == bare && cell.bg == bare));
}

fn any_ns() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(u64::MAX), any::<u64>(), 0..1_000_000_000u64]
}

fn any_figure() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::INFINITY), Just(f64::MAX), 0.0..1.0]
}

prop_compose! {
    fn any_quantiles()(count in 0..3u64, ns in prop::array::uniform5(any_ns())) -> Quantiles {
        let [p50_ns, p90_ns, p99_ns, p99_9_ns, max_ns] = ns;
        Quantiles { count, p50_ns, p90_ns, p99_ns, p99_9_ns, max_ns }
    }
}

prop_compose! {
    fn any_sample()(
        place in (0..3usize, 0..2u32),
        times in prop::array::uniform3(any_ns()),
        shares in (any_figure(), any_figure(), any_figure(), prop::option::of(any_figure())),
        quantiles in (any_quantiles(), any_quantiles()),
        counters in prop::array::uniform7(any_ns()),
        told in prop::array::uniform3(any_ns()),
        warmup in any::<bool>(),
    ) -> Sample {
        let [elapsed_ns, remaining_ns, lag_p99_ns] = times;
        let (progress, throughput_per_s, blocked_share, target_per_s) = shares;
        let [in_flight, sent, delivered, dropped, duplicated, reordered, corrupted] = counters;
        Sample {
            dispatch: place.0, trial: place.1, elapsed_ns, progress, remaining_ns: Some(remaining_ns),
            throughput_per_s, target_per_s, now: quantiles.0, run: quantiles.1, lag_p99_ns, blocked_share,
            in_flight, sent, delivered, dropped, duplicated, reordered, corrupted, warmup, allows: Allows::default(),
            redelivered: (told[0] > 0).then_some(told[0]), rejected: (told[2] > 0).then_some(told[1]), dead: told[2], waiting: (told[1] > 0).then_some((told[0], (told[2] > 0).then_some(told[2]))), confirm: quantiles.0,
            confirms: (told[1] > 0).then_some(Confirms { confirmed: told[0], refused: told[1], unconfirmed: told[2] }),
            server: target_per_s.map(|cores| ServerNow { cores, memory_bytes: sent }),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A figure that cannot be right must not take the run down with it.
    #[test]
    fn no_figures_panic(samples in prop::collection::vec(any_sample(), 0..30), width in 60u16..140, height in 16u16..50) {
        let mut model = Model::new(Theme::coloured());
        let dispatches = vec!["message/a".to_owned(), "event/a".to_owned()];
        model.apply(Event::Started(Plan { dispatches, trials: 2, ..Plan::default() }));
        for sample in samples {
            let (from_ns, until_ns) = (sample.elapsed_ns, sample.lag_p99_ns);
            let (dispatch, trial) = (sample.dispatch, sample.trial);
            model.apply(Event::Away { dispatch, trial, from_ns, until_ns });
            model.apply(Event::Sample(sample));
        }
        let buffer = render(&model, width, height);
        prop_assert!(to_text(&buffer).starts_with("drumpost"));
        prop_assert!(!crate::to_svg(&buffer).contains("NaN"));
        prop_assert!(!crate::progress_line(&model).is_empty());
    }
}
