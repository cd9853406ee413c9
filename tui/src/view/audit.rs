//! The panel with the audit of the dispatch in focus: the counters of its latest trial. When a trial over a transport
//! with confirms is over, the panel shows confirmed and refused messages. The list of dispatches has the faults of all
//! trials.

use drumpost_results::units;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{pair, row, rule};
use crate::event::{Allows, Confirms};
use crate::model::Model;

pub(super) fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let theme = model.theme();
    let focused = model.shown().rows.get(model.focus());
    let last = focused.and_then(|row| row.last);
    let confirms = focused.and_then(|row| row.confirms);
    // Each with whether any of it is a fault.
    let allows = last.map_or_else(Allows::default, |s| s.allows);
    let mut counters = vec![
        ("sent", last.map(|s| s.sent), false),
        ("delivered", last.map(|s| s.delivered), false),
        ("dropped", last.map(|s| s.dropped), !allows.loss),
        ("duplicated", last.map(|s| s.duplicated), !allows.duplicates),
        ("reordered", last.map(|s| s.reordered), !allows.disorder),
        ("corrupted", last.map(|s| s.corrupted), true),
    ];
    if let Some(Confirms { confirmed, refused, unconfirmed }) = confirms {
        // In place of what was sent and delivered: the panel has no more lines.
        counters[0] = ("confirmed", Some(confirmed), false);
        counters[1] = ("refused", Some(refused), true);
        if unconfirmed > 0 && refused == 0 {
            counters[1] = ("unconfirmed", Some(unconfirmed), true);
        }
    }
    let is_fault = |count: Option<u64>, is_bad: bool| is_bad && count.is_some_and(|n| n > 0);
    let verdict = match last {
        None => Line::default(),
        Some(_) if counters.iter().any(|(_, count, is_bad)| is_fault(*count, *is_bad)) => {
            Line::styled("faults", theme.fault())
        }
        Some(_) => Line::styled("ok", theme.phase(crate::state::Phase::Ended(crate::event::Status::Valid))),
    };
    rule(theme, area, buf, Line::styled("audit", theme.strong()), verdict);
    for (i, (name, count, is_bad)) in counters.into_iter().enumerate() {
        let text = count.map_or_else(|| units::NONE.to_owned(), units::count);
        let is_fault = is_fault(count, is_bad);
        let (label, value) =
            if is_fault { (theme.fault(), theme.fault()) } else { (theme.quiet(), theme.strong()) };
        pair(row(area, i as u16 + 1), buf, Line::styled(name, label), Line::styled(text, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Plan, Sample};
    use crate::frame::to_text;
    use crate::theme::Theme;

    /// The panel of the only dispatch, with what it confirmed once its trial was over.
    fn panel(sample: Sample, confirms: Option<Confirms>) -> String {
        let mut model = Model::new(Theme::plain());
        model.apply(Event::Started(Plan {
            dispatches: vec!["message/a".to_owned()],
            trials: 1,
            ..Plan::default()
        }));
        model.apply(Event::Sample(sample));
        if let Some(confirms) = confirms {
            model.apply(Event::Confirmed { dispatch: 0, confirms });
        }
        let mut buf = Buffer::empty(Rect::new(0, 0, 24, 7));
        draw(&model, buf.area, &mut buf);
        to_text(&buf)
    }

    fn sample() -> Sample {
        Sample { sent: 1_200, delivered: 1_100, ..Sample::default() }
    }

    /// A line of the panel.
    fn line(name: &str, count: &str) -> String {
        format!("{name}{count:>width$}\n", width = 24 - name.len())
    }

    #[track_caller]
    fn assert_shows(text: &str, verdict: &str, lines: [(&str, &str); 2]) {
        let head = text.lines().next().unwrap();
        assert!(head.contains("audit") && head.contains(&format!(" {verdict} ")), "{text}");
        for (name, count) in lines {
            assert!(text.contains(&line(name, count)), "no {name} {count} in\n{text}");
        }
    }

    #[test]
    fn what_a_server_confirmed_and_refused_is_shown_once_the_trial_is_over() {
        assert_shows(&panel(sample(), None), "ok", [("sent", "1,200"), ("delivered", "1,100")]);
        let with = |confirmed, refused, unconfirmed| {
            panel(sample(), Some(Confirms { confirmed, refused, unconfirmed }))
        };
        assert_shows(&with(1_200, 0, 0), "ok", [("confirmed", "1,200"), ("refused", "0")]);
        assert_shows(&with(1_163, 37, 0), "faults", [("confirmed", "1,163"), ("refused", "37")]);
        assert_shows(&with(1_195, 0, 5), "faults", [("confirmed", "1,195"), ("unconfirmed", "5")]);
    }

    #[test]
    fn what_the_promise_allows_is_no_fault() {
        let dropped = Sample { dropped: 3, ..sample() };
        assert_shows(&panel(dropped, None), "faults", [("sent", "1,200"), ("dropped", "3")]);
        let allowed = Sample { allows: Allows { loss: true, ..Allows::default() }, ..dropped };
        assert_shows(&panel(allowed, None), "ok", [("sent", "1,200"), ("dropped", "3")]);
    }
}
