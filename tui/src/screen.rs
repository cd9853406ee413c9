//! The real terminal: taken over while the dashboard runs, and given back whatever happens.
//!
//! Lives here: raw mode, the alternate screen, the panic hook and the keyboard. There is one terminal per process,
//! and therefore one flag here that says whose it is.

use std::io::{self, IsTerminal, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, poll, read};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use crate::model::Key;
use crate::terminal::{Input, KeySource};

static OPEN: AtomicBool = AtomicBool::new(false);
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
        if OPEN.swap(true, Ordering::SeqCst) {
            return Err(io::Error::other("the terminal shows a dashboard already"));
        }
        Self::take_over().inspect_err(|_| restore())
    }

    fn take_over() -> io::Result<Self> {
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen)?;
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

/// Whether the terminal shows the dashboard.
#[must_use]
pub fn is_open() -> bool {
    OPEN.load(Ordering::SeqCst)
}

/// Gives the terminal back if the dashboard has it. For those who must leave without dropping the [`Screen`].
pub fn restore() {
    if OPEN.swap(false, Ordering::SeqCst) {
        // Called while panicking or dropping: there is nobody to tell, and the second step must not depend on the first.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
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
#[derive(Debug, Clone, Copy, Default)]
pub struct TerminalKeys;

impl KeySource for TerminalKeys {
    fn next(&mut self, at_most: Duration) -> io::Result<Option<Input>> {
        if !is_open() {
            return Err(io::Error::other("the terminal was given back while the dashboard was running"));
        }
        if poll(at_most)? { Ok(input(&read()?)) } else { Ok(None) }
    }
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
        assert!(TerminalKeys.next(Duration::ZERO).is_err());
    }

    #[test]
    fn a_closed_gate_swallows_what_is_drawn() {
        let mut gate = Gate { out: io::stdout() };
        assert_eq!(gate.write(b"frame").ok(), Some(5));
        assert!(gate.flush().is_ok());
    }
}
