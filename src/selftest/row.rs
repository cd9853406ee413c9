//! One row of the self-test: the expected and the measured value, the tolerance and its reason.

use serde::Serialize;

/// Which part of the self-test a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Group {
    Virtual,
    Real,
    Host,
}

/// The result of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Ok,
    Failed,
    /// The row did not hold, but the host was too busy to say why.
    Unfit,
    /// A fact, not judged.
    Shown,
}

/// Why a tolerance is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reason {
    /// Nothing is random and nothing is rounded.
    Exact,
    /// The histogram's error.
    Bucket,
    /// Chance, at one false alarm in a million.
    Chance,
    /// A schedule has no finer steps than its gaps.
    Step,
    /// A limit that was set, for what depends on the machine.
    Limit,
}

impl Reason {
    /// One letter for the table.
    pub(crate) const fn letter(self) -> char {
        match self {
            Self::Exact => ' ',
            Self::Bucket => 'b',
            Self::Chance => 'c',
            Self::Step => 's',
            Self::Limit => 'l',
        }
    }
}

/// The unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Ns,
    PerS,
    Share,
    Plain,
}

impl Unit {
    /// A figure in four significant digits: enough to see what is off.
    pub(crate) fn text(self, value: f64) -> String {
        if !value.is_finite() {
            return "-".into();
        }
        match self {
            Self::Ns => {
                let scales = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
                let found = scales.into_iter().find(|(scale, _)| value.abs() >= *scale);
                let (scale, unit) = found.unwrap_or((1.0, "ns"));
                format!("{} {unit}", digits(value / scale))
            }
            Self::PerS => format!("{} /s", digits(value)),
            Self::Share => format!("{} %", digits(value * 100.0)),
            Self::Plain => digits(value),
        }
    }
}

fn digits(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e7 {
        return format!("{value}");
    }
    let before = value.abs().log10().floor() as i32;
    let after = usize::try_from(3 - before).unwrap_or(0).min(6);
    format!("{value:.after$}")
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub group: Group,
    pub what: String,
    pub expected: String,
    pub measured: String,
    pub tolerance: String,
    pub reason: Reason,
    pub status: Status,
    /// How far off, as a share of the tolerance; nothing for what either holds or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strain: Option<f64>,
    /// The command that shows the same, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// More about it, such as why the host cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Row {
    fn new(what: impl Into<String>, expected: String, measured: String, holds: bool) -> Self {
        Self {
            group: Group::Virtual,
            what: what.into(),
            expected,
            measured,
            tolerance: String::new(),
            reason: Reason::Exact,
            status: if holds { Status::Ok } else { Status::Failed },
            strain: None,
            command: None,
            note: None,
        }
    }

    /// A figure that may be off by a share of what is expected.
    pub(crate) fn near(
        what: impl Into<String>,
        unit: Unit,
        (expected, measured): (f64, f64),
        share: f64,
        reason: Reason,
    ) -> Self {
        let off = share * expected.abs();
        Self {
            tolerance: format!("± {:.3} %", share * 100.0),
            ..Self::around(what, unit, (expected, measured), off, reason)
        }
    }

    /// A figure that may be off by so much.
    pub(crate) fn around(
        what: impl Into<String>,
        unit: Unit,
        (expected, measured): (f64, f64),
        off: f64,
        reason: Reason,
    ) -> Self {
        let strain = (measured - expected).abs() / off;
        Self {
            tolerance: format!("± {}", unit.text(off)),
            reason,
            strain: Some(strain),
            ..Self::new(what, unit.text(expected), unit.text(measured), strain <= 1.0)
        }
    }

    /// A figure with a limit.
    pub(crate) fn at_most(
        what: impl Into<String>,
        unit: Unit,
        (limit, measured): (f64, f64),
        reason: Reason,
    ) -> Self {
        Self {
            reason,
            strain: Some(measured / limit),
            ..Self::new(what, format!("≤ {}", unit.text(limit)), unit.text(measured), measured <= limit)
        }
    }

    /// A figure that must be above a limit.
    pub(crate) fn above(
        what: impl Into<String>,
        unit: Unit,
        (limit, measured): (f64, f64),
        reason: Reason,
    ) -> Self {
        Self {
            reason,
            strain: Some(limit / measured),
            ..Self::new(what, format!("> {}", unit.text(limit)), unit.text(measured), measured > limit)
        }
    }

    /// A count that may not be off at all.
    pub(crate) fn exact(what: impl Into<String>, expected: u64, measured: u64) -> Self {
        let text = drumpost_results::units::count_exact;
        let row = Self::new(what, text(expected), text(measured), expected == measured);
        Self { tolerance: "exact".into(), ..row }
    }

    /// A word that must be said.
    pub(crate) fn says(what: impl Into<String>, expected: &str, measured: &str) -> Self {
        Self::new(what, expected.into(), measured.into(), expected == measured)
    }

    /// A fact.
    pub(crate) fn shown(what: impl Into<String>, text: impl Into<String>) -> Self {
        let row = Self::new(what, String::new(), text.into(), true);
        Self { group: Group::Host, status: Status::Shown, ..row }
    }

    pub(crate) fn by(self, command: &str) -> Self {
        Self { command: Some(format!("drumpost run {command}")), ..self }
    }

    /// As `group`; what did not hold on a host that is too busy says nothing.
    pub(crate) fn on(mut self, group: Group, busy: Option<&String>) -> Self {
        self.group = group;
        if let Some(why) = busy.filter(|_| self.status == Status::Failed) {
            self.status = Status::Unfit;
            self.note = Some(why.clone());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_four_digits_and_a_unit() {
        for (unit, value, text) in [
            (Unit::Ns, 1_386_294.0, "1.386 ms"),
            (Unit::Ns, 400_000_000.0, "400 ms"),
            (Unit::Ns, 87.25, "87.25 ns"),
            (Unit::PerS, 832.03, "832.0 /s"),
            (Unit::Share, 0.2, "20 %"),
            (Unit::Plain, 39.12, "39.12"),
            (Unit::Ns, f64::NAN, "-"),
        ] {
            assert_eq!(unit.text(value), text);
        }
    }

    #[test]
    fn what_is_beyond_its_tolerance_fails() {
        let near = |measured| Row::near("a", Unit::Plain, (100.0, measured), 0.01, Reason::Chance).status;
        assert_eq!([near(100.9), near(98.9), near(f64::NAN)], [Status::Ok, Status::Failed, Status::Failed]);
        let around = |measured| Row::around("a", Unit::Ns, (0.0, measured), 5.0, Reason::Step).status;
        assert_eq!([around(5.0), around(6.0)], [Status::Ok, Status::Failed]);
        assert_eq!(Row::exact("a", 3, 4).status, Status::Failed);
        assert_eq!(Row::says("a", "invalid", "valid").status, Status::Failed);
        assert_eq!(Row::at_most("a", Unit::Ns, (1.0, f64::NAN), Reason::Limit).status, Status::Failed);
    }

    #[test]
    fn a_busy_host_excuses_but_hides_nothing() {
        let busy = Some("steal".to_owned());
        let failed = || Row::exact("a", 3, 4);
        assert_eq!(failed().on(Group::Real, busy.as_ref()).status, Status::Unfit);
        assert_eq!(failed().on(Group::Real, None).status, Status::Failed);
        assert_eq!(Row::exact("a", 3, 3).on(Group::Real, busy.as_ref()).status, Status::Ok);
    }
}
