//! Backlogs that are caught up with at a limited rate (`--catch-up`).

use crate::support::{Place, assert_clean, count, number};
use drumpost::oracle;
use serde_json::Value;
use std::fs;

/// The backlog of the only trial of a run.
#[track_caller]
fn backlog(run: &Value) -> &Value {
    let found = &run["trials"][0]["backlog"];
    assert!(found.is_object(), "no backlog: {} {}", run["error"], run["verdict"]);
    found
}

/// A backlog of n messages is level after (n − level) ÷ (limit − λ), however fast the service is, and with two instances as with one.
#[test]
fn the_time_until_level_follows_from_the_limit() {
    for (service, instances, limit) in [
        ("service=fixed:100us", 1, 1_500_u32),
        ("service=fixed:250us", 1, 2_000),
        ("service=fixed:250us,servers=2", 2, 1_250),
    ] {
        let line =
            format!("stream --sim {service} --instances worker={instances} --rate 1k/s --duration 12s");
        let line = format!("{line} --backlog worker:2000 --catch-up {limit}/s");
        let record = Place::new().record(&line).with_code(0);
        let run = record.only();
        // Two servers hand over messages in any order.
        if instances == 1 {
            assert_clean(run);
        }
        assert_eq!((&run["audit"]["lost"], &run["audit"]["duplicated"]), (&0.into(), &0.into()), "{line}");
        assert_eq!(run["verdict"]["status"], "valid", "{line}: {}", run["verdict"]);
        let told = backlog(run);
        let level = count(told, "/level");
        let (expected, _) = oracle::catch_up(count(told, "/waiting") - level, 1_000.0, f64::from(limit));
        // Messages are whole, so it may be level one of them earlier or later.
        let step = 1.0 / (f64::from(limit) - 1_000.0) + 1e-3;
        let took = number(told, "/catch_up_ns") / 1e9;
        assert!((took - expected).abs() <= step, "{line}: {took} s, not {expected} s");
        // It is never above the limit, but for the rounding of the quotient.
        let received = number(told, "/received_per_s");
        assert!((0.995..=1.000_001).contains(&(received / f64::from(limit))), "{line}: {received}/s");
        let limited = &told["limit"];
        assert_eq!((&limited["per_s"], &limited["reached"]), (&f64::from(limit).into(), &true.into()));
        let share = number(limited, "/held_back_share");
        assert!(
            (0.99..=1.0).contains(&share),
            "{line}: handling takes no time, and it was held back for {share}"
        );
        // Afterwards there is no limit: nothing waits.
        assert!(count(told, "/left") <= level, "{told}");
    }
}

#[test]
fn the_table_says_what_a_limit_came_to() {
    let place = Place::new();
    let said = |line: &str, code| {
        let done = place.run(&format!("run stream --sim {line}")).with_code(code);
        done.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let fast = "service=fixed:250us --rate 1k/s --duration 6s --backlog worker:1000 --catch-up";
    let reached = said(&format!("{fast} 2k/s"), 0);
    for words in [
        "limited to 2.00 k/s by --catch-up, so the rate is not that of the transport",
        "worker was held back by the limit for",
        "2k/s",
    ] {
        assert!(reached.contains(words), "no `{words}` in\n{reached}");
    }
    let slower = said(&format!("{fast} 10k/s"), 0);
    assert!(slower.contains("the limit of --catch-up, 10.0 k/s, was not reached"), "{slower}");
    let never = said(&format!("{fast} 900/s"), 0);
    assert!(never.contains("--catch-up lets worker receive 900 /s, and 1.00 k/s arrived"), "{never}");
}

#[test]
fn a_limit_without_a_backlog_or_without_a_meaning_is_refused_in_a_sentence() {
    let sim = "--sim service=fixed:1ms --rate 100/s --duration 2s";
    for (line, says) in [
        ("--catch-up 5k/s", "add one, such as --backlog worker:100k"),
        ("--backlog worker:10 --catch-up 5k", "the time is missing, as in 5k/s"),
        ("--backlog worker:10 --catch-up 0/s", "a rate is above zero"),
        ("--backlog worker:10 --catch-up 2G/s", "limits nothing"),
    ] {
        let done = Place::new().run(&format!("run stream {sim} {line}")).with_code(2);
        let said = format!("{}{}", done.stdout, done.stderr);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(says), "{line}: no `{says}` in\n{said}");
    }
    let done = Place::new().run("search stream --slo p99<1ms --catch-up 5k/s").with_code(2);
    assert!(done.stderr.contains("search takes no --catch-up"), "{}", done.stderr);
}

#[test]
fn a_suite_may_have_a_list_of_limits() {
    let place = Place::new();
    let text = "[[matrix]]\nname = 'limits'\nscenario = 'stream'\nsim = 'service=fixed:250us'\nrate = '1k/s'\nduration = '6s'\n\
                backlog = 'worker:1000'\ncatch-up = ['1500/s', '2k/s']\n";
    fs::write(place.path("suite.toml"), text).unwrap();
    let listed = place.run("suite suite.toml --list").with_code(0).stdout;
    for cell in ["catch-up=1500/s", "catch-up=2k/s"] {
        assert!(listed.contains(cell), "no `{cell}` in\n{listed}");
    }
}

/// On a clock and over tasks: the broker is in this process. What is received is at most what the limit allows, and the time that it takes
/// belongs to the limit.
#[cfg(feature = "mqtt")]
#[test]
fn consumers_of_a_broker_keep_to_a_limit() {
    const LIMIT_PER_S: f64 = 1_500.0;
    let line =
        "stream --dispatch message/mqtt --rate 500/s --duration 2500ms --warmup 0s --trials 1 --drain 20s";
    let record = Place::new().record(&format!("{line} --backlog worker:300 --catch-up 1500/s"));
    let run = record.only();
    assert!([0, 6].contains(&record.code), "{}", run["verdict"]);
    assert_eq!((&run["audit"]["lost"], &run["audit"]["duplicated"]), (&0.into(), &0.into()));
    let told = backlog(run);
    let phase = &told["phases"][1];
    assert_eq!(phase["phase"], "catching-up", "{told}");
    let length_s = (count(phase, "/until_ns") - count(phase, "/from_ns")) as f64 / 1e9;
    // The counters may be read a little later than the clock. Without a limit all 300 come within some ms.
    let (received, most) = (count(phase, "/received") as f64, LIMIT_PER_S * (length_s + 0.1));
    assert!(received <= most, "{received} messages in {length_s} s, at most {most}: {told}");
    let share = number(&told["limit"], "/held_back_share");
    assert!(share > 0.0 && share <= 1.0, "{told}");
}
