//! Servers that are secured, and servers that misbehave: secrets stay secret, and nothing is left behind.
#![cfg(feature = "nats")]

use crate::{
    nats::server::NatsServer,
    nats::support_secured::Safe,
    support::{Place, Record, Running, count, files_with},
};
use drumpost_core::clock::{Clock, Now};
use std::{fs, process::Command, thread, time::Duration};

/// Stands in the command line or the environment, and nowhere else.
const SECRET: &str = "hush0815hush";

fn server_with(safe: &Safe, lines: &str) -> NatsServer {
    NatsServer::start_with(&safe.arguments(lines))
}

/// Runs a command line and asserts that the secret stands neither in what is printed nor in any file.
#[track_caller]
fn kept_secret(place: &Place, line: &str, environment: &[(&str, &str)], code: i32) -> String {
    let mut command = place.command(line);
    command.envs(environment.iter().copied());
    let done = Running::start(&mut command).end().with_code(code);
    let printed = format!("{}{}", done.stdout, done.stderr);
    assert!(!printed.contains(SECRET), "{line}\n{printed}");
    assert!(!printed.contains("panicked"), "{line}\n{printed}");
    assert_eq!(files_with(SECRET, &place.path(".")), Vec::<String>::new(), "{line}");
    printed
}

fn with_password(url: &str, password: &str) -> String {
    url.replace("://", &format!("://me:{password}@"))
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn the_password_of_a_url_stands_in_no_output_and_no_file() {
    let safe = Safe::new();
    let server = server_with(&safe, &format!("authorization {{ user: me, password: {SECRET} }}\n"));
    let (place, url) = (Place::new(), with_password(&server.url(), SECRET));
    let load = "--duration 300ms --warmup 0s --trials 1";
    // Suspect or not, it runs: other tests may keep the machine busy.
    let run = format!("run stream --dispatch nats,jetstream --nats {url} {load} --max-invalid-nothing");
    assert!(
        kept_secret(&place, &run, &[], 2).contains("--max-invalid-nothing"),
        "a flag that does not exist"
    );
    for out in ["--out r.json", "--json"] {
        let line = format!(
            "run stream --dispatch nats,jetstream --nats {url} --count 500 --warmup 0s --trials 1 {out}"
        );
        kept_secret(&place, &line, &[], 0);
    }
    let record = Record::from_file(&place.path("r.json"));
    assert!(record.text.contains("me:***@127.0.0.1"), "who connected stays");
    for format in ["csv", "hgrm", "hlog"] {
        kept_secret(
            &place,
            &format!("export r.json --format {format} --dispatch message/nats --out {format}"),
            &[],
            0,
        );
    }
    kept_secret(&place, "show r.json --hops", &[], 0);
    // Over the environment, with a user in the URL, and said wrongly.
    let user = server.url().replace("://", "://me@");
    let line = "run stream --dispatch message/nats --count 500 --warmup 0s --trials 1";
    kept_secret(&place, line, &[("NATS_URL", &url)], 0);
    kept_secret(&place, &format!("{line} --nats {user}"), &[("NATS_PASSWORD", SECRET)], 0);
    let text = kept_secret(&place, &format!("{line} --nats {}x", url.replace("me:", "you:")), &[], 2);
    assert!(text.contains("nats.url"), "{text}");
    let text = kept_secret(&place, &format!("{line} --nats {}", url.replace("me:", "you:")), &[], 1);
    assert!(text.contains("give credentials"), "{text}");
    kept_secret(&place, &format!("{line} --rate {url}"), &[], 2);
    kept_secret(&place, "run --help", &[("NATS_URL", &url)], 0);
    let search =
        format!("search stream --dispatch message/nats --nats {url} --slo p99<1s --from 500/s --to 1k/s");
    kept_secret(
        &place,
        &format!("{search} --duration 200ms --repeats 1 --max-holds 2 --out s.json --svg s.svg"),
        &[],
        7,
    );
    assert!(place.path("s.json").exists());
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn secrets_of_a_suites_file_are_not_in_its_folder() {
    let safe = Safe::new();
    let server = server_with(&safe, &format!("authorization {{ token: {SECRET} }}\n"));
    // The file itself is the user's and elsewhere.
    let file = safe.write(
        "suite.toml",
        &format!(
            "name = \"s\"\n[[matrix]]\nname = \"m\"\nscenario = \"stream\"\ndispatch = [\"message/nats\"]\nnats = \
             \"{}\"\ncount = 200\nwarmup = \"0s\"\ntrials = 1\n[matrix.set]\n\"nats.token\" = \"{SECRET}\"\n",
            server.url()
        ),
    );
    let place = Place::new();
    kept_secret(&place, &format!("suite {file} --list"), &[], 0);
    kept_secret(&place, &format!("suite {file} --out s"), &[], 0);
    let state = fs::read_to_string(place.path("s/suite.json")).unwrap();
    assert!(state.contains("nats.token") && state.contains("***"), "{state}");
    kept_secret(&place, &format!("suite {file} --out s --resume"), &[], 0);
    kept_secret(&place, "show s --json", &[], 0);
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn the_list_of_processes_shows_no_secret() {
    let server = NatsServer::start();
    let place = Place::new();
    let url = with_password(&server.url(), SECRET);
    let line = format!(
        "run stream --dispatch message/nats --nats {url} --set nats.url={url} --duration 3s --trials 1"
    );
    let mut child = place.command(&line).stdout(std::process::Stdio::null()).spawn().unwrap();
    let clock = Clock::start();
    let shown =
        || String::from_utf8_lossy(&fs::read(format!("/proc/{}/cmdline", child.id())).unwrap()).into_owned();
    // A moment passes until the program has replaced itself.
    while shown().contains(SECRET) || !shown().contains("***") {
        assert!(clock.now_ns() < 20_000_000_000, "{}", shown());
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_tls_server_with_a_private_authority_is_measured_without_a_panic_text() {
    let safe = Safe::new();
    safe.certificates();
    let server = server_with(&safe, &safe.tls(true));
    let place = Place::new();
    let url = server.url().replace("nats://127.0.0.1", "tls://localhost");
    let line =
        format!("run stream --dispatch nats,jetstream --nats {url} --count 500 --warmup 0s --trials 1");
    let files = ["ca.pem", "client.pem", "client.key"].map(|name| safe.text(name));
    let set = format!(
        "--set nats.tls-ca={} --set nats.tls-cert={} --set nats.tls-key={}",
        files[0], files[1], files[2]
    );
    kept_secret(&place, &format!("{line} {set}"), &[], 0);
    let environment = [("NATS_CA", &*files[0]), ("NATS_CERT", &*files[1]), ("NATS_KEY", &*files[2])];
    kept_secret(&place, &line, &environment, 0);
    assert!(kept_secret(&place, &line, &[], 1).contains("nats.tls-ca"));
}

/// Killed in the middle of a run, which cannot tidy up; what it left is removed when asked, and what another process is
/// using is not.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn streams_of_a_killed_process_are_removed_when_asked_and_no_others() {
    let server = NatsServer::start();
    let place = Place::new();
    let url = server.url();
    let line =
        format!("run stream --dispatch message/jetstream --nats {url} --duration 60s --warmup 0s --trials 1");
    let clean = || place.run(&format!("clean --nats {url}")).with_code(0).stdout;
    let start = || {
        let mut quiet: Command = place.command(&line);
        quiet.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        quiet.spawn().unwrap()
    };
    let (mut killed, mut living) = (start(), start());
    let clock = Clock::start();
    while clean().matches("is running").count() < 2 {
        assert!(clock.now_ns() < 60_000_000_000, "{}", clean());
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let text = clean();
    assert!(text.contains("removed 1") && text.contains(&format!("drumpost-{}-", killed.id())), "{text}");
    assert!(text.contains(&format!("process {} on", living.id())) && text.contains("is running"), "{text}");
    living.kill().unwrap();
    living.wait().unwrap();
    assert!(clean().contains("removed 1"));
    assert!(clean().contains("nothing to remove"));
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn clean_says_what_it_cannot_do() {
    let server = NatsServer::start();
    let place = Place::new();
    let done = place.run(&format!("clean jetsteam --nats {}", server.url())).with_code(2);
    assert!(done.stderr.contains("did you mean `jetstream`"), "{}", done.stderr);
    let done = place.run(&format!("clean --nats {} --set nats.tokn=x", server.url())).with_code(2);
    assert!(done.stderr.contains("did you mean `nats.token`"), "{}", done.stderr);
    let nowhere = format!("nats://127.0.0.1:{}", crate::nats::server::free_port());
    let done = place.run(&format!("clean --nats {nowhere}")).with_code(1);
    assert!(done.stderr.contains(&nowhere), "{}", done.stderr);
}

/// What a consumer had handled and not acknowledged when it was killed comes again, and both figures are shown.
#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn a_killed_consumer_has_messages_in_its_hands_which_come_again_and_are_counted() {
    let server = NatsServer::start();
    let place = Place::new();
    let line = format!(
        "run stream --dispatch message/jetstream --nats {} --set jetstream.ack-wait=1s",
        server.url()
    );
    let line = format!(
        "{line} --instances worker=3 --kill worker#2@300ms/200ms --rate 2k/s --duration 1500ms --warmup 0s"
    );
    let done = place.run(&format!("{line} --trials 1 --drain 30s --out r.json"));
    let record = Record::from_file(&place.path("r.json"));
    let run = record.only();
    let (again, marked) = (count(&run["audit"], "/duplicated"), count(&run["audit"], "/redelivered"));
    assert!(again >= 8 && marked >= again, "{}", run["audit"]);
    assert_eq!(run["audit"]["lost"], 0, "{}", run["audit"]);
    let outage = &run["trials"][0]["outages"][0];
    assert_eq!(
        (&outage["instance"], &outage["cause"]),
        (&"worker#2".into(), &"consumer-killed".into()),
        "{outage}"
    );
    assert!(done.stdout.contains("redelivered"), "{}", done.stdout);
}

#[test]
fn a_kill_names_an_instance_that_there_is() {
    let place = Place::new();
    for (kill, expected) in [
        ("worker#3@1s/1s", "its instances are 0 to 2"),
        ("worker#x@1s/1s", "SERVICE#INSTANCE@AT/FOR"),
        ("worker#-1@1s/1s", "SERVICE#INSTANCE@AT/FOR"),
        ("wrker#1@1s/1s", "did you mean `worker`"),
    ] {
        let line = format!("run stream --dispatch message/jetstream --instances worker=3 --kill {kill}");
        let done = place.run(&line).with_code(2);
        assert!(done.stderr.contains(expected), "{}", done.stderr);
    }
}
