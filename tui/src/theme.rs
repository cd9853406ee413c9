//! The styles of the dashboard: one for each meaning, with colours and without.
//!
//! Does not live here: the environment. The caller has read `NO_COLOR`.

use std::ffi::OsStr;

use ratatui::style::{Color, Modifier, Style};

use crate::event::Status;
use crate::state::Phase;

/// Line colours of the dispatches, each strong (in focus) and quiet. Red is left to faults.
const SERIES: [(u8, u8); 8] =
    [(45, 31), (214, 136), (177, 97), (114, 65), (75, 61), (228, 143), (211, 132), (152, 66)];

/// From calm to hot.
const HEAT: [u8; 12] = [24, 30, 36, 35, 71, 107, 143, 178, 214, 208, 202, 196];

/// With colours or without. Without, meaning is carried by words, signs, bold and dim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    coloured: bool,
}

impl Theme {
    /// With colours.
    #[must_use]
    pub const fn coloured() -> Self {
        Self { coloured: true }
    }

    /// Without colours.
    #[must_use]
    pub const fn plain() -> Self {
        Self { coloured: false }
    }

    /// Follows <https://no-color.org>: any value of `NO_COLOR` but the empty one means no colours.
    #[must_use]
    pub fn from_no_color(value: Option<&OsStr>) -> Self {
        Self { coloured: value.is_none_or(OsStr::is_empty) }
    }

    /// Whether there are colours.
    #[must_use]
    pub const fn is_coloured(self) -> bool {
        self.coloured
    }

    fn colour(self, colour: Color) -> Style {
        if self.coloured { Style::new().fg(colour) } else { Style::new() }
    }

    /// Labels, rules, axes: what may recede.
    pub(crate) fn quiet(self) -> Style {
        if self.coloured {
            Style::new().fg(Color::Indexed(245))
        } else {
            Style::new().add_modifier(Modifier::DIM)
        }
    }

    pub(crate) fn rule(self) -> Style {
        if self.coloured {
            Style::new().fg(Color::Indexed(240))
        } else {
            Style::new().add_modifier(Modifier::DIM)
        }
    }

    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(crate) fn brand(self) -> Style {
        self.colour(Color::Indexed(45)).add_modifier(Modifier::BOLD)
    }

    /// Keys in the hints and the help.
    pub(crate) fn key(self) -> Style {
        self.colour(Color::Indexed(45)).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn badge(self) -> Style {
        self.strong().add_modifier(Modifier::REVERSED)
    }

    pub(crate) fn paused(self) -> Style {
        self.colour(Color::Indexed(214)).add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }

    pub(crate) fn gauge(self) -> Style {
        self.colour(Color::Indexed(45))
    }

    /// The part of a gauge that is not filled.
    pub(crate) fn trough(self) -> Style {
        if self.coloured {
            Style::new().fg(Color::Indexed(238))
        } else {
            Style::new().add_modifier(Modifier::DIM)
        }
    }

    pub(crate) fn target(self) -> Style {
        self.colour(Color::Indexed(250))
    }

    pub(crate) fn warning(self) -> Style {
        self.colour(Color::Indexed(214))
    }

    pub(crate) fn fault(self) -> Style {
        self.colour(Color::Indexed(203)).add_modifier(Modifier::BOLD)
    }

    /// The colour of a dispatch.
    pub(crate) fn series(self, dispatch: usize, in_focus: bool) -> Style {
        let (strong, quiet) = SERIES[dispatch % SERIES.len()];
        let style = self.colour(Color::Indexed(if in_focus { strong } else { quiet }));
        if in_focus { style.add_modifier(Modifier::BOLD) } else { style }
    }

    /// The colour of a heat from 0, calm, to 1, hot.
    pub(crate) fn heat(self, level: f64) -> Style {
        let top = HEAT.len() - 1;
        self.colour(Color::Indexed(HEAT[((level * top as f64).round() as usize).min(top)]))
    }

    pub(crate) fn phase(self, phase: Phase) -> Style {
        match phase {
            Phase::Waiting | Phase::NotRun => self.quiet(),
            Phase::WarmingUp => self.colour(Color::Indexed(75)),
            Phase::Running => self.colour(Color::Indexed(45)).add_modifier(Modifier::BOLD),
            Phase::Ended(Status::Valid) => self.colour(Color::Indexed(114)),
            Phase::Ended(Status::Suspect) | Phase::Stopped => self.warning(),
            Phase::Ended(Status::Invalid | Status::Refused | Status::Failed) => self.fault(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_counts_when_it_is_not_empty() {
        assert!(Theme::from_no_color(None).is_coloured());
        assert!(Theme::from_no_color(Some(OsStr::new(""))).is_coloured());
        assert!(!Theme::from_no_color(Some(OsStr::new("1"))).is_coloured());
    }

    #[test]
    fn the_plain_theme_has_no_colour_anywhere() {
        let theme = Theme::plain();
        let styles = [
            theme.quiet(),
            theme.rule(),
            theme.strong(),
            theme.brand(),
            theme.key(),
            theme.badge(),
            theme.paused(),
            theme.gauge(),
            theme.trough(),
            theme.target(),
            theme.warning(),
            theme.fault(),
            theme.series(3, true),
            theme.series(9, false),
            theme.heat(0.5),
            theme.heat(f64::NAN),
            theme.phase(Phase::Running),
            theme.phase(Phase::Ended(Status::Failed)),
            theme.phase(Phase::WarmingUp),
        ];
        assert!(styles.iter().all(|style| style.fg.is_none() && style.bg.is_none()));
    }
}
