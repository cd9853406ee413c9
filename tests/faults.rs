//! Faults of the line and paused consumers: over private servers on free ports, which end with each test, and what is refused
//! without any.

use crate::support::Place;

#[cfg(feature = "redis")]
#[path = "../dispatch/tests/support/redis.rs"]
pub(crate) mod redis_server;

/// What cannot be done as asked is refused in one sentence, before anything is opened.
#[test]
fn what_no_fault_can_be_made_of_is_refused() {
    let place = Place::new();
    for (line, says) in [
        (
            "run stream -d message/crossbeam --cut 100ms/100ms",
            "--cut: crossbeam has no server, and no line to one",
        ),
        ("run stream -d message/crossbeam --reset 100ms", "--reset: crossbeam has no server"),
        ("run stream -d message/crossbeam --link 1ms", "--link: crossbeam has no server"),
        ("run stream -d message/crossbeam --pause worker@100ms/1s", "--pause: crossbeam has no server"),
        (
            "run stream -d message/crossbeam --relay-at 127.0.0.1:9",
            "--relay-at: there is no relay without --link, --cut or --reset",
        ),
        ("run stream -d message/crossbeam --cut 1s", "it is not AT/FOR, such as 1s/500ms"),
        (
            "run stream -d message/crossbeam --link 0s",
            "invalid value '0s' for '--link <DELAY[/BACK]>': it changes nothing",
        ),
        (
            "run stream -d message/crossbeam --reset 5s",
            "the load is over, which lasts 1.20 s with its warm-up",
        ),
        ("run stream -d message/crossbeam --cut 1s/6s", "it would end 7.00 s after the start of the load"),
        ("run stream -d message/crossbeam --at soon", "is not TIME COMMAND in one argument"),
        ("run stream --sim service=exp:1ms --at 1s,true", "is not TIME COMMAND in one argument"),
        ("search stream --slo p99<1s --cut 1s/1s", "search takes no --cut: a search breaks nothing"),
    ] {
        let done = place.run(line).with_code(2);
        assert!(done.stderr.contains(says), "{line}: {}", done.stderr);
    }
}

/// Commands need no server. The one of each trial runs at its time, and a note says what came of it.
#[test]
fn a_command_runs_in_each_trial_at_its_time() {
    let place = Place::new();
    let mut command =
        place.command("run stream -d message/crossbeam --rate 1k/s --duration 400ms --trials 2 --json");
    let done = crate::support::Running::start(command.args(["--at", "300ms echo x >> ran; exit 7"])).end();
    assert!([0, 6].contains(&done.code), "{}", done.stderr);
    assert_eq!(std::fs::read_to_string(place.path("ran")).unwrap(), "x\nx\n");
    let run = &done.json()["runs"][0];
    let at = &run["trials"][1]["disturbances"][0];
    assert_eq!((&at["kind"], &at["what"]), (&"command".into(), &"echo x >> ran; exit 7".into()), "{run}");
    assert_eq!(at["at_ns"], 300_000_000, "{at}");
    assert!(run["trials"][0]["notes"].to_string().contains("(--at) ended with exit status: 7"), "{run}");
    assert!(run["verdict"]["notes"].to_string().contains("`echo x >> ran; exit 7` was run"), "{run}");
}

#[cfg(feature = "nats")]
mod nats {
    use crate::{
        nats::server::NatsServer,
        support::{Place, Running, assert_clean, count, number},
    };

    const MS: u64 = 1_000_000;

    /// A line that delays makes every message later, and the server is found behind the relay.
    #[test]
    #[ignore = "needs a nats-server: scripts/test starts one"]
    fn a_slow_line_delays_messages_and_confirms() {
        let server = NatsServer::start();
        let record = Place::new().record(&format!(
            "stream -d message/jetstream --nats {} --link 6ms/4ms --in-flight 4 --count 60 --warmup 0s --trials 1",
            server.url()
        ));
        let run = record.only();
        assert_clean(run);
        let least = |at: &str| count(run, at);
        assert!(least("/response_ns/min") >= 10 * MS, "{}", run["response_ns"]);
        assert!(least("/confirms/0/confirm_ns/min") >= 10 * MS, "{}", run["confirms"]);
        assert!(number(run, "/response_ns/p50") < 60e6, "{}", run["response_ns"]);
        let trial = &run["trials"][0];
        let link = &trial["link"];
        assert!(count(link, "/connections") >= 2 && count(link, "/bytes_there") > 60 * 48, "{link}");
        assert!(count(link, "/added_round_trip_ns") > 0, "{link}");
        assert_eq!(trial["server"]["processes"][0]["pid"], server.pid(), "{}", trial["server"]);
        assert_eq!(run["settings"]["link"], "6ms/4ms");
        assert!(run["verdict"]["notes"].to_string().contains("through a relay, which itself adds"), "{run}");
    }

