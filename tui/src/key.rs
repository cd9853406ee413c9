//! Keys of the dashboard. Does not live here: what they do (`model.rs`, `steer.rs`).

/// A key the dashboard may react to, without the terminal library's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character, as typed.
    Char(char),
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Shift and Tab.
    BackTab,
    /// Arrow to the left.
    Left,
    /// Arrow to the right.
    Right,
    /// Control and C, which a terminal in raw mode hands over as a key.
    Interrupt,
}
