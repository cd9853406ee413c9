//! The keys: a line of hints at the bottom, and the help window. Does not live here: what the keys do (`model.rs`).

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Padding, Paragraph, Widget};

use super::text::pair;
use crate::model::Model;

const HINTS: [(&str, &str); 5] =
    [("q", "quit"), ("space", "pause"), ("tab", "next"), ("f", "follow"), ("?", "help")];

const REPLAY_HINTS: [(&str, &str); 6] =
    [("q", "quit"), ("space", "pause"), ("←→", "seek"), ("+-", "speed"), ("tab", "next"), ("?", "help")];

const KEYS: [(&str, &str); 6] = [
    ("q  esc  ctrl-c", "stop the run and quit"),
    ("space  p", "pause the view; the run goes on"),
    ("tab  ←  →", "next or previous dispatch"),
    ("1 to 9", "that dispatch"),
    ("f", "follow the dispatch being measured"),
    ("?  h", "this help"),
];

/// In place of the first of them, where the run is that of another process.
const LEAVE: (&str, &str) = ("q  esc  ctrl-c", "stop watching; the run goes on");

const REPLAY_KEYS: [(&str, &str); 8] = [
    ("q  esc  ctrl-c", "leave the replay"),
    ("space  p", "pause the replay, or go on"),
    ("←  →", "back or forward by 5 % of the whole"),
    ("+  -", "double or halve the speed"),
    ("tab  shift-tab", "next or previous dispatch"),
    ("1 to 9", "that dispatch"),
    ("f", "follow the dispatch that is replayed"),
    ("?  h", "this help"),
];

const NOTES: [&str; 5] = [
    "Response time counts from when a flow was due.",
    "now: the latest interval. run: the trial so far.",
    "A bar over time is the worst of its intervals.",
    "blocked: share of time senders found no room.",
    "Faults are summed over all trials of a dispatch.",
];

const WIDTH: u16 = 58;
const KEY_WIDTH: usize = 16;

pub(super) fn hints(model: &Model, area: Rect, buf: &mut Buffer) {
    let theme = model.theme();
    let mut spans = Vec::new();
    let hints: &[_] = if model.steering().is_some() { &REPLAY_HINTS } else { &HINTS };
    for &(key, what) in hints {
        let what = if key == "space" && model.is_paused() { "resume" } else { what };
        spans.push(Span::styled(key, theme.key()));
        spans.push(Span::styled(format!(" {what}  "), theme.quiet()));
    }
    let focus = if model.is_following() { "following" } else { "focus fixed" };
    pair(area, buf, Line::from(spans), Line::styled(focus, theme.quiet()));
}

pub(super) fn overlay(model: &Model, area: Rect, buf: &mut Buffer) {
    let theme = model.theme();
    let keys: &[_] = if model.steering().is_some() { &REPLAY_KEYS } else { &KEYS };
    let first = if model.is_elsewhere() { LEAVE } else { keys[0] };
    let keys = [first].into_iter().chain(keys[1..].iter().copied()).map(|(key, what)| {
        Line::from(vec![Span::styled(format!("{key:<KEY_WIDTH$}"), theme.key()), Span::raw(what)])
    });
    let notes = NOTES.map(|note| Line::styled(note, theme.quiet()));
    let lines: Vec<Line> = keys.chain([Line::default()]).chain(notes).collect();
    let (width, height) = (WIDTH.min(area.width), (lines.len() as u16 + 2).min(area.height));
    let (x, y) = (area.x + (area.width - width) / 2, area.y + (area.height - height) / 2);
    let place = Rect { x, y, width, height };
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.key())
        .title(Line::styled(" help ", theme.strong()))
        .padding(Padding::horizontal(2));
    Clear.render(place, buf);
    Paragraph::new(lines).block(block).render(place, buf);
}
