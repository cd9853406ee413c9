//! A limit on threads, which a run meets before it has all of its own.

use super::hangs::{IN_TIME, LOAD};
use crate::support::{Place, Running};
use std::process::Command;

/// How many threads the processes of a user have.
fn threads_of(user: u32) -> u32 {
    use std::os::unix::fs::MetadataExt;
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let own = processes.filter(|process| process.metadata().is_ok_and(|data| data.uid() == user));
    own.filter_map(|process| std::fs::read_dir(process.path().join("task")).ok())
        .map(|tasks| tasks.count() as u32)
        .sum()
}

/// Under a limit on threads (`ulimit -u`), which does not bind root: then as a user that has no other process.
fn with_threads(place: &Place, line: &str, threads: u32) -> Command {
    use std::os::unix::{fs::PermissionsExt, process::CommandExt};
    let own = rustix::process::geteuid();
    let limit = if own.is_root() { threads } else { threads_of(own.as_raw()) + threads };
    let mut command = Command::new("prlimit");
    command.arg(format!("--nproc={limit}:{limit}")).arg(env!("CARGO_BIN_EXE_drumpost"));
    command.args(line.split_whitespace()).current_dir(place.path("."));
    if own.is_root() {
        std::fs::set_permissions(place.path("."), PermissionsExt::from_mode(0o777)).unwrap();
        command.uid(61_000 + std::process::id() % 4_000);
    }
    command
}

#[test]
fn a_thread_that_cannot_be_had_is_a_failed_row() {
    let lines: [(&str, &[u32]); 3] = [
        ("stream --dispatch message/rtrb,message/tokio-mpsc --placement each", &[1, 2, 4, 5, 6, 7, 8]),
        ("stream --dispatch message/crossbeam --instances worker=40 --placement each", &[2, 6, 14, 20]),
        ("stream --dispatch message/tokio-mpsc --placement 12", &[3, 6, 9]),
    ];
    for (line, limits) in lines {
        let mut failed = 0;
        for &threads in limits {
            let place = Place::new();
            let line = format!("run {line} {LOAD} --trials 1 --no-tui --out r.json");
            let done = Running::start(&mut with_threads(&place, &line, threads)).end();
            let said =
                format!("{line} with {threads} threads: {}\n{}\n{}", done.code, done.stdout, done.stderr);
            assert!([0, 1].contains(&done.code) && place.path("r.json").exists(), "{said}");
            assert!(done.took < IN_TIME, "{said}");
            let is_told =
                said.contains("failed to start") && !said.contains("panicked") && !said.contains("hangs");
            assert!(done.code == 0 || is_told, "{said}");
            failed += done.code;
        }
        assert!(failed > 0 || !rustix::process::geteuid().is_root(), "{line}: the limit was felt");
    }
}
