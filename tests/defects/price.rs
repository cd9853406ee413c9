//! Row m: what the dashboard costs. `scripts/dashboard-price` measures it; here is a bound that no noise breaks.

use super::{ensure, tells_apart};
use crate::support::{Place, Record, number};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::Read;

/// All lanes on one thread that never sleeps, so that the processor time of a message is that of the code; snapshots are
/// made either way.
const LINE: &str = "run stream --dispatch message/crossbeam --placement 1 --wait spin --warmup 100ms --duration 700ms --trials 1";

/// In ns of processor time per message, and over the whole run.
fn cost(with_dashboard: bool) -> (f64, f64) {
    let place = Place::new();
    if with_dashboard {
        let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_drumpost"));
        command.args(LINE.split_whitespace().chain(["--out", "record.json"]));
        command.cwd(place.path(""));
        command.env("TERM", "xterm-256color");
        let mut child = pair.slave.spawn_command(command).expect("the binary starts");
        drop(pair.slave);
        let mut output = pair.master.try_clone_reader().expect("what it writes");
        let mut keys = pair.master.take_writer().expect("what it reads");
        let drain = std::thread::spawn(move || {
            let mut seen = Vec::new();
            let _ = output.read_to_end(&mut seen);
            seen
        });
        std::thread::sleep(std::time::Duration::from_secs(2));
        // The dashboard stays until it is left.
        let _ = std::io::Write::write_all(&mut keys, b"q");
        child.wait().expect("its end");
        drop((keys, pair.master));
        let seen = drain.join().expect("its output");
        assert!(String::from_utf8_lossy(&seen).contains("\x1b[?1049h"), "no dashboard was drawn");
    } else {
        place.run(&format!("{LINE} --no-tui --out record.json"));
    }
    let record = Record::from_file(&place.path("record.json"));
    let per_message = number(record.only(), "/cpu_ns_per_message");
    (per_message, per_message * number(record.only(), "/audit/sent"))
}

/// The defect: live percentiles that keep a core busy of their own. With a thread that never sleeps the run uses a core, so
/// with the defect it uses two.
#[test]
fn m_the_dashboard_costs_little() {
    let mut pairs: Vec<_> = (0..3).map(|_| (cost(true), cost(false))).collect();
    let ratio = |((with, _), (without, _)): &((f64, f64), (f64, f64))| with / without;
    pairs.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    let middle = &pairs[1];
    let holds =
        |ratio: &f64| ensure(*ratio < 1.6, || format!("the dashboard makes a message {ratio} times as dear"));
    let ((with, whole_ns), (without, _)) = *middle;
    // What a core that is busy for the time of the run adds to each message.
    let stolen = with * (whole_ns + 700e6) / whole_ns;
    tells_apart(holds, &(with / without), &(stolen / without));
}
