//! Plays an invented run to the terminal: `cargo run -p drumpost-tui --example demo`.
//!
//! With `svg WIDTH HEIGHT PERCENT` it writes the frame at that share of the run to standard output, as a picture. With
//! `panic` a thread panics after two seconds, to show that the terminal is restored.

mod script;

use std::io::{self, Write};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use drumpost_tui::{Event, Model, Screen, TerminalKeys, Theme};

/// Samples of a trial: 6 seconds.
const SAMPLES: u32 = 60;

fn main() -> io::Result<()> {
    let theme = Theme::from_no_color(std::env::var_os("NO_COLOR").as_deref());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["svg", width, height, percent] => picture(theme, number(width)?, number(height)?, number(percent)?),
        ["panic"] => play(theme, true),
        _ => play(theme, false),
    }
}

fn number(text: &str) -> io::Result<u16> {
    text.parse().map_err(io::Error::other)
}

fn picture(theme: Theme, width: u16, height: u16, percent: u16) -> io::Result<()> {
    let events = script::run(SAMPLES);
    let shown = events.len() * usize::from(percent) / 100;
    let mut model = Model::new(theme);
    events.into_iter().take(shown).for_each(|event| model.apply(event));
    io::stdout().write_all(drumpost_tui::to_svg(&drumpost_tui::render(&model, width, height)).as_bytes())
}

fn play(theme: Theme, breaks: bool) -> io::Result<()> {
    let (sender, events) = channel();
    thread::spawn(move || perform(&sender, breaks));
    let mut model = Model::new(theme);
    let mut screen = Screen::open()?;
    #[expect(clippy::disallowed_methods, reason = "a demo has no measurement to share a clock with")]
    let start = Instant::now();
    let now_ns = || start.elapsed().as_nanos() as u64;
    let outcome = drumpost_tui::run(
        screen.terminal(),
        &mut model,
        &events,
        &mut TerminalKeys::default(),
        now_ns,
        || false,
        |_| (),
    );
    drop(screen);
    writeln!(io::stdout(), "{}: {:?}", drumpost_tui::progress_line(&model), outcome?)
}

fn perform(sender: &Sender<Event>, breaks: bool) {
    for (i, event) in script::run(SAMPLES).into_iter().enumerate() {
        if matches!(event, Event::Sample(_)) {
            thread::sleep(Duration::from_nanos(script::INTERVAL_NS));
        }
        assert!(!breaks || i < 20, "the demo breaks as asked");
        if sender.send(event).is_err() {
            return;
        }
    }
}