    /// While the line is cut nothing passes, and what was sent meanwhile comes after it: core NATS loses nothing.
    #[test]
    #[ignore = "needs a nats-server: scripts/test starts one"]
    fn a_cut_is_a_gap_after_which_all_arrives() {
        let server = NatsServer::start();
        let record = Place::new().record(&format!(
            "stream -d message/nats,message/jetstream --nats {} --rate 500/s --duration 1500ms --warmup 0s --trials 1 --cut \
             600ms/300ms",
            server.url()
        ));
        for dispatch in ["message/nats", "message/jetstream"] {
            let run = record.of(dispatch);
            assert_clean(run);
            let cut = &run["trials"][0]["disturbances"][0];
            assert_eq!((&cut["kind"], count(cut, "/lasts_ns")), (&"cut".into(), 300 * MS), "{cut}");
            assert!((250 * MS..900 * MS).contains(&count(cut, "/gap_ns")), "{cut}");
            assert!((number(cut, "/before_per_s") - 500.0).abs() < 100.0, "{cut}");
            assert!(cut["recover_ns"].is_u64() && cut["drain_ns"].is_u64(), "{cut}");
            assert!(number(run, "/response_ns/max") > 250e6, "{}", run["response_ns"]);
            assert!(run["verdict"]["notes"].to_string().contains("was cut for 300 ms"), "{}", run["verdict"]);
        }
    }

    /// Connections that are reset come back with `--reconnect`, and no message that was confirmed is lost.
    #[test]
    #[ignore = "needs a nats-server: scripts/test starts one"]
    fn reset_connections_come_back_and_lose_nothing_that_was_confirmed() {
        let server = NatsServer::start();
        let line = format!(
            "stream -d message/jetstream --nats {} --rate 500/s --duration 1500ms --warmup 0s --trials 1 --reset 500ms/200ms",
            server.url()
        );
        let line = format!("{line} --set jetstream.ack-wait=2s --drain 10s");
        let record = Place::new().record(&format!("{line} --reconnect=10s"));
        let run = record.only();
        assert_eq!(run["status"], "ok", "{}", run["error"]);
        let outages = run["trials"][0]["outages"].as_array().expect("outages");
        assert!(outages.iter().any(|outage| outage["cause"] == "connection-lost"), "{outages:?}");
        assert!(outages.iter().all(|outage| count(outage, "/away_ns") > 50 * MS), "{outages:?}");
        assert!(outages.iter().all(|outage| outage.get("until_end").is_none()), "{outages:?}");
        // The sentences name the server and not the relay.
        assert!(run["verdict"]["notes"].to_string().contains(&server.url()), "{}", run["verdict"]["notes"]);
        assert_eq!(run["audit"]["confirmed_lost"], 0, "{}", run["audit"]);
        assert!([0, 6].contains(&record.code), "code {} {}", record.code, run["verdict"]);
    }

    /// A paused consumer takes nothing, keeps its connection, and goes on with what waited.
    #[test]
    #[ignore = "needs a nats-server: scripts/test starts one"]
    fn a_paused_consumer_goes_on_with_what_waited() {
        let server = NatsServer::start();
        let record = Place::new().record(&format!(
            "stream -d message/nats,message/jetstream --nats {} --rate 500/s --duration 1200ms --warmup 0s --trials 1 --pause \
             worker@400ms/300ms",
            server.url()
        ));
        for dispatch in ["message/nats", "message/jetstream"] {
            let run = record.of(dispatch);
            assert_clean(run);
            let trial = &run["trials"][0];
            let outage = &trial["outages"][0];
            assert_eq!(
                (&outage["cause"], &outage["instance"]),
                (&"paused".into(), &"worker".into()),
                "{outage}"
            );
            assert!(count(outage, "/at_ns") >= 400 * MS && count(outage, "/away_ns") >= 300 * MS, "{outage}");
            assert!(count(&trial["disturbances"][0], "/gap_ns") >= 280 * MS, "{}", trial["disturbances"]);
            assert!(trial.get("link").is_none(), "a pause needs no relay");
        }
    }

