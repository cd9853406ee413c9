//! The panel with the audit of the dispatch in focus: the counters of its latest trial. Over a transport that confirms, these
//! are confirmed, unconfirmed and refused messages, too. There are more counters than lines: counters of faults that were seen
//! come first, then those that say most about the transport. The list of dispatches has the faults of all trials.

use drumpost_results::units;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text::{pair, row, rule};
use crate::event::{Allows, Confirms, Sample};
use crate::model::Model;

pub(super) fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let theme = model.theme();
    let focused = model.shown().rows.get(model.focus());
    let last = focused.and_then(|row| row.last);
    // While the trial is running, unconfirmed messages are under way.
    let ended = focused.and_then(|row| row.confirms);
    let counters = counters(last, ended);
    let verdict = match last {
        None => Line::default(),
        Some(_) if counters.iter().any(Counter::is_fault) => Line::styled("faults", theme.fault()),
        Some(_) => Line::styled("ok", theme.phase(crate::state::Phase::Ended(crate::event::Status::Valid))),
    };
    rule(theme, area, buf, Line::styled("audit", theme.strong()), verdict);
    let lines = usize::from(area.height.saturating_sub(1));
    for (i, counter) in shown(counters, lines).into_iter().enumerate() {
        let text = counter.count.map_or_else(|| units::NONE.to_owned(), units::count);
        let (label, value) =
            if counter.is_fault() { (theme.fault(), theme.fault()) } else { (theme.quiet(), theme.strong()) };
        let name = Line::styled(counter.name, label);
        pair(row(area, i as u16 + 1), buf, name, Line::styled(text, value));
    }
}

/// A line of the panel.
struct Counter {
    name: &'static str,
    count: Option<u64>,
    /// Whether any of it is a fault.
    is_bad: bool,
    /// The lower, the sooner it is shown.
    rank: u8,
}

impl Counter {
    fn is_fault(&self) -> bool {
        self.is_bad && self.count.is_some_and(|n| n > 0)
    }
}

/// Counters in the order of the panel. `ended` is what the transport told of confirms by the end of the trial.
fn counters(last: Option<Sample>, ended: Option<Confirms>) -> Vec<Counter> {
    let allows = last.map_or_else(Allows::default, |s| s.allows);
    let of = |count: fn(&Sample) -> u64| last.as_ref().map(count);
    let mut all = Vec::new();
    let mut add = |name, count, is_bad, rank| all.push(Counter { name, count, is_bad, rank });
    add("sent", of(|s| s.sent), false, 9);
    if let Some(Confirms { confirmed, refused, unconfirmed }) = ended.or(last.and_then(|s| s.confirms)) {
        add("confirmed", Some(confirmed), false, 0);
        add("unconfirmed", Some(unconfirmed), ended.is_some(), 1);
        add("refused", Some(refused), true, 2);
    }
    add("delivered", of(|s| s.delivered), false, 5);
    add("dropped", of(|s| s.dropped), !allows.loss, 8);
    add("duplicated", of(|s| s.duplicated), !allows.duplicates, 3);
    if let Some(redelivered) = last.and_then(|s| s.redelivered) {
        add("redelivered", Some(redelivered), false, 4);
    }
    if let Some(rejected) = last.and_then(|s| s.rejected) {
        add("given back", Some(rejected), false, 0);
    }
    if let Some(dead) = last.map(|s| s.dead).filter(|dead| *dead > 0) {
        add("dead letters", Some(dead), false, 0);
    }
    add("reordered", of(|s| s.reordered), !allows.disorder, 6);
    add("corrupted", of(|s| s.corrupted), true, 7);
    all
}

/// As many of the counters as there are lines, in their order.
fn shown(mut counters: Vec<Counter>, lines: usize) -> Vec<Counter> {
    while counters.len() > lines {
        let last = (0..counters.len()).max_by_key(|i| (!counters[*i].is_fault(), counters[*i].rank));
        counters.remove(last.unwrap_or(0));
    }
    counters
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
    fn what_is_under_way_to_be_confirmed_is_no_fault_and_faults_are_never_left_out() {
        let confirms = Some(Confirms { confirmed: 1_000, refused: 0, unconfirmed: 200 });
        let live = Sample { confirms, redelivered: Some(9), ..sample() };
        assert_shows(&panel(live, None), "ok", [("confirmed", "1,000"), ("unconfirmed", "200")]);
        assert_shows(&panel(live, None), "ok", [("redelivered", "9"), ("delivered", "1,100")]);
        let dying = Sample { rejected: Some(3), dead: 2, ..live };
        assert_shows(&panel(dying, None), "ok", [("given back", "3"), ("dead letters", "2")]);
        let poisoned = Sample { rejected: Some(3), ..live };
        assert_shows(&panel(poisoned, None), "ok", [("given back", "3"), ("redelivered", "9")]);
        let ended = panel(live, Some(Confirms { confirmed: 1_195, refused: 0, unconfirmed: 5 }));
        assert_shows(&ended, "faults", [("confirmed", "1,195"), ("unconfirmed", "5")]);
        // There are ten counters and six lines.
        let faulty = Sample { dropped: 1, reordered: 2, corrupted: 3, ..live };
        assert_shows(&panel(faulty, None), "faults", [("dropped", "1"), ("reordered", "2")]);
        assert_shows(&panel(faulty, None), "faults", [("corrupted", "3"), ("unconfirmed", "200")]);
        assert_eq!(panel(faulty, None).lines().count(), 7);
    }

    #[test]
    fn what_the_promise_allows_is_no_fault() {
        let dropped = Sample { dropped: 3, ..sample() };
        assert_shows(&panel(dropped, None), "faults", [("sent", "1,200"), ("dropped", "3")]);
        let allowed = Sample { allows: Allows { loss: true, ..Allows::default() }, ..dropped };
        assert_shows(&panel(allowed, None), "ok", [("sent", "1,200"), ("dropped", "3")]);
    }
}
