//! The notices: the latest one on a small terminal, a list on a large one. Does not live here: which are kept
//! (`state.rs`).

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::text::{pair, row, rule};
use crate::model::Model;
use crate::state::Notice;

pub(super) fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let (theme, state) = (model.theme(), model.shown());
    if area.height == 0 {
        return;
    }
    let listed = if area.height > 1 { area.height - 1 } else { 1 };
    let earlier = (state.notices.len() as u64).saturating_sub(u64::from(listed)) + state.notices_forgotten;
    let more =
        if earlier > 0 { Line::styled(format!("{earlier} earlier"), theme.quiet()) } else { Line::default() };
    let skipped = state.notices.len().saturating_sub(usize::from(listed));
    if area.height == 1 {
        if let Some(latest) = state.notices.back() {
            pair(area, buf, text(model, latest), more);
        }
        return;
    }
    rule(theme, area, buf, Line::styled("notices", theme.strong()), more);
    for (i, notice) in state.notices.iter().skip(skipped).enumerate() {
        pair(row(area, i as u16 + 1), buf, text(model, notice), Line::default());
    }
}

fn text<'a>(model: &Model, notice: &'a Notice) -> Line<'a> {
    let theme = model.theme();
    let times = if notice.times > 1 { format!(" ({} times)", notice.times) } else { String::new() };
    Line::from(vec![
        Span::styled("! ", theme.warning().patch(theme.strong())),
        Span::styled(notice.text.as_str(), theme.warning()),
        Span::styled(times, theme.quiet()),
    ])
}
