//! Row m: the cost of the dashboard. `scripts/dashboard-price` measures it; this test checks what does not depend on
//! the machine.

use super::{ensure, tells_apart};
use crate::support::Place;
use drumpost_defects::{Defect, VARIABLE};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::{collections::BTreeMap, io::Read, path::PathBuf, sync::mpsc::channel, time::Duration};

/// Lanes that sleep nearly all the time, so that what the process uses is the dashboard's.
const LINE: &str =
    "run stream --dispatch message/crossbeam --rate 100/s --warmup 0s --duration 60s --trials 1";

/// Of each thread of a process: processor time so far in hundredths of a second, and how often it has gone to sleep.
fn threads(pid: u32) -> BTreeMap<String, (u64, u64)> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("a process");
    let of_task = |path: PathBuf| {
        let read = |name: &str| std::fs::read_to_string(path.join(name)).ok();
        let (stat, status) = (read("stat")?, read("status")?);
        // After the name, which may hold anything: user and system time are the 12th and 13th.
        let after_name = stat.rsplit(')').next()?.split_whitespace().skip(11).take(2);
        let ticks = after_name.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        let sleeps = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        Some((path.display().to_string(), (ticks, sleeps.trim().parse().ok()?)))
    };
    tasks.filter_map(|task| of_task(task.ok()?.path())).collect()
}

/// How many threads of an idle run with the dashboard compute for three seconds and never sleep. However many neighbours
/// the machine has, a thread that has nothing to do sleeps, and one that never sleeps gets some time.
fn sleepless(defect: Option<Defect>) -> usize {
    let place = Place::new();
    let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_drumpost"));
    command.args(LINE.split_whitespace());
    command.cwd(place.path(""));
    command.env("TERM", "xterm-256color");
    if let Some(defect) = defect {
        command.env(VARIABLE, format!("{defect:?}"));
    }
    let mut child = pair.slave.spawn_command(command).expect("the binary starts");
    drop(pair.slave);
    let mut output = pair.master.try_clone_reader().expect("what it writes");
    let (drawn, is_drawn) = channel();
    let drain = std::thread::spawn(move || {
        let (mut seen, mut some) = (Vec::<u8>::new(), [0_u8; 4096]);
        while let Ok(count @ 1..) = output.read(&mut some) {
            seen.extend(&some[..count]);
            if seen.windows(8).any(|bytes| bytes == b"\x1b[?1049h") {
                let _ = drawn.send(());
                seen.clear();
            }
        }
    });
    let drawn = is_drawn.recv_timeout(crate::support::LIMIT);
    let pid = child.process_id().expect("it runs");
    let before = threads(pid);
    std::thread::sleep(Duration::from_secs(3));
    let after = threads(pid);
    let _ = child.kill();
    child.wait().expect("its end");
    drop(pair.master);
    drain.join().expect("its output");
    drawn.expect("a dashboard was drawn");
    let never_slept = |(thread, (ticks, sleeps)): &(&String, &(u64, u64))| {
        let (since, slept) = before.get(*thread).copied().unwrap_or_default();
        *ticks > since + 3 && *sleeps == slept
    };
    after.iter().filter(never_slept).count()
}

/// The defect: live percentiles that keep a core busy of their own. What a message costs would not show it on a machine
/// that does other things: that varies by a factor of two with what its neighbours do.
#[test]
fn m_the_dashboard_costs_little() {
    let holds = |threads: &usize| ensure(*threads == 0, || format!("{threads} threads never sleep"));
    // At once, as both are looked at for three seconds.
    let (usual, busy) = std::thread::scope(|scope| {
        let busy = scope.spawn(|| sleepless(Some(Defect::BusyDashboard)));
        (sleepless(None), busy.join().unwrap())
    });
    tells_apart(holds, &usual, &busy);
}
