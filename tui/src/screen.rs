//! The real terminal: taken over while the dashboard runs, and restored however it ends.
//!
//! Lives here: raw mode, the alternate screen, the panic hook and the keyboard. While the process is stopped (Ctrl-Z)
//! the terminal is given back, and a terminal that was closed is noticed. A process has one terminal, so one flag here
//! says whether the dashboard has it.

use std::fs::File;
use std::io::{self, IsTerminal, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, poll, read};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::Signal;

use crate::key::Key;
use crate::terminal::{Input, KeySource};

/// The terminal is not ours.
const CLOSED: u8 = 0;
/// The dashboard has the terminal.
const OPEN: u8 = 1;
/// The dashboard gave the terminal to others, as the process is about to stop or is stopped.
const PAUSED: u8 = 2;
/// The process goes on in the background; others have the terminal.
const BEHIND: u8 = 3;

static STATE: AtomicU8 = AtomicU8::new(CLOSED);
/// The terminal was taken again, and is empty.
static RETURNED: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// The terminal while it shows the dashboard. Dropping it gives the terminal back.
#[derive(Debug)]
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Gate>>,
}

impl Screen {
    /// Takes over standard output: raw mode, alternate screen. From the first call on, a panic anywhere in the process
    /// gives the terminal back before its message is printed.
    ///
    /// # Errors
    /// Standard output is no terminal, it refuses, or a screen is open already.
    pub fn open() -> io::Result<Self> {
        if !io::stdout().is_terminal() {
            return Err(io::Error::other("standard output is no terminal"));
        }
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                before(panic);
            }));
        });
        if STATE.compare_exchange(CLOSED, OPEN, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return Err(io::Error::other("the terminal shows a dashboard already"));
        }
        Self::take_over().inspect_err(|_| restore())
    }

    fn take_over() -> io::Result<Self> {
        enter()?;
        let terminal = Terminal::new(CrosstermBackend::new(Gate { out: io::stdout() }))?;
        Ok(Self { terminal })
    }

    /// What to draw on.
    pub fn terminal(&mut self) -> &mut Terminal<CrosstermBackend<Gate>> {
        &mut self.terminal
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen)
}

