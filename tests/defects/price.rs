//! Row m: what the dashboard costs. `scripts/dashboard-price` measures it; here is a bound that no noise breaks.

use super::{ensure, tells_apart};
use crate::support::Place;
use drumpost_core::clock::{Clock, Now};
use drumpost_defects::{Defect, VARIABLE};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rustix::time::{ClockId, clock_gettime};
use std::{io::Read, sync::mpsc::channel, time::Duration};

/// Lanes that sleep nearly all the time, so that what the process uses is the dashboard's.
const LINE: &str =
    "run stream --dispatch message/crossbeam --rate 100/s --warmup 0s --duration 60s --trials 1";

/// Processor time of a process so far, in ns.
fn cpu_ns(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    // After the name, which may hold anything: user and system time are the 12th and 13th, in hundredths of a second.
    let after_name = stat.rsplit(')').next().expect("a name in brackets");
    let ticks =
        after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("ticks"));
    ticks.sum::<u64>() * 10_000_000
}

/// Computes for `wall` and says how much of a core it got for it, in ns: as much as any thread that never sleeps.
fn spin(wall: Duration) -> u64 {
    let used = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("a time");
    let (clock, from) = (Clock::start(), used());
    while Duration::from_nanos(clock.now_ns()) < wall {
        std::hint::spin_loop();
    }
    (used() - from).as_nanos() as u64
}

/// What a run with the dashboard uses, by what a thread gets that never sleeps. Both have the same neighbours.
fn share_of_a_core(defect: Option<Defect>) -> f64 {
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
    let before_ns = cpu_ns(pid);
    let core_ns = spin(Duration::from_secs(2));
    let used_ns = cpu_ns(pid) - before_ns;
    let _ = child.kill();
    child.wait().expect("its end");
    drop(pair.master);
    drain.join().expect("its output");
    drawn.expect("a dashboard was drawn");
    used_ns as f64 / core_ns as f64
}

/// The defect: live percentiles that keep a core busy of their own. What a message costs would not show it on a machine
/// that does other things: that varies by a factor of two with what its neighbours do.
#[test]
fn m_the_dashboard_costs_little() {
    let holds = |share: &f64| ensure(*share < 0.5, || format!("an idle run uses {share} of a core"));
    tells_apart(holds, &share_of_a_core(None), &share_of_a_core(Some(Defect::BusyDashboard)));
}
