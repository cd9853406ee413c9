//! What panics or hangs, in a transport or a handler: a failed row that says whose fault it is, the trials after it are run,
//! the record is saved, and the program ends in time with an exit code of its table.

use super::faulty::{OPENED, SPUN, registry};
use crate::support::{LIMIT, Place, Running, at_once, named_at_once};
use drumpost::{Exit, run};
use drumpost_core::clock::{Clock, Now};
use serde_json::Value;
use std::{
    ffi::OsString,
    path::Path,
    process::Command,
    sync::{
        PoisonError, RwLock,
        atomic::Ordering,
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

/// A trial counts threads that are left behind in its process, and the tests of a program share one. Whoever leaves some behind reads this, and
/// whoever runs several trials, of which none may be given up for that reason, writes it.
static LEAVES_THREADS: RwLock<()> = RwLock::new(());

/// What a command line over the faulty registry came to.
struct Came {
    exit: Exit,
    record: Value,
    took: Duration,
}

impl Came {
    fn run(&self, dispatch: &str) -> &Value {
        let runs = self.record["runs"].as_array().unwrap();
        runs.iter().find(|run| run["dispatch"] == dispatch).unwrap_or_else(|| panic!("no {dispatch}"))
    }

    /// What the trials of a dispatch say of their ends; empty for one that ended well.
    fn errors(&self, dispatch: &str) -> Vec<&str> {
        let trials = self.run(dispatch)["trials"].as_array().unwrap();
        trials.iter().map(|trial| trial["error"].as_str().unwrap_or_default()).collect()
    }
}

fn words(line: &str, out: &Path) -> Vec<OsString> {
    let words = ["drumpost"].into_iter().chain(line.split_whitespace()).map(OsString::from);
    words.chain(["--out".into(), out.into()]).collect()
}

#[track_caller]
fn came(line: &str) -> Came {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("record.json");
    let clock = Clock::start();
    let exit = run(registry(), words(&format!("run {line} --no-tui"), &out));
    let took = Duration::from_nanos(clock.now_ns());
    let text = std::fs::read_to_string(&out).unwrap_or_else(|error| panic!("{line}: {exit:?}: {error}"));
    Came { exit, record: serde_json::from_str(&text).unwrap(), took }
}

/// As [`came`], and fails if it does not end in time, instead of waiting for ever. What goes on then ends with the tests.
#[track_caller]
fn came_within(limit: Duration, line: &str) -> Came {
    let (tell, told) = channel();
    let own = line.to_owned();
    thread::spawn(move || tell.send(came(&own)));
    match told.recv_timeout(limit) {
        Ok(came) => came,
        Err(RecvTimeoutError::Timeout) => panic!("{line} still runs after {limit:?}"),
        Err(RecvTimeoutError::Disconnected) => panic!("{line} panicked, as is said above"),
    }
}

pub(super) const LOAD: &str = "--rate 2k/s --duration 300ms --warmup 0s --drain 200ms";

/// Runs a fault beside a transport that works: the fault is a failed row that says `expected`.
#[track_caller]
fn fails(line: &str, dispatch: &str, expected: &str) -> Came {
    let came = came_within(LIMIT / 2, &format!("{line} {LOAD} --dispatch {dispatch}"));
    assert_eq!(came.exit, Exit::Failed, "{line}: {:?}", came.errors(dispatch));
    let first = came.errors(dispatch)[0].to_owned();
    assert!(first.contains(expected), "{line}: {first}");
    assert_eq!(came.run(dispatch)["trials"][0]["status"], "failed");
    came
}

/// The limits of lanes, ports and `close`, one after the other, on a machine that does other things, too.
pub(super) const IN_TIME: Duration = Duration::from_secs(40);

#[track_caller]
fn hangs(line: &str, dispatch: &str, expected: &str) {
    let came = fails(&format!("{line} --trials 2"), dispatch, expected);
    assert!(came.took < IN_TIME, "took {:?}", came.took);
    assert_eq!(
        came.errors(dispatch)[1],
        "not tried, because trial 1 hung",
        "one thread is left behind, not two"
    );
}

const DISPATCHES: [(&str, &str); 2] =
    [("message/threadbare", "threadbare"), ("message/taskless", "taskless")];

#[test]
fn a_panic_in_a_transport_is_told_by_its_name_and_its_method_and_the_next_trial_runs() {
    let _kept = LEAVES_THREADS.write().unwrap_or_else(PoisonError::into_inner);
    for (dispatch, name) in DISPATCHES {
        at_once(["open", "offer", "drain", "drop"], |at| {
            let line = format!("stream --set faulty.kind=panic --set faulty.at={at} --trials 2");
            let expected = format!("transport `{name}` panicked in `{at}`");
            let came = fails(&line, dispatch, &expected);
            assert!(came.errors(dispatch)[1].contains(&expected), "the next trial runs and fails, too");
        });
    }
    for at in ["finish", "close"] {
        let line = format!("stream --set faulty.kind=panic --set faulty.at={at} --trials 1");
        let expected = format!("transport `taskless` panicked in `{at}`");
        let came = fails(&line, "message/taskless", &expected);
        let ended = &came.run("message/taskless")["trials"][0]["flows"]["ended"];
        assert!(ended.as_u64() > Some(0), "what was measured before is kept");
    }
}

#[test]
fn a_panic_in_a_handler_is_told_by_the_name_of_its_service() {
    let dispatches =
        ["message/rtrb", "message/tokio-mpsc", "event/listeners", "event/tokio-broadcast", "message/sim"];
    for dispatch in dispatches {
        fails("panics --trials 1", dispatch, "the handler of `worker` panicked: its pen broke");
        fails("unborn --trials 1", dispatch, "making the handler of `worker` panicked: it was not to be");
    }
}

#[test]
fn what_fails_beside_a_dispatch_does_not_keep_it_from_being_measured() {
    let _kept = LEAVES_THREADS.write().unwrap_or_else(PoisonError::into_inner);
    let came = came(&format!(
        "stream {LOAD} --set faulty.kind=panic --set faulty.at=open --trials 2 \
         --dispatch message/threadbare,message/rtrb"
    ));
    assert_eq!((came.exit, came.errors("message/rtrb")), (Exit::Failed, vec!["", ""]));
}

/// On threads, on a runtime with a single thread, among listeners, and in virtual time.
#[test]
fn a_handler_that_blocks_ends_the_trial_and_is_named() {
    let _shared = LEAVES_THREADS.read().unwrap_or_else(PoisonError::into_inner);
    let handler = "the handler of `worker` hangs at worker";
    let cases = [
        ("blocks", "message/rtrb", handler),
        ("blocks --placement 1", "message/tokio-mpsc", handler),
        ("blocks", "event/listeners", handler),
        ("blocks --sim service=fixed:1us", "message/sim", "transport `sim` hangs: `run` has not returned"),
    ];
    at_once(cases, |(line, dispatch, expected)| hangs(line, dispatch, expected));
}

/// By itself, as it keeps a core busy.
#[test]
fn a_handler_that_spins_ends_the_trial_and_is_named_on_tasks() {
    let _shared = LEAVES_THREADS.read().unwrap_or_else(PoisonError::into_inner);
    hangs("spins", "message/tokio-mpsc", "the handler of `worker` hangs at worker");
    SPUN.store(true, Ordering::Relaxed);
}

/// The load would go on for ten minutes: only whoever looks after the lanes while they run can end it.
#[test]
fn a_lane_that_hangs_ends_a_load_that_would_go_on() {
    let _shared = LEAVES_THREADS.read().unwrap_or_else(PoisonError::into_inner);
    let handler = "the handler of `worker` hangs at worker: `handle` has not returned for 5s";
    let cases = [
        ("blocks --rate 2k/s", "message/rtrb", handler),
        ("blocks --in-flight 8 --placement 1", "message/rtrb", handler),
        ("blocks --rate 2k/s", "message/tokio-mpsc", handler),
        ("blocks --in-flight 8 --placement 1", "message/tokio-mpsc", handler),
        ("blocks --rate 2k/s", "event/listeners", handler),
        (
            "stream --rate 2k/s --set faulty.kind=block --set faulty.at=offer",
            "message/threadbare",
            "transport `threadbare` hangs at producer: `offer` has not returned for 5s",
        ),
        (
            "stream --rate 2k/s --set faulty.kind=block --set faulty.at=drain",
            "message/taskless",
            "transport `taskless` hangs at worker: `drain` has not returned for 5s",
        ),
    ];
    at_once(cases, |(line, dispatch, expected)| {
        let line =
            format!("{line} --duration 10m --warmup 0s --drain 200ms --trials 1 --dispatch {dispatch}");
        let came = came_within(LIMIT / 2, &line);
        assert_eq!((came.exit, came.errors(dispatch)), (Exit::Failed, vec![expected]), "{line}");
        assert!(came.took < IN_TIME, "{line} took {:?}", came.took);
    });
}

/// All of these sleep until a limit is over, so they do so at once. A panic names the one that fails.
#[test]
fn what_hangs_ends_the_trial_in_time() {
    let _shared = LEAVES_THREADS.read().unwrap_or_else(PoisonError::into_inner);
    macro_rules! named {
        ($($case:ident,)*) => { [$((stringify!($case), $case as fn())),*] };
    }
    let cases = named![
        a_load_that_ends_by_count_does_not_wait_for_a_lane_that_hangs,
        a_port_that_blocks_ends_the_trial_and_is_named,
        a_port_that_finishes_for_ever_ends_the_trial_and_is_named,
        ports_that_are_dropped_for_ever_end_the_trial_and_keep_what_was_measured,
        a_transport_that_closes_for_ever_ends_the_trial_and_keeps_what_was_measured,
        a_transport_that_takes_nothing_more_ends_the_trial,
    ];
    named_at_once(cases, |case| case());
}

fn a_load_that_ends_by_count_does_not_wait_for_a_lane_that_hangs() {
    let line = "blocks --count 1M --in-flight 8 --warmup 0s --drain 200ms --trials 1 --dispatch message/rtrb";
    let came = came_within(LIMIT / 2, line);
    let errors = came.errors("message/rtrb").join("");
    assert!(came.exit == Exit::Failed && errors.contains("the handler of `worker` hangs"), "{errors}");
    assert!(came.took < IN_TIME, "took {:?}", came.took);
}

fn a_port_that_blocks_ends_the_trial_and_is_named() {
    at_once([("offer", DISPATCHES[0]), ("drain", DISPATCHES[1])], |(at, (dispatch, name))| {
        let line = format!("stream --set faulty.kind=block --set faulty.at={at}");
        hangs(&line, dispatch, &format!("transport `{name}` hangs at "));
    });
}

fn a_port_that_finishes_for_ever_ends_the_trial_and_is_named() {
    at_once(["pend", "block"], |kind| {
        let line = format!("stream --set faulty.kind={kind} --set faulty.at=finish --trials 1");
        let came = fails(&line, "message/taskless", "transport `taskless` hangs at ");
        assert!(came.errors("message/taskless")[0].contains("`finish` has not returned"));
        assert!(came.took < IN_TIME, "took {:?}", came.took);
    });
}

fn ports_that_are_dropped_for_ever_end_the_trial_and_keep_what_was_measured() {
    at_once(DISPATCHES, |(dispatch, name)| {
        let line = "stream --set faulty.kind=block --set faulty.at=drop --trials 1";
        let came = fails(line, dispatch, &format!("transport `{name}` hangs at "));
        let trial = &came.run(dispatch)["trials"][0];
        assert!(trial["error"].as_str().unwrap().contains("`drop` has not returned"), "{trial}");
        assert!(trial["flows"]["ended"].as_u64() > Some(0), "{trial}");
    });
}

fn a_transport_that_closes_for_ever_ends_the_trial_and_keeps_what_was_measured() {
    // What waits is given up by whoever runs tasks, what blocks by the guard around the trial, three seconds later.
    at_once([("pend", "12s"), ("block", "15s")], |(kind, limit)| {
        let line = format!("stream --set faulty.kind={kind} --set faulty.at=close --trials 1");
        let says = format!("transport `taskless` hangs: `close` has not returned for {limit}");
        let came = fails(&line, "message/taskless", &says);
        let ended = &came.run("message/taskless")["trials"][0]["flows"]["ended"];
        assert!(ended.as_u64() > Some(0), "what was measured before is kept");
        assert!(came.took < IN_TIME, "took {:?}", came.took);
    });
}

fn a_transport_that_takes_nothing_more_ends_the_trial() {
    at_once(DISPATCHES, |(dispatch, name)| {
        let line = "stream --set faulty.kind=full --set faulty.at=offer --trials 1";
        let came = fails(line, dispatch, &format!("transport `{name}` was full for producer"));
        assert!(came.took < IN_TIME, "took {:?}", came.took);
    });
}

#[test]
fn one_failed_connection_ends_a_dispatch_and_no_other() {
    let _kept = LEAVES_THREADS.write().unwrap_or_else(PoisonError::into_inner);
    let came = came(&format!(
        "stream {LOAD} --set faulty.kind=fail --set faulty.at=open --trials 12 --dispatch message/far-away,message/rtrb"
    ));
    let (far, near) = (came.errors("message/far-away"), came.errors("message/rtrb"));
    assert_eq!((came.exit, far.len(), near.len()), (Exit::Failed, 12, 12));
    assert_eq!(far[0], "nobody answers at far-away:1");
    assert!(far[1..].iter().all(|error| *error == "not tried, because trial 1 could not connect"), "{far:?}");
    assert_eq!((OPENED.load(Ordering::SeqCst), near), (1, vec![""; 12]));
}

/// Run by [`the_second_interruption_waits_for_nothing`] in a process of its own; by itself it does nothing.
#[test]
fn child() {
    if let Some(line) = std::env::var_os("DRUMPOST_CHILD") {
        let words: Vec<OsString> = line.to_string_lossy().split_whitespace().map(OsString::from).collect();
        #[expect(clippy::disallowed_methods, reason = "the exit code is what is tested")]
        std::process::exit(i32::from(run(registry(), words).code()));
    }
}

fn start_child(place: &Place, line: &str) -> Running {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "found::hangs::child", "--nocapture"]);
    command.env("DRUMPOST_CHILD", format!("drumpost {line}")).current_dir(place.path("."));
    Running::start(&mut command)
}

