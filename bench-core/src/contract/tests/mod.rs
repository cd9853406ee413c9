//! Tests of the contract kit: an honest transport passes, and each faulty one fails the check that is named.

mod cheats;
mod honest;
mod tasks;

use super::{
    CHECKS, Report, Stop, Verdict, check, check_only, check_telling,
    subject::{Subject, threads_left},
};
use crate::{
    clock::{Clock, Now},
    dispatcher::{CONTRACT_THREADS, Dispatcher, runtime},
    guarantee::Guarantee,
    monitor::Watch,
    outcome::Outcome,
    plan::{Placement, TrialPlan},
    promise::{Acks, Asked, Order, Promise},
    registry::{Options, TransportEntry},
    scenario::Style,
    transport::OpenError,
};
use cheats::CHEATS;
use std::{thread, time::Duration};

fn cheat(name: &str) -> Options {
    let mut options = Options::default();
    options.set("cheat", name);
    options
}

#[test]
fn an_honest_transport_passes_everything() {
    let report = check(&honest::entry(), &Options::default());
    report.assert();
    let skipped: Vec<String> =
        report.lines.iter().filter(|line| line.verdict != Verdict::Passed).map(ToString::to_string).collect();
    let expected = [
        "n/a  message/fan-out: Event is not claimed",
        "n/a  message/refusal: every intent of the style is claimed",
        "n/a  event/request-reply: Request is not claimed",
        "n/a  event/request-reply-awaited: Request is not claimed",
        "n/a  event/replies-apart: Command is not claimed",
        "n/a  event/refusal: every intent of the style is claimed",
    ];
    assert_eq!(skipped, expected);
}

/// Promises less than its entry lists, as an option may have it.
struct Relaxed(Box<dyn Dispatcher>);

impl Dispatcher for Relaxed {
    fn run(&mut self, plan: &TrialPlan, watch: &mut dyn Watch) -> Result<Outcome, OpenError> {
        self.0.run(plan, watch)
    }

    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        Promise { order: Order::None, ..listed }.when(asked)
    }
}

#[test]
fn what_the_options_made_of_a_promise_is_what_a_transport_is_held_to() {
    let mut entry = cheats::entry_of("reorders");
    assert_eq!(entry.promise.order, Order::PerProducer);
    entry.make = |options| Ok(Box::new(Relaxed((cheats::entry_of("reorders").make)(options)?)));
    let report = check_only(&entry, &cheat("reorders"), |check| check == "order");
    assert!(report.lines.iter().all(|line| matches!(line.verdict, Verdict::NotApplicable(_))), "{report}");
    assert!(!report.lines.is_empty());
}

/// Runs only where messages are to be acknowledged before they are handled.
struct Early(Box<dyn Dispatcher>);

impl Dispatcher for Early {
    fn run(&mut self, plan: &TrialPlan, watch: &mut dyn Watch) -> Result<Outcome, OpenError> {
        match plan.conditions.acks {
            Acks::Before => self.0.run(plan, watch),
            acks => Err(OpenError::Refused(format!("acknowledged {acks} handling"))),
        }
    }

    fn promise(&self, listed: Promise, asked: &Asked) -> Result<Promise, String> {
        match asked.guarantee {
            Some(guarantee) => Err(format!("cannot give {guarantee}")),
            None => Ok(listed),
        }
    }
}

#[test]
fn what_is_asked_for_is_asked_of_every_run() {
    let mut entry = honest::entry();
    entry.make = |options| Ok(Box::new(Early((honest::entry().make)(options)?)));
    let count = |asked: Asked| {
        check_telling(&entry, &Options::default(), &asked, |_, check| check == "count", |_| {})
    };
    let before = Asked { guarantee: None, acks: Some(Acks::Before) };
    count(before).assert();
    assert!(!count(Asked::default()).holds());
    let refused = count(Asked { guarantee: Some(Guarantee::ExactlyOnce), ..before }).to_string();
    assert!(refused.contains("the transport is not made: it cannot give exactly-once"), "{refused}");
}

