//! Row m: what the dashboard costs. `scripts/dashboard-price` measures it; here is a bound that no noise breaks.

use super::{ensure, tells_apart};
use crate::support::{Place, Record, number};
use drumpost_defects::{Defect, VARIABLE};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::Read;

/// All lanes on one thread that never sleeps: the run itself uses one core, or less on a busy machine, never more.
const LINE: &str = "run stream --dispatch message/crossbeam --placement 1 --wait spin --warmup 0s --duration 700ms --trials 1";

/// Cores that a run with the dashboard uses: its processor time by the time it took.
fn cores_used(defect: Option<Defect>) -> f64 {
    let place = Place::new();
    let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_drumpost"));
    command.args(LINE.split_whitespace().chain(["--out", "record.json"]));
    command.cwd(place.path(""));
    command.env("TERM", "xterm-256color");
    if let Some(defect) = defect {
        command.env(VARIABLE, format!("{defect:?}"));
    }
    let mut child = pair.slave.spawn_command(command).expect("the binary starts");
    drop(pair.slave);
    let mut output = pair.master.try_clone_reader().expect("what it writes");
    let mut keys = pair.master.take_writer().expect("what it reads");
    let drain = std::thread::spawn(move || {
        let mut seen = Vec::new();
        let _ = output.read_to_end(&mut seen);
        seen
    });
    std::thread::sleep(std::time::Duration::from_secs(4));
    // The dashboard stays until it is left.
    let _ = std::io::Write::write_all(&mut keys, b"q");
    child.wait().expect("its end");
    drop((keys, pair.master));
    let seen = drain.join().expect("its output");
    assert!(String::from_utf8_lossy(&seen).contains("\x1b[?1049h"), "no dashboard was drawn");
    let record = Record::from_file(&place.path("record.json"));
    number(record.only(), "/trials/0/cpu_ns") / number(record.only(), "/trials/0/elapsed_ns")
}

/// The defect: live percentiles that keep a core busy of their own. What a message costs would not show it on a machine
/// that does other things: that varies by a factor of two with what its neighbours do.
#[test]
fn m_the_dashboard_costs_little() {
    let holds =
        |cores: &f64| ensure(*cores < 1.25, || format!("a run of one busy thread uses {cores} cores"));
    tells_apart(holds, &cores_used(None), &cores_used(Some(Defect::BusyDashboard)));
}
