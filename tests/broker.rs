//! `drumpost broker`: private servers from the binary alone.

use crate::support::{Place, Running};
use std::{fs, process::Command};

/// A command line with the cache in the folder of the test.
fn command(place: &Place, line: &str) -> Command {
    let mut command = place.command(line);
    command.env("XDG_CACHE_HOME", place.path("cache"));
    command.env_remove("DRUMPOST_TOOLS").env_remove("DRUMPOST_BROKERS");
    command
}

#[test]
fn status_lists_the_servers_there_are() {
    let place = Place::new();
    let said = Running::start(&mut command(&place, "broker status")).end().with_code(0).stdout;
    let names: Vec<&str> = said.lines().map(|line| line.strip_suffix(": does not run").unwrap()).collect();
    assert!(names.len() >= 5, "{said}");
    // A script that another version left is replaced.
    let script = place.path("cache/drumpost/scripts/brokers");
    fs::write(&script, "exit 3").unwrap();
    let one = format!("broker status {}", names[0]);
    let said = Running::start(&mut command(&place, &one)).end().with_code(0).stdout;
    assert_eq!(said, format!("{}: does not run\n", names[0]));
}

#[test]
fn what_cannot_be_done_is_said() {
    let place = Place::new();
    let done = Running::start(&mut command(&place, "broker up")).end().with_code(2);
    assert!(done.stderr.contains("say which server"), "{}", done.stderr);
    let done = Running::start(&mut command(&place, "broker up no-such")).end().with_code(2);
    assert!(done.stderr.contains("drumpost broker: unknown server `no-such`; known: "), "{}", done.stderr);
    let nowhere =
        command(&place, "broker status").env("XDG_CACHE_HOME", "relative").env_remove("HOME").output();
    let nowhere = nowhere.unwrap();
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("set HOME, or XDG_CACHE_HOME"));
    fs::write(place.path("file"), "").unwrap();
    let done =
        Running::start(command(&place, "broker status").env("XDG_CACHE_HOME", place.path("file"))).end();
    assert!(done.with_code(1).stderr.contains("set XDG_CACHE_HOME to a folder that can be written to"));
}

#[cfg(feature = "redis")]
#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_server_comes_up_is_used_and_goes_down() {
    /// Ends the server if the test fails.
    struct Down<'a>(&'a Place);
    impl Drop for Down<'_> {
        fn drop(&mut self) {
            let _ = command(self.0, "broker down redis").output();
        }
    }
    let place = Place::new();
    let server = std::path::PathBuf::from(std::env::var_os("DRUMPOST_REDIS_SERVER").unwrap());
    let tools = server.parent().unwrap().parent().unwrap();
    let with_tools = |line: &str| {
        let mut command = command(&place, line);
        command.env("DRUMPOST_TOOLS", tools);
        Running::start(&mut command).end()
    };
    let _down = Down(&place);
    let said = with_tools("broker up redis").with_code(0).stdout;
    let (variable, url) = said.trim().strip_prefix("export ").unwrap().split_once('=').unwrap();
    assert!(variable == "REDIS_URL" && url.starts_with("redis://127.0.0.1:"), "{said}");
    assert_eq!(with_tools("broker up redis").with_code(0).stdout, said, "it runs already");
    let status = with_tools("broker status redis").with_code(0).stdout;
    assert!(status.starts_with("redis: process ") && status.contains(url), "{status}");
    let run = "run -d message/redis --count 200 --in-flight 8";
    let done = Running::start(place.command(run).env(variable, url)).end().with_code(0);
    assert!(done.stdout.contains("redis-server"), "{}", done.stdout);
    with_tools("broker down redis").with_code(0);
    assert_eq!(with_tools("broker status redis").stdout, "redis: does not run\n");
    assert!(!place.path("cache/drumpost/brokers/redis").exists(), "its data is removed");
}