/// The cheat that no other check catches, and its honest neighbour: messages of other keys may change places.
#[test]
fn order_per_key_is_checked_as_such() {
    let entry = cheats::entry_of("keeps-keys");
    assert_eq!(entry.promise.order, Order::PerKey);
    let report =
        check_only(&entry, &cheat("keeps-keys"), |check| ["order", "count", "payload"].contains(&check));
    assert!(report.holds(), "{report}");
    let others = |check: &str| ["count", "payload", "headers", "stamps"].contains(&check);
    let report = check_only(&cheats::entry_of("breaks-keys"), &cheat("breaks-keys"), others);
    assert!(report.holds(), "{report}");
    // The same transport under a promise per producer breaks it by what it may do per key.
    let strict = TransportEntry { promise: Promise::IN_MEMORY, ..entry };
    assert!(!check_only(&strict, &cheat("keeps-keys"), |check| check == "order").holds());
}

/// A thread of a runtime has a name of its own. If that were not the name the kit looks for, none could ever stay.
#[test]
fn a_thread_of_a_transport_on_tasks_that_stays_is_seen() {
    let run = || {
        let runtime = runtime(Placement::Threads(2)).unwrap();
        let (done, stays) = std::sync::mpsc::channel::<()>();
        runtime.spawn_blocking(move || stays.recv().is_err());
        runtime.shutdown_timeout(Duration::from_millis(50));
        let left = threads_left();
        drop(done);
        (left, threads_left())
    };
    let kit = thread::Builder::new().name(format!("{CONTRACT_THREADS}9999")).spawn(run).unwrap();
    assert_eq!(kit.join().unwrap(), (1, 0));
}

/// Runs only `name`'s own check: the others find most cheats too, and take their time.
fn caught(cheat_name: &str) -> Report {
    let cheats = CHEATS.iter().find(|cheat| cheat.name == cheat_name).unwrap();
    let report: Report =
        check_only(&cheats::entry_of(cheat_name), &cheat(cheat_name), |check| check == cheats.caught_by);
    let failed: Vec<&str> = report.failures().map(|line| line.check).collect();
    assert!(!failed.is_empty(), "{report}");
    assert!(failed.iter().all(|name| *name == cheats.caught_by), "{report}");
    let text = report.to_string();
    assert!(text.contains(cheats.sentence), "`{}` is not in\n{report}", cheats.sentence);
    assert!(!report.holds());
    report
}

