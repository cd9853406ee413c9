//! The header: what is run, how far it is, and the time that is left.
//!
//! Its three rows are about the trial that is being measured, not about the dispatch in focus.

use drumpost_results::units;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::text::{bar, clip, pair, row};
use crate::model::Model;
use crate::state::share;

/// Between the parts of a row.
const GAP: &str = "  ";
/// Less than this of a server says nothing.
const SHORTEST: usize = 12;

pub(super) fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let (title, badge) = (title(model), badge(model));
    let room = usize::from(area.width).saturating_sub(title.width() + badge.width() + 2 * GAP.len());
    pair(row(area, 0), buf, title, with_server(model, badge, room));
    let position = position(model);
    let settings = model.shown().plan.as_ref().map_or("", |plan| plan.settings.as_str());
    // Where the run stands is worth more than the settings: they give way.
    let settings = clip(settings, usize::from(area.width).saturating_sub(position.width() + 2));
    pair(row(area, 1), buf, position, Line::styled(settings, model.theme().quiet()));
    progress(model, row(area, 2), buf);
}

fn title(model: &Model) -> Line<'_> {
    let theme = model.theme();
    let mut spans = vec![Span::styled("drumpost", theme.brand())];
    match &model.shown().plan {
        None => spans.push(Span::styled("  waiting for the run to start", theme.quiet())),
        Some(plan) => {
            spans.push(Span::raw("  "));
            spans.push(Span::styled(plan.scenario.as_str(), theme.strong()));
            spans.push(Span::raw("  "));
            spans.push(Span::raw(plan.load.as_str()));
        }
    }
    Line::from(spans)
}

/// The server of the trial that is being measured, before the badge. It gives way to the title, and is left out where little of it fits.
fn with_server<'a>(model: &'a Model, badge: Line<'a>, room: usize) -> Line<'a> {
    let state = model.shown();
    let server = state.current.and_then(|current| state.rows.get(current.dispatch)?.server.as_ref());
    let Some(server) = server.filter(|_| room >= SHORTEST) else { return badge };
    let server = Span::styled(clip(&server.to_string(), room), model.theme().quiet());
    if badge.width() == 0 {
        return Line::from(server);
    }
    Line::from(vec![server, Span::raw(GAP), Span::styled(badge.to_string(), badge.style)])
}

fn badge(model: &Model) -> Line<'static> {
    let theme = model.theme();
    let speed = model.steering().map(|steering| format!("×{} ", steering.speed));
    if model.is_paused() {
        Line::styled(format!(" PAUSED {}", speed.unwrap_or_default()), theme.paused())
    } else if model.is_finished() {
        Line::styled(" FINISHED ", theme.badge())
    } else {
        speed.map_or_else(Line::default, |speed| Line::styled(format!(" REPLAY {speed}"), theme.badge()))
    }
}

fn position(model: &Model) -> Line<'_> {
    let (theme, state) = (model.theme(), model.shown());
    if let Some(note) = &state.finished {
        return Line::styled(if note.is_empty() { "finished" } else { note.as_str() }, theme.strong());
    }
    let Some((current, row)) = state.current.and_then(|c| Some((c, state.rows.get(c.dispatch)?))) else {
        let text = if state.plan.is_some() { "waiting for the first trial" } else { "" };
        return Line::styled(text, theme.quiet());
    };
    let trials = state.plan.as_ref().map_or(0, |plan| plan.trials);
    let mut spans = vec![
        Span::styled(row.name.as_str(), theme.series(current.dispatch, true)),
        Span::raw(format!("  {} of {}", current.dispatch + 1, state.rows.len())),
    ];
    match &state.step {
        Some(step) => spans.push(Span::raw(format!("  {step}"))),
        None => {
            spans.push(Span::styled("  trial ", theme.quiet()));
            spans.push(Span::raw(format!("{} of {trials}", u64::from(current.trial) + 1)));
        }
    }
    spans.push(Span::raw("  "));
    spans.push(Span::styled(row.phase.word(), theme.phase(row.phase)));
    Line::from(spans)
}

/// The gauge of the trial, and what share of the run is over; the gauge of the run when there is no trial.
fn progress(model: &Model, area: Rect, buf: &mut Buffer) {
    let (theme, state) = (model.theme(), model.shown());
    let run = format!("{:>7}", units::percent(state.progress()));
    let row = state.current.and_then(|c| state.rows.get(c.dispatch)).filter(|_| state.finished.is_none());
    let (label, filled, right) = match row.and_then(|row| Some((row, row.last?))) {
        None => ("run   ", state.progress(), run),
        Some((row, sample)) => {
            let left_ns = sample.remaining_ns.filter(|_| row.is_measuring());
            let left = left_ns.map_or(String::new(), |ns| format!("{} left", units::duration(ns)));
            let over = units::percent(share(sample.progress));
            ("trial ", share(sample.progress), format!("{over:>7}  {left:<13}  run {run}"))
        }
    };
    let taken = (label.len() + right.chars().count() + 1) as u16;
    let gauge = bar(theme, area.width.saturating_sub(taken), filled, theme.gauge());
    let mut spans = vec![Span::styled(label, theme.quiet())];
    spans.extend(gauge.spans);
    spans.push(Span::raw(" "));
    spans.push(Span::raw(right));
    Line::from(spans).render(area, buf);
}

#[cfg(test)]
mod tests {
    use crate::event::{Event, Plan, Sample, Server};
    use crate::frame::{render, to_text};
    use crate::key::Key;
    use crate::model::Model;
    use crate::theme::Theme;

    #[test]
    fn the_server_of_the_trial_is_in_the_first_row_as_far_as_there_is_room() {
        let mut model = Model::new(Theme::plain());
        let dispatches = vec!["message/a".to_owned(), "message/b".to_owned()];
        let (scenario, load) = ("stream".to_owned(), "open poisson 10k/s".to_owned());
        model.apply(Event::Started(Plan { scenario, load, dispatches, trials: 1, ..Plan::default() }));
        let first =
            |model: &Model, width| to_text(&render(model, width, 24)).lines().next().unwrap().to_owned();
        let server = Server { product: "a-server".into(), version: Some("1.2.3".into()), connections: None };
        model.apply(Event::Server { dispatch: 0, server: server.clone() });
        model.apply(Event::Sample(Sample { elapsed_ns: 1, ..Sample::default() }));
        assert!(first(&model, 80).starts_with("drumpost  stream  open poisson 10k/s  "));
        assert!(first(&model, 80).ends_with("  a-server 1.2.3"), "{}", first(&model, 80));
        model.apply(Event::Server { dispatch: 0, server: Server { connections: Some(5), ..server } });
        assert_eq!(model.key(Key::Char(' ')), None);
        assert!(
            first(&model, 80).contains(" a-server 1.2.3, 5 connections   PAUSED"),
            "{}",
            first(&model, 80)
        );
        assert!(first(&model, 63).contains("open poisson 10k/s"), "{}", first(&model, 63));
        // Of a dispatch without a server nothing is said.
        assert_eq!(model.key(Key::Char(' ')), None);
        model.apply(Event::TrialStarted { dispatch: 1, trial: 0 });
        assert!(!first(&model, 80).contains("a-server"));
    }
}