#[test]
fn the_second_interruption_waits_for_nothing() {
    // Blocked with an hour to go, so that only being asked ends it: in `open`, in a port, in a handler.
    let lines = [
        "stream --dispatch message/threadbare --set faulty.kind=block --set faulty.at=open",
        "stream --dispatch message/taskless --set faulty.kind=block --set faulty.at=offer",
        "blocks --dispatch message/rtrb",
        "blocks --sim service=fixed:1us --dispatch message/sim",
    ];
    at_once(lines, |line| {
        let place = Place::new();
        let running = start_child(
            &place,
            &format!("run {line} --rate 1k/s --duration 1h --drain 1h --warmup 0s --trials 2 --out r.json"),
        );
        // Four processes share the cores until they are blocked.
        thread::sleep(Duration::from_secs(3));
        running.interrupt();
        thread::sleep(Duration::from_millis(300));
        running.interrupt();
        let asked = running.took();
        let done = running.end().with_code(130);
        let late = done.took.saturating_sub(asked);
        assert!(
            late < Duration::from_secs(4) && late < LIMIT,
            "{line}: ended {late:?} after it was asked twice"
        );
        let record: Value = serde_json::from_slice(&std::fs::read(place.path("r.json")).unwrap()).unwrap();
        assert_eq!(record["partial"], true, "{line}");
        // What the user does not wait for does not hang.
        let trial = &record["runs"][0]["trials"][0];
        assert_eq!(trial["status"], "interrupted", "{line}: {}", trial["error"]);
        assert!(trial.to_string().contains("told to end at once: "), "{line}: {trial}");
    });
}

#[test]
fn a_suite_that_met_a_panic_can_be_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("suite.toml");
    let text = "
[defaults]
scenario = 'stream'
duration = '50ms'
warmup = '0s'
trials = 2
[defaults.set]
faulty.kind = 'panic'
faulty.at = 'offer'
[[matrix]]
name = 'a'
dispatch = ['message/threadbare']
";
    std::fs::write(&file, text).unwrap();
    let out = folder.path().join("out");
    let suite = |more: &str| run(registry(), words(&format!("suite {} {more}", file.display()), &out));
    assert_eq!((suite(""), suite("--resume")), (Exit::Failed, Exit::Failed), "no lock is left");
}