    /// The server is killed and started again by commands of the run. What was confirmed is there, and the processor time of the
    /// new server is found.
    #[test]
    #[ignore = "needs a nats-server: scripts/test starts one"]
    fn a_server_that_a_command_restarts_is_found_again() {
        let server = NatsServer::start();
        let place = Place::new();
        let line = format!(
            "run stream -d message/jetstream --nats {} --rate 500/s --duration 2500ms --warmup 0s --trials 1 --json",
            server.url()
        );
        let line = format!("{line} --reconnect=15s --set jetstream.ack-wait=2s --drain 15s");
        let pid = place.path("pid");
        let restart = format!(
            "600ms kill -9 {}; sleep 0.2; {} & echo $! > {}",
            server.pid(),
            server.line(),
            pid.display()
        );
        let done = Running::start(place.command(&line).args(["--at", &restart])).end();
        let again: u32 = std::fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_raw(again.cast_signed()).unwrap(),
            rustix::process::Signal::KILL,
        );
        let run = &done.json()["runs"][0];
        assert_eq!(run["status"], "ok", "{} {}", run["error"], done.stderr);
        assert_eq!(run["audit"]["confirmed_lost"], 0, "{}", run["audit"]);
        assert!([0, 6].contains(&done.code), "code {} {}", done.code, run["verdict"]);
        let processes = run["trials"][0]["server"]["processes"].to_string();
        assert!(processes.contains(&format!("\"pid\":{again}")), "{processes}");
        let restart = &run["trials"][0]["disturbances"][0];
        assert!(count(restart, "/gap_ns") > 50 * MS, "{restart}");
    }
}

#[cfg(feature = "redis")]
mod redis {
    use super::redis_server::RedisServer;
    use crate::support::{Place, assert_clean, at_once, count};

    /// The same faults over another broker, whose transport knows nothing of them.
    #[test]
    #[ignore = "needs a redis-server: scripts/test starts one"]
    fn every_fault_ends_within_its_limits() {
        let server = RedisServer::start();
        let line = format!(
            "stream -d message/redis-stream --redis {} --rate 400/s --duration 1200ms --warmup 0s --trials 1",
            server.url()
        );
        let faults = [
            ("--link 3ms", None),
            ("--cut 400ms/300ms", Some("cut")),
            ("--pause worker@400ms/300ms", Some("pause")),
            ("--reset 400ms/200ms --reconnect=10s --drain 10s", Some("reset")),
        ];
        at_once(faults, |(fault, kind)| {
            let record = Place::new().record(&format!("{line} {fault}"));
            let run = record.only();
            assert_eq!(run["status"], "ok", "{fault}: {}", run["error"]);
            let trial = &run["trials"][0];
            match kind {
                None => {
                    assert!(count(run, "/response_ns/min") >= 6_000_000, "{fault}: {}", run["response_ns"])
                }
                Some(kind) => {
                    let done = &trial["disturbances"][0];
                    assert_eq!(done["kind"], kind);
                    assert!(count(done, "/gap_ns") >= 180_000_000, "{fault}: {done}");
                }
            }
            if kind == Some("reset") {
                assert_eq!(run["audit"]["confirmed_lost"], 0, "{fault}: {}", run["audit"]);
            } else {
                assert_clean(run);
            }
        });
        // Without --reconnect a reset ends the trial, as a lost connection does, in a sentence that names the server.
        let record = Place::new().record(&format!("{line} --reset 400ms/200ms"));
        let run = record.only();
        assert_eq!(run["status"], "failed", "{run}");
        assert!(run["error"].as_str().is_some_and(|error| error.contains(&server.port.to_string())), "{run}");
    }
}

#[cfg(feature = "kafka")]
mod kafka {
    use crate::support::{Place, assert_clean, count, files_with};
    use std::{
        collections::HashMap,
        net::TcpListener,
        path::{Path, PathBuf},
        process::{Command, Output},
    };

