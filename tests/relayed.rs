//! Runs through a relay: what a killed one left is removed with the server's own address, and a password in the address stands nowhere.

#[cfg(feature = "mqtt")]
#[allow(clippy::duplicate_mod, reason = "other test modules that need this server may load it, too")]
#[path = "../dispatch/tests/support/mosquitto.rs"]
mod mosquitto_server;

/// A password. It stands in command lines, and nowhere else.
#[cfg(any(feature = "mqtt", feature = "redis"))]
const SECRET: &str = "hush0815hush";

#[cfg(feature = "mqtt")]
mod mqtt {
    use super::{SECRET, mosquitto_server::Mosquitto};
    use crate::support::{Place, Running, files_with};
    use drumpost_core::clock::{Clock, Now};

    /// A run that is killed cannot remove its sessions. It wrote them down for the server's address and not for that of its relay.
    #[test]
    #[ignore = "needs a mosquitto: scripts/test starts one"]
    fn what_a_killed_run_made_through_a_relay_is_removed_at_the_server() {
        let (server, place) = (Mosquitto::start(), Place::new());
        let command = |line: &str| {
            let mut command = place.command(line);
            command.env("XDG_STATE_HOME", place.path("state"));
            command
        };
        let clean =
            |url: &str| Running::start(&mut command(&format!("clean {url}"))).end().with_code(0).stdout;
        let url = server.url().replace("://", &format!("://me:{SECRET}@"));
        let load = "--rate 200/s --duration 60s --warmup 0s --trials 1 --link 1ms";
        let run = Running::start(&mut command(&format!("run stream -d message/mqtt --server {url} {load}")));
        let clock = Clock::start();
        while server.sessions().is_empty() {
            assert!(clock.now_ns() < 60_000_000_000, "it makes no sessions");
        }
        // It is killed.
        drop(run);
        let left = server.sessions();
        assert_eq!(files_with(SECRET, &place.path(".")), Vec::<String>::new());
        let (said, advice) = (clean(&server.url().replace("127.0.0.1", "localhost")), server.url());
        assert!(said.contains("nothing is left of killed runs"), "{said}");
        assert!(said.contains(&format!("remove them with `drumpost clean {advice}`")), "{said}");
        assert_eq!(server.sessions(), left, "at another address nothing is removed");
        let said = clean(&server.url());
        assert!(
            said.contains(", left by killed runs:") && left.iter().all(|name| said.contains(name)),
            "{left:?} {said}"
        );
        assert_eq!(server.sessions(), [""; 0]);
        let said = clean(&server.url());
        assert!(said.contains("nothing to remove") && !said.contains("may remain"), "{said}");
    }
}

#[cfg(feature = "redis")]
mod redis {
    use super::SECRET;
    use crate::{
        faults::redis_server::RedisServer,
        support::{Done, Place, Record, Running, files_with},
    };

    /// Runs a command line, `at` being an argument of its own, and asserts that the password is neither printed nor in any file.
    #[track_caller]
    fn kept_secret(place: &Place, line: &str, at: &[&str]) -> Done {
        let done = Running::start(place.command(line).args(at)).end();
        let printed = format!("{}{}", done.stdout, done.stderr);
        assert!(!printed.contains(SECRET) && !printed.contains("panicked"), "{line}\n{printed}");
        assert_eq!(files_with(SECRET, &place.path(".")), Vec::<String>::new(), "{line}");
        done
    }

    #[test]
    #[ignore = "needs a redis-server: scripts/test starts one"]
    fn a_password_in_the_address_stands_in_no_output_and_no_file() {
        let server = RedisServer::start_with(&["--requirepass", SECRET]);
        let (place, url) = (Place::new(), server.url().replace("://", &format!("://default:{SECRET}@")));
        let load = "--rate 400/s --duration 1200ms --warmup 0s --trials 1";
        let line = format!("run stream -d message/redis-stream --server {url} {load}");
        // A command that names the address, as one that asks the server something does.
        let command = format!("300ms : {url}; exit 7");
        let done = kept_secret(&place, &format!("{line} --link 2ms --out r.json"), &["--at", &command]);
        assert!([0, 6].contains(&done.code), "{} {}", done.stdout, done.stderr);
        let record = Record::from_file(&place.path("r.json"));
        let ran = record.only()["trials"][0]["disturbances"].to_string();
        assert!(ran.contains("default:***@127.0.0.1"), "the command stays, without its secret: {ran}");
        assert!(record.text.contains("ended with exit status: 7"), "{ran}");
        assert_eq!(kept_secret(&place, "show r.json --hops", &[]).code, 0);
        // The sentences of a lost connection, of a login that is refused, and of what remains.
        let done = kept_secret(&place, &format!("{line} --reset 400ms/200ms --json"), &[]);
        let run = &done.json()["runs"][0];
        assert!(run["error"].as_str().is_some_and(|error| error.contains("127.0.0.1")), "{run}");
        let faults = "--reset 400ms/200ms --reconnect=10s --drain 10s --json";
        let run = &kept_secret(&place, &format!("{line} {faults}"), &[]).json()["runs"][0];
        assert!(run["trials"][0]["outages"].as_array().is_some_and(|outages| !outages.is_empty()), "{run}");
        let wrong = line.replace(SECRET, &format!("{SECRET}2"));
        let done = kept_secret(&place, &format!("{wrong} --link 2ms"), &[]).with_code(1);
        assert!(format!("{}{}", done.stdout, done.stderr).contains("refused the login"), "{}", done.stdout);
        assert_eq!(kept_secret(&place, &format!("clean {url}"), &[]).code, 0);
    }
}