macro_rules! cheats_are_caught {
    ($($test:ident: $name:literal,)*) => {
        $(#[test] fn $test() { drop(caught($name)); })*

        #[test]
        fn every_cheat_has_a_test() {
            let tested = [$($name,)* "never-ends"];
            let cheats: Vec<&str> = CHEATS.iter().map(|cheat| cheat.name).collect();
            assert_eq!(cheats, tested);
        }
    };
}

cheats_are_caught! {
    who_says_one_for_several_is_caught: "drains-one",
    who_says_one_for_none_is_caught: "drains-nothing",
    who_tells_twice_of_one_message_is_caught: "tells-two-of-one",
    who_tells_once_of_several_is_caught: "tells-one-of-several",
    who_takes_more_than_was_offered_is_caught: "takes-more",
    who_blocks_is_caught: "blocks",
    who_closes_is_told_by_method: "closes",
    who_opens_too_few_endpoints_is_caught: "opens-less",
    who_opens_too_many_endpoints_is_caught: "opens-more",
    who_opens_too_few_send_ports_is_caught: "few-ways",
    who_opens_no_inbox_is_caught: "no-inbox",
    who_drops_is_caught: "drops",
    who_admits_half_of_what_he_drops_is_caught: "admits-half",
    who_duplicates_is_caught: "duplicates",
    who_reorders_is_caught: "reorders",
    who_breaks_the_order_of_a_key_is_caught: "breaks-keys",
    who_promises_order_within_shards_that_he_does_not_tell_is_caught: "no-shards",
    who_stamps_late_is_caught: "stamps-late",
    who_damages_is_caught: "damages",
    who_cuts_and_seals_again_is_caught: "cuts",
    who_forgets_headers_is_caught: "forgets-headers",
    who_serves_one_subscriber_is_caught: "serves-one",
    who_is_never_full_is_caught: "never-full",
    who_holds_ten_times_its_capacity_is_caught: "holds-more",
    who_answers_another_is_caught: "answers-another",
    who_ignores_who_waits_is_caught: "ignores-waiting",
    who_keeps_the_last_is_caught: "keeps-last",
    who_takes_what_he_does_not_claim_is_caught: "takes-unclaimed",
    who_refuses_without_a_name_is_caught: "refuses-vaguely",
    who_leaves_a_thread_is_caught: "leaves-thread",
    who_sleeps_on_is_caught: "sleeps-on",
    who_swallows_a_panic_is_caught: "swallows-panic",
    who_cannot_be_made_is_caught: "not-made",
}

#[test]
fn who_never_ends_is_given_up_and_nothing_is_run_after_it() {
    let report = caught("never-ends");
    let last = report.lines.last().map(ToString::to_string);
    let expected = "n/a  event/panic: not run, because a run of message/panic did not end in its time and this one may not either";
    assert_eq!(last.as_deref(), Some(expected));
}

/// Lines are told one by one, and the whole does not take as long as each check's hang together.
#[test]
fn after_a_hang_nothing_more_is_run() {
    let (clock, mut told) = (Clock::start(), Vec::new());
    let report = check_telling(
        &cheats::entry_of("blocks"),
        &cheat("blocks"),
        &Asked::default(),
        |_, _| true,
        |line| told.push(line.clone()),
    );
    let took = Duration::from_nanos(clock.now_ns());
    assert!(took < Duration::from_secs(40), "{took:?}\n{report}");
    assert_eq!(report.failures().count(), 1, "{report}");
    assert_eq!(told, report.lines);
    assert!(report.passed().next().is_none() && told.len() > 20, "{report}");
}

/// Waiting for what is lost took two seconds for each of 30 trials.
#[test]
fn after_a_loss_the_next_trials_wait_for_less() {
    let clock = Clock::start();
    let checks = |check: &str| ["count", "payload", "headers"].contains(&check);
    let report = check_only(&cheats::entry_of("loses-few"), &cheat("loses-few"), checks);
    let took = Duration::from_nanos(clock.now_ns());
    assert!(took < Duration::from_secs(25), "{took:?}\n{report}");
    let text = report.to_string();
    assert!(text.contains("1000 sent, 998 delivered, 2 unknown (unknown: nothing moved"), "{report}");
}

#[test]
fn a_check_has_a_limit() {
    let (entry, options) = (honest::entry(), Options::default());
    let made = entry.made(&options).unwrap();
    let subject =
        Subject::new(&entry, &options, &Asked::default(), &*made).unwrap().with_limit(Duration::ZERO);
    subject.begin(Style::Message, "count").unwrap();
    let count = CHECKS.iter().find(|check| check.name == "count").unwrap();
    let Err(Stop::Fails(why)) = (count.run)(&subject, Style::Message) else { panic!("it has no limit") };
    assert!(why.contains("a check may take 0ns"), "{why}");
}

#[test]
fn names_are_unique_and_everything_says_what_it_proves() {
    for (at, check) in CHECKS.iter().enumerate() {
        assert!(CHECKS[..at].iter().all(|other| other.name != check.name), "{}", check.name);
        assert!(check.proves.len() > 20, "{}", check.name);
    }
}

#[test]
fn nothing_checked_is_not_held() {
    assert!(!check_only(&honest::entry(), &Options::default(), |_| false).holds());
}