    /// A server from `scripts/brokers` that tells the clients of one of its ports to go on with a relay. It ends with the test.
    struct Server {
        folder: PathBuf,
        relay: u16,
        addresses: HashMap<String, String>,
    }

    impl Server {
        fn start(place: &Place) -> Self {
            let relay = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut server = Self { folder: place.path("brokers"), relay, addresses: HashMap::new() };
            let up = server.brokers("up");
            assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
            let said = String::from_utf8(up.stdout).unwrap();
            let named =
                |line: &str| line.strip_prefix("export ")?.split_once('=').map(|(a, b)| (a.into(), b.into()));
            server.addresses = said.lines().filter_map(named).collect();
            server
        }

        fn brokers(&self, action: &str) -> Output {
            let program = PathBuf::from(std::env::var_os("DRUMPOST_KAFKA_SERVER").unwrap());
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/brokers");
            let mut command = Command::new(script);
            command.args([action, "kafka"]).env("DRUMPOST_BROKERS", &self.folder);
            command.env("DRUMPOST_TOOLS", program.parent().unwrap().parent().unwrap());
            command.env("KAFKA_RELAY", self.relay.to_string()).output().unwrap()
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            self.brokers("down");
        }
    }

    /// The server tells its clients to go on with the relay, and the relay listens there.
    #[test]
    #[ignore = "needs a Kafka server: scripts/test starts one"]
    fn a_line_is_cut_that_the_server_tells_its_clients() {
        let place = Place::new();
        let server = Server::start(&place);
        let line = |variable: &str, faults: &str| {
            let (url, relay) = (&server.addresses[variable], server.relay);
            format!(
                "stream -d message/kafka --server {url} --relay-at 127.0.0.1:{relay} --warmup 0s --trials 1 --drain 20s {faults}"
            )
        };
        let record =
            place.record(&line("KAFKA_BEHIND_RELAY", "--rate 200/s --duration 2s --cut 600ms/400ms"));
        let run = record.only();
        assert_clean(run);
        let cut = &run["trials"][0]["disturbances"][0];
        assert!(cut["kind"] == "cut" && count(cut, "/gap_ns") >= 300_000_000, "{cut}");
        assert!(count(run, "/response_ns/max") > 300_000_000, "{}", run["response_ns"]);
        // In transactions connections may be reset, too.
        let faults =
            "--rate 200/s --duration 2s --reset 800ms/200ms --reconnect=20s --guarantee exactly-once";
        let record = place.record(&line("KAFKA_BEHIND_RELAY", faults));
        let run = record.only();
        assert_eq!(run["status"], "ok", "{}", run["error"]);
        let audit = &run["audit"];
        assert_eq!(
            (&audit["lost"], &audit["duplicated"], &audit["unconfirmed"]),
            (&0.into(), &0.into(), &0.into())
        );
        assert!(audit["rolled_back"].is_u64(), "{audit}");
        // At its other port the server tells another address, so messages go past the relay.
        let record = place.record(&line("KAFKA_URL", "--in-flight 256 --count 20000 --link 1ms"));
        let run = record.only();
        assert!(run["error"].as_str().is_some_and(|error| error.contains("--relay-at")), "{}", run["error"]);
        // This server asks for no password and refuses one. The other row has the record saved. The password stands neither in what is printed nor in any file.
        let (secret, url) = ("hush0815hush", &server.addresses["KAFKA_URL"]);
        let url = url.replace("://", &format!("://me:{secret}@"));
        let load = "--count 100 --warmup 0s --trials 1 --out secret.json";
        // Not where the server has its files.
        let apart = Place::new();
        let done = apart
            .run(&format!("run stream -d message/crossbeam,message/kafka --kafka {url} {load}"))
            .with_code(1);
        let printed = format!("{}{}", done.stdout, done.stderr);
        assert!(printed.contains("127.0.0.1") && !printed.contains(secret), "{printed}");
        let text = std::fs::read_to_string(apart.path("secret.json")).unwrap();
        assert!(text.contains("me:***@127.0.0.1"), "the address stays, without its password: {text}");
        assert_eq!(files_with(secret, &apart.path(".")), Vec::<String>::new());
    }
}
