//! A target that stands still for a while. Coordinated omission would hide the stall, and a closed load hides it.

use super::{BUCKET, sound};
use crate::support::{Place, number, within};
use drumpost::oracle::stall_wait;

fn stalled(rho: f64, stall: (f64, f64), seconds: u32) {
    let service_us = (rho * 1000.0).max(1.0);
    let line = format!(
        "stream --sim service=fixed:{service_us}us,stall={}s/{}s --rate 1000/s --duration {seconds}s",
        stall.0, stall.1
    );
    let record = Place::new().record(&line);
    let run = record.only();
    for (name, share) in [("p99", 0.99), ("p99_9", 0.999)] {
        let expected = stall_wait(share, rho, stall.0, stall.1) + service_us / 1e6;
        // A schedule of one flow a ms has no finer steps.
        let allowed = BUCKET + 0.0015 / expected;
        within(
            &format!("{name} at {rho}"),
            number(run, &format!("/response_ns/{name}")) / 1e9,
            expected,
            allowed,
        );
    }
    assert_eq!(run["load"], "open");
    assert_eq!(run["flows"]["due"], u64::from(seconds) * 1000);
}

#[test]
fn a_stall_is_in_the_response_of_everything_due_in_it() {
    stalled(0.0, (1.0, 60.0), 120);
    stalled(0.5, (1.0, 60.0), 120);
    stalled(0.3, (0.1, 10.0), 60);
}

#[test]
fn regression_a_stall_shows_in_response_but_not_in_service() {
    let record =
        Place::new().record("stream --sim service=fixed:1us,stall=1s/60s --rate 1000/s --duration 120s");
    let run = record.only();
    within("response p99", number(run, "/response_ns/p99"), 400e6, 0.005);
    // Blocked flows are sent at once and served within a ms.
    assert!(number(run, "/service_ns/max") < 1_100_000.0, "{}", run["service_ns"]["max"]);
    within("lag p99", number(run, "/lag_ns/p99"), 400e6, 0.005);
    assert_eq!(run["response_ns"]["count"], 120_000);
}

#[test]
fn a_closed_loop_does_not_see_the_stall_and_calls_itself_closed() {
    let record = sound("--sim service=fixed:1ms,stall=1s/60s --in-flight 1 --duration 120s");
    let run = record.only();
    assert_eq!(run["load"], "closed");
    within("p99", number(run, "/response_ns/p99"), 1e6, BUCKET);
    within("p99.9", number(run, "/response_ns/p99_9"), 1e6, BUCKET);
    assert!(number(run, "/response_ns/max") >= 1e9);
    let place = Place::new();
    let table = place.run("run stream --sim service=fixed:1ms,stall=1s/60s --in-flight 1 --duration 120s");
    assert!(table.stdout.contains("closed load"), "{}", table.stdout);
}
