//! Tests of the dashboard on a terminal: the real binary in a pseudo-terminal, whose output a terminal emulator reads.

use crate::support::{LIMIT, Place, Record, at_once};
use drumpost_core::clock::{Clock, Now};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::{
    io::{Read, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use vt100::Parser;

/// A terminal with the binary running in it.
pub(crate) struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    emulator: Arc<Mutex<Parser>>,
    reader: JoinHandle<()>,
    closing: Arc<AtomicBool>,
    clock: Clock,
}

fn size((columns, lines): (u16, u16)) -> PtySize {
    PtySize { rows: lines, cols: columns, pixel_width: 0, pixel_height: 0 }
}

impl Terminal {
    pub(crate) fn run(place: &Place, line: &str, at: (u16, u16)) -> Self {
        Self::named(place, line, at, Some("xterm-256color"))
    }

    /// With another value of `TERM`, or none.
    pub(crate) fn named(place: &Place, line: &str, at: (u16, u16), name: Option<&str>) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_drumpost"));
        command.args(line.split_whitespace());
        match name {
            Some(name) => command.env("TERM", name),
            None => command.env_remove("TERM"),
        }
        Self::start(place, command, at)
    }

    /// With a binary that is to outlive its terminal, as with `nohup`.
    pub(crate) fn outlived(place: &Place, line: &str, at: (u16, u16)) -> Self {
        let mut command = CommandBuilder::new("sh");
        command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_drumpost")]);
        command.args(line.split_whitespace());
        command.env("TERM", "xterm");
        Self::start(place, command, at)
    }

    fn start(place: &Place, mut command: CommandBuilder, at: (u16, u16)) -> Self {
        let pair = native_pty_system().openpty(size(at)).expect("a pseudo-terminal");
        command.cwd(place.path(""));
        command.env("DRUMPOST_NO_WATCH", "1");
        let child = pair.slave.spawn_command(command).expect("the binary starts");
        let emulator = Arc::new(Mutex::new(Parser::new(at.1, at.0, 1_000)));
        let mut output = pair.master.try_clone_reader().expect("what it writes");
        let closing = Arc::new(AtomicBool::new(false));
        let reader = {
            let (emulator, closing) = (Arc::clone(&emulator), Arc::clone(&closing));
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                // Reading fails when the other side is closed, as it should.
                while let Ok(len @ 1..) = output.read(&mut buffer) {
                    emulator.lock().unwrap().process(&buffer[..len]);
                    if closing.load(Ordering::Relaxed) {
                        break;
                    }
                }
            })
        };
        let keys = pair.master.take_writer().expect("what it reads");
        Self { master: pair.master, keys, child, emulator, reader, closing, clock: Clock::start() }
    }

    pub(crate) fn text(&self) -> String {
        self.emulator.lock().unwrap().screen().contents()
    }

    /// Waits until the screen shows all of `words` in its alternate screen.
    #[track_caller]
    pub(crate) fn shows(&self, words: &[&str]) -> String {
        loop {
            let (text, is_open) = {
                let emulator = self.emulator.lock().unwrap();
                (emulator.screen().contents(), emulator.screen().alternate_screen())
            };
            if is_open && words.iter().all(|word| text.contains(word)) {
                return text;
            }
            let waited = Duration::from_nanos(self.clock.now_ns());
            assert!(waited < LIMIT / 4, "no {words:?} after {waited:?} in\n{text}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("keys are taken");
    }

    /// Whether the alternate screen is shown.
    pub(crate) fn is_taken(&self) -> bool {
        self.emulator.lock().unwrap().screen().alternate_screen()
    }

    /// Whether keys reach the process one by one, as a dashboard needs them and no shell does.
    pub(crate) fn is_raw(&self) -> bool {
        use std::os::unix::fs::OpenOptionsExt;
        let name = self.master.tty_name().expect("the terminal's name");
        let no_control = rustix::fs::OFlags::NOCTTY.bits() as i32;
        let side = std::fs::File::options().read(true).custom_flags(no_control).open(name);
        let modes = rustix::termios::tcgetattr(side.expect("the other side")).expect("its modes");
        !modes.local_modes.contains(rustix::termios::LocalModes::ICANON)
    }

    /// Waits for the end, and says which signal ended the process, if one did.
    #[track_caller]
    pub(crate) fn signalled(&mut self) -> Option<String> {
        loop {
            if let Some(status) = self.child.try_wait().expect("the state of a child") {
                return status.signal().map(str::to_owned);
            }
            let waited = Duration::from_nanos(self.clock.now_ns());
            assert!(waited < LIMIT / 2, "still running after {waited:?}:\n{}", self.text());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The process.
    pub(crate) fn process(&self) -> rustix::process::Pid {
        let id = self.child.process_id().expect("the child's number");
        rustix::process::Pid::from_raw(id as i32).expect("a process")
    }

    /// Closes the terminal, as closing its window does, and gives the process.
    pub(crate) fn hang_up(self) -> Box<dyn Child + Send + Sync> {
        let Self { master, keys, child, reader, closing, .. } = self;
        closing.store(true, Ordering::Relaxed);
        // The terminal is closed with the last descriptor of this side; the reader lets go of its own at the next frame.
        drop((master, keys));
        reader.join().expect("it ends");
        child
    }

    /// Reads nothing any more, as a connection that is gone and was not closed. Gives what keeps it open, and the process.
    pub(crate) fn stall(self) -> (Box<dyn MasterPty + Send>, Box<dyn Child + Send + Sync>) {
        let Self { master, child, reader, closing, .. } = self;
        closing.store(true, Ordering::Relaxed);
        reader.join().expect("it ends");
        (master, child)
    }

    fn resize(&self, to: (u16, u16)) {
        self.emulator.lock().unwrap().screen_mut().set_size(to.1, to.0);
        self.master.resize(size(to)).expect("the size can be changed");
    }

    /// Waits for the end. Gives the exit code and the screen that is left, which has to be the normal one with its cursor.
    #[track_caller]
    pub(crate) fn end(mut self) -> (u32, String) {
        let code = loop {
            if let Some(status) = self.child.try_wait().expect("the state of a child") {
                break status.exit_code();
            }
            let waited = Duration::from_nanos(self.clock.now_ns());
            if waited > LIMIT / 2 {
                let _ = self.child.kill();
                panic!("still running after {waited:?}:\n{}", self.text());
            }
            thread::sleep(Duration::from_millis(10));
        };
        self.reader.join().expect("all is read");
        let emulator = self.emulator.lock().unwrap();
        let screen = emulator.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor(), "the terminal was not restored");
        (code, screen.contents())
    }
}

const BOTH: &str = "run stream --dispatch message/crossbeam,event/crossbeam --warmup 0s --out record.json";

/// What stands on every frame of a run under way.
#[track_caller]
fn assert_frame(text: &str, (columns, lines): (u16, u16)) {
    for word in
        ["drumpost", "stream", "throughput", "p50", "p90", "p99", "message/crossbeam", "event/crossbeam"]
    {
        assert!(text.contains(word), "no {word} at {columns}x{lines} in\n{text}");
    }
    assert!(text.contains("/s") && (text.contains("µs") || text.contains("ms")), "no figures in\n{text}");
    assert!(text.lines().all(|line| line.chars().count() <= usize::from(columns)), "too wide:\n{text}");
    assert!(text.lines().count() <= usize::from(lines), "too high:\n{text}");
}

#[test]
fn the_dashboard_is_drawn_while_it_runs_and_the_table_after_it() {
    at_once([(80, 24), (120, 40)], |at| {
        let place = Place::new();
        let terminal = Terminal::run(&place, &format!("{BOTH} --duration 2s --trials 1"), at);
        let text = terminal.shows(&["message/crossbeam", "event/crossbeam", "running", "p99", "sent"]);
        assert_frame(&text, at);
        let (code, left) = terminal.end();
        assert!(code == 0 || code == 6, "code {code}:\n{left}");
        // The table and what is said of it may be longer than the screen; its end is there.
        for word in ["message/crossbeam", "event/crossbeam", "record.json"] {
            assert!(left.contains(word), "no {word} in\n{left}");
        }
        assert_eq!(Record::from_file(&place.path("record.json")).document["partial"], false);
    });
}

#[test]
fn the_dashboard_follows_the_size_of_its_terminal() {
    let place = Place::new();
    let mut terminal = Terminal::run(&place, &format!("{BOTH} --duration 60s --trials 1"), (120, 40));
    terminal.shows(&["running", "message/crossbeam"]);
    for to in [(80, 24), (140, 50), (60, 16), (120, 40)] {
        terminal.resize(to);
        // Whatever is written after the change is drawn for it; give it a few frames.
        thread::sleep(Duration::from_millis(600));
        let text = terminal.shows(&["running", "q quit"]);
        assert!(text.lines().count() <= usize::from(to.1), "{to:?}\n{text}");
        let last = text.lines().last().unwrap_or_default();
        assert!(last.contains("q quit"), "the last line of {to:?} is {last}\n{text}");
        if to != (60, 16) {
            assert_frame(&text, to);
        }
    }
    terminal.press("q");
    assert_eq!(terminal.end().0, 130);
}

#[test]
fn q_ends_the_run_and_keeps_what_there_is() {
    at_once(["q", "\u{3}"], |keys| {
        let place = Place::new();
        let mut terminal = Terminal::run(&place, &format!("{BOTH} --duration 60s --trials 1"), (80, 24));
        terminal.shows(&["running", "p99"]);
        thread::sleep(Duration::from_millis(300));
        terminal.press(keys);
        let (code, left) = terminal.end();
        assert_eq!(code, 130, "{left}");
        assert!(left.contains("interrupted") && left.contains("record.json"), "{left}");
        let record = Record::from_file(&place.path("record.json"));
        assert_eq!(record.document["partial"], true);
    });
}

#[test]
fn a_terminal_without_a_dashboard_gets_lines() {
    let place = Place::new();
    let line = format!("{BOTH} --duration 200ms --trials 1 --no-tui");
    let terminal = Terminal::run(&place, &line, (120, 40));
    let (code, left) = terminal.end();
    assert!(code == 0 || code == 6, "code {code}:\n{left}");
    assert!(left.contains("throughput") && left.contains("event/crossbeam"), "{left}");
}

/// Nothing makes 20 million flows a second here, and that is not only said when it is over.
#[test]
fn what_speaks_against_a_trial_is_said_while_it_runs() {
    let place = Place::new();
    let line = "run stream --dispatch message/crossbeam --rate 20M/s --duration 1s --trials 1 --no-tui";
    place.run(&format!("{line} --save-frame frame.svg")).with_code(6);
    let frame = std::fs::read_to_string(place.path("frame.svg")).unwrap();
    assert!(frame.contains("behind its rate so far"), "{frame}");
}