fn leave() {
    // Called while panicking, dropping or stopping: there is nobody to tell, and the second step must not depend on
    // the first.
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// Whether the terminal shows the dashboard.
#[must_use]
pub fn is_open() -> bool {
    STATE.load(Ordering::SeqCst) == OPEN
}

/// Gives the terminal back if the dashboard has it. For those who must leave without dropping the [`Screen`].
pub fn restore() {
    if STATE.swap(CLOSED, Ordering::SeqCst) == OPEN {
        leave();
    }
}

/// Gives the terminal to others if the dashboard has it, before the process stops. What is drawn meanwhile is dropped.
pub fn suspend() {
    if STATE.compare_exchange(OPEN, PAUSED, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
        leave();
    }
}

/// Takes the terminal again once the process is continued; whoever stopped it may have changed the terminal's modes. In
/// the background the terminal is left to whoever has it, until the process comes to the foreground.
pub fn resume() {
    let was = STATE.load(Ordering::SeqCst);
    if was == CLOSED {
        return;
    }
    if !is_foreground() {
        let _ = STATE.compare_exchange(was, BEHIND, Ordering::SeqCst, Ordering::SeqCst);
        return;
    }
    if was == OPEN {
        // A stop that cannot be caught: the modes remembered are those from before the dashboard.
        let _ = disable_raw_mode();
    }
    if STATE.compare_exchange(was, OPEN, Ordering::SeqCst, Ordering::SeqCst).is_ok() && enter().is_ok() {
        RETURNED.store(true, Ordering::SeqCst);
    }
}

/// Whether the terminal takes what this process does to it; a process in the background would be stopped for it.
fn is_foreground() -> bool {
    rustix::termios::tcgetpgrp(io::stdout()).map_or(true, |group| group == rustix::process::getpgrp())
}

/// Stops the process and what runs in one pipeline with it, as Ctrl-Z does where the terminal handles keys itself. A process
/// that nobody could continue, because its terminal has no shell, goes on.
fn stop() {
    use rustix::process::{getpgid, getpgrp, getppid, getsid, kill_current_process_group};
    let is_job = getppid().is_some_and(|shell| {
        getsid(Some(shell)) == getsid(None) && getpgid(Some(shell)).is_ok_and(|group| group != getpgrp())
    });
    if is_job {
        let _ = kill_current_process_group(Signal::TSTP);
    }
}

/// Whether the terminal of standard output was closed. What a closed terminal is asked for fails or, in reading, ends at
/// once and for ever.
#[must_use]
pub fn is_gone() -> bool {
    let stdout = io::stdout();
    wait(&mut [PollFd::new(&stdout, PollFlags::empty())], Duration::ZERO).is_err()
}

/// Waits for input on one of several descriptors.
///
/// # Errors
/// The terminal behind one of them is gone.
fn wait(descriptors: &mut [PollFd<'_>], at_most: Duration) -> io::Result<()> {
    let at_most = Timespec::try_from(at_most).map_err(io::Error::other)?;
    match rustix::event::poll(descriptors, Some(&at_most)) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    if descriptors.iter().any(|descriptor| descriptor.revents().intersects(gone)) {
        return Err(io::Error::new(io::ErrorKind::NotConnected, "the terminal is gone"));
    }
    Ok(())
}

/// Standard output as long as the dashboard has the terminal. What is drawn after it was given back, because another
/// thread panicked, is swallowed instead of covering the message.
#[derive(Debug)]
pub struct Gate {
    out: Stdout,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if is_open() { self.out.write(bytes) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if is_open() { self.out.flush() } else { Ok(()) }
    }
}

/// The keys of the real terminal.
#[derive(Debug, Default)]
pub struct TerminalKeys {
    /// Where keys come from if standard input is no terminal.
    terminal: Option<File>,
}

impl TerminalKeys {
    /// Waits for a key no longer than told. The library that reads keys asks a closed terminal again and again, without
    /// an end, so that it must not be asked then.
    fn wait(&mut self, at_most: Duration) -> io::Result<()> {
        let (stdin, stdout) = (io::stdin(), io::stdout());
        if self.terminal.is_none() && !stdin.is_terminal() {
            self.terminal = Some(File::open("/dev/tty")?);
        }
        let drawn_on = PollFd::new(&stdout, PollFlags::empty());
        let read = match &self.terminal {
            Some(terminal) => PollFd::new(terminal, PollFlags::IN),
            None => PollFd::new(&stdin, PollFlags::IN),
        };
        wait(&mut [drawn_on, read], at_most)
    }
}

impl KeySource for TerminalKeys {
    fn next(&mut self, at_most: Duration) -> io::Result<Option<Input>> {
        match STATE.load(Ordering::SeqCst) {
            OPEN => {}
            PAUSED => {
                thread::sleep(at_most);
                return Ok(None);
            }
            BEHIND => {
                thread::sleep(at_most);
                // A shell tells a job that runs nothing when it comes to the foreground.
                resume();
                return Ok(None);
            }
            _ => {
                return Err(io::Error::other("the terminal was given back while the dashboard was running"));
            }
        }
        if RETURNED.swap(false, Ordering::SeqCst) {
            return Ok(Some(Input::Returned));
        }
        // Keys that were read with others are there without another wait.
        self.wait(Duration::ZERO)?;
        if !poll(Duration::ZERO)? {
            self.wait(at_most)?;
            if !poll(Duration::ZERO)? {
                return Ok(None);
            }
        }
        let event = read()?;
        if is_stop(&event) {
            stop();
            return Ok(None);
        }
        Ok(input(&event))
    }
}

/// Ctrl-Z, which reaches this process as a key, because the terminal handles none itself.
fn is_stop(event: &Event) -> bool {
    matches!(
        event,
        Event::Key(KeyEvent { code: KeyCode::Char('z' | 'Z'), modifiers: KeyModifiers::CONTROL, kind, .. })
            if *kind != KeyEventKind::Release
    )
}

fn input(event: &Event) -> Option<Input> {
    match event {
        Event::Resize(..) => Some(Input::Resized),
        Event::Key(event) if event.kind != KeyEventKind::Release => key(event).map(Input::Key),
        _ => None,
    }
}

fn key(event: &KeyEvent) -> Option<Key> {
    let held = event.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SUPER);
    match event.code {
        KeyCode::Char('c' | 'C') if held == KeyModifiers::CONTROL => Some(Key::Interrupt),
        KeyCode::Char(c) if held.is_empty() => Some(Key::Char(c.to_ascii_lowercase())),
        KeyCode::Esc => Some(Key::Esc),
        KeyCode::Tab if event.modifiers.contains(KeyModifiers::SHIFT) => Some(Key::BackTab),
        KeyCode::Tab => Some(Key::Tab),
        KeyCode::BackTab => Some(Key::BackTab),
        KeyCode::Left => Some(Key::Left),
        KeyCode::Right => Some(Key::Right),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(code: KeyCode, modifiers: KeyModifiers) -> Option<Input> {
        input(&Event::Key(KeyEvent::new(code, modifiers)))
    }

    #[test]
    fn keys_are_translated_and_others_ignored() {
        let none = KeyModifiers::NONE;
        let cases = [
            (KeyCode::Char('q'), none, Some(Key::Char('q'))),
            (KeyCode::Char('Q'), KeyModifiers::SHIFT, Some(Key::Char('q'))),
            (KeyCode::Char('?'), KeyModifiers::SHIFT, Some(Key::Char('?'))),
            (KeyCode::Char('c'), KeyModifiers::CONTROL, Some(Key::Interrupt)),
            (KeyCode::Char('q'), KeyModifiers::ALT, None),
            (KeyCode::BackTab, KeyModifiers::SHIFT, Some(Key::BackTab)),
            (KeyCode::Left, none, Some(Key::Left)),
            (KeyCode::F(1), none, None),
        ];
        for (code, modifiers, expected) in cases {
            assert_eq!(pressed(code, modifiers), expected.map(Input::Key), "{code:?}");
        }
        assert_eq!(input(&Event::Resize(80, 24)), Some(Input::Resized));
        assert_eq!(input(&Event::FocusGained), None);
    }

    #[test]
    fn keys_of_a_closed_terminal_are_an_error() {
        assert!(TerminalKeys::default().next(Duration::ZERO).is_err());
    }

    #[test]
    fn a_closed_gate_swallows_what_is_drawn() {
        let mut gate = Gate { out: io::stdout() };
        assert_eq!(gate.write(b"frame").ok(), Some(5));
        assert!(gate.flush().is_ok());
    }
}
