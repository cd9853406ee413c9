//! The grammar: a decimal number, read without rounding, and a unit.

use crate::UnitError;

/// The lowest rate per second: one in 31 years. Below it a gap between two flows does not fit the clock.
pub const MIN_RATE_PER_S: f64 = 1e-9;

/// From long to short, as the parts of a duration go.
const DURATIONS: &[(&str, u128)] = &[
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("min", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ns", 1),
];

const SIZES: &[(&str, u128)] = &[
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

const MULTIPLES: &[(&str, u128)] =
    &[("", 1), ("k", 1_000), ("K", 1_000), ("M", 1_000_000), ("G", 1_000_000_000), ("T", 1_000_000_000_000)];

/// A decimal number without rounding: `digits / 10^decimals`.
#[derive(Clone, Copy)]
struct Decimal {
    digits: u128,
    decimals: u32,
}

/// The text being parsed and what its errors say.
pub(crate) struct Input<'a> {
    pub(crate) text: &'a str,
    pub(crate) what: &'static str,
    pub(crate) example: &'static str,
}

impl<'a> Input<'a> {
    pub(crate) fn error(&self, reason: impl Into<String>) -> UnitError {
        let Self { text, what, example } = *self;
        UnitError { text: text.to_owned(), what, reason: reason.into(), example }
    }

    pub(crate) fn duration(&self) -> Result<u64, UnitError> {
        let too_large = || self.error("it is longer than 584 years");
        let (mut rest, mut total, mut above) = (self.text.trim(), 0_u64, u128::MAX);
        loop {
            let (number, after) = self.split(rest)?;
            let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, next) = after.split_at(end);
            let unit = unit.trim();
            if unit.is_empty() && number.digits == 0 && above == u128::MAX && next.is_empty() {
                return Ok(0);
            }
            if unit.is_empty() {
                return Err(self.error(format!("the unit is missing, as in {}s", self.text.trim())));
            }
            let factor = self.factor(unit, DURATIONS)?;
            if factor >= above {
                return Err(self.error("its parts do not go from a long unit to a short one"));
            }
            let part = self
                .whole(number, factor, "nanosecond")
                .map_err(|error| if error.reason == TOO_LARGE { too_large() } else { error })?;
            total = total.checked_add(part).ok_or_else(too_large)?;
            if next.is_empty() {
                return Ok(total);
            }
            (rest, above) = (next, factor);
        }
    }

    pub(crate) fn size(&self) -> Result<u64, UnitError> {
        let (number, unit) = self.split(self.text.trim())?;
        let factor = self.factor(unit, SIZES)?;
        if factor == 1 {
            return self.whole(number, factor, "byte");
        }
        let divisor = 10u128.pow(number.decimals);
        let scaled = number.digits.checked_mul(factor).and_then(|digits| digits.checked_add(divisor / 2));
        scaled.and_then(|digits| u64::try_from(digits / divisor).ok()).ok_or_else(|| self.error(TOO_LARGE))
    }

    pub(crate) fn rate(&self) -> Result<f64, UnitError> {
        let (number, unit) = self.number_and_unit(self.text.trim())?;
        let Some((multiple, time)) = unit.split_once('/') else {
            self.factor(unit, MULTIPLES)?;
            return Err(self.error(format!("the time is missing, as in {}/s", self.text.trim())));
        };
        let multiple = self.factor(multiple.trim(), MULTIPLES)?;
        let time = time.trim();
        let (_, per_ns) = DURATIONS
            .iter()
            .find(|(name, _)| *name == time)
            .ok_or_else(|| self.error(format!("\"/{time}\" is no time of a rate; times are /s, /min, /h")))?;
        // The digits themselves are checked by this; a float holds what a rate needs of them.
        self.decimal(number)?;
        let plain: String = number.chars().filter(|c| !matches!(c, ',' | '_')).collect();
        let number: f64 = plain.parse().map_err(|_| self.error(format!("\"{number}\" is no number")))?;
        let of_time = number * multiple as f64;
        let per_s = if *per_ns == 1_000_000_000 { of_time } else { of_time * 1e9 / *per_ns as f64 };
        match per_s {
            0.0 => Err(self.error("a rate is above zero")),
            _ if per_s < MIN_RATE_PER_S => Err(self.error("it is less than one in 31 years")),
            _ => Ok(per_s),
        }
    }

    pub(crate) fn count(&self) -> Result<u64, UnitError> {
        let (number, unit) = self.split(self.text.trim())?;
        self.whole(number, self.factor(unit, MULTIPLES)?, "unit")
    }

    pub(crate) fn share(&self) -> Result<f64, UnitError> {
        match self.text.trim().strip_suffix('%') {
            Some(percent) => self.number(percent).map(|percent| percent / 100.0),
            None => self.number(self.text),
        }
    }

    pub(crate) fn number(&self, text: &str) -> Result<f64, UnitError> {
        let text = text.trim();
        // `parse` alone would take words.
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
        let number: f64 = text.parse().ok().filter(|_| is_number).ok_or_else(|| {
            self.error(if text.is_empty() { "it is empty" } else { "it is not written in digits" })
        })?;
        match number {
            _ if number < 0.0 => Err(self.error("it is below zero")),
            _ if number.is_infinite() => Err(self.error(TOO_LARGE)),
            _ => Ok(number),
        }
    }

    /// The number in front, in digits, and the unit behind it.
    fn number_and_unit<'t>(&self, text: &'t str) -> Result<(&'t str, &'t str), UnitError> {
        let end =
            text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',' | '_')).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        if number.is_empty() {
            let reason = match text.chars().next() {
                None => "it is empty",
                Some('-') => "it is below zero",
                Some(_) => "it does not start with a number",
            };
            return Err(self.error(reason));
        }
        Ok((number, unit.trim()))
    }

    fn split<'t>(&self, text: &'t str) -> Result<(Decimal, &'t str), UnitError> {
        let (number, unit) = self.number_and_unit(text)?;
        Ok((self.decimal(number)?, unit))
    }

    fn decimal(&self, number: &str) -> Result<Decimal, UnitError> {
        let bad = || self.error(format!("\"{number}\" is no number"));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let mut groups = whole.split(',');
        let leads = groups.next().is_some_and(|first| !first.is_empty() && first != "_");
        if !leads
            || groups.any(|group| group.len() != 3)
            || fraction.contains(['.', ',', '_'])
            || number.ends_with('.')
        {
            return Err(bad());
        }
        let fraction = fraction.trim_end_matches('0');
        if whole.len() > 30 || fraction.len() > 30 {
            return Err(self.error("it has too many digits"));
        }
        let digits: String = whole.chars().chain(fraction.chars()).filter(char::is_ascii_digit).collect();
        // 30 digits on both sides are more than a number of 128 bits holds.
        let digits = digits.parse().map_err(|_| self.error("it has too many digits"))?;
        Ok(Decimal { digits, decimals: fraction.len() as u32 })
    }

    fn factor(&self, unit: &str, units: &[(&str, u128)]) -> Result<u128, UnitError> {
        if let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) {
            return Ok(*factor);
        }
        let mut known: Vec<&str> =
            units.iter().map(|(name, _)| *name).filter(|name| name.is_ascii()).collect();
        known.retain(|name| !name.is_empty());
        Err(self.error(format!("\"{unit}\" is no unit of a {}; units are {}", self.what, known.join(", "))))
    }

    fn whole(&self, number: Decimal, factor: u128, unit: &str) -> Result<u64, UnitError> {
        let too_large = || self.error(TOO_LARGE);
        let scaled = number.digits.checked_mul(factor).ok_or_else(too_large)?;
        let divisor = 10u128.pow(number.decimals);
        if !scaled.is_multiple_of(divisor) {
            return Err(self.error(format!("it is no whole number of {unit}s")));
        }
        u64::try_from(scaled / divisor).map_err(|_| too_large())
    }
}

const TOO_LARGE: &str = "it is too large";

/// A decimal number without a sign times `factor`, cut to a whole number, and whether nothing was cut off. Exact, as
/// floating point would not be: nanoseconds since 1970 have 19 digits. `None`: it is no such number, or too large.
#[must_use]
pub fn decimal(text: &str, factor: u64) -> Option<(u64, bool)> {
    scientific(text, factor).filter(|_| !text.contains(['e', 'E']))
}

/// As [`decimal`], also with an exponent: `1e-05`, `1.73219e9`.
#[must_use]
pub fn scientific(text: &str, factor: u64) -> Option<(u64, bool)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        // A number of 64 bits is over long before the exponent is.
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?.clamp(-99, 99)),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) || mantissa.len() > 200 {
        return None;
    }
    // All digits, with the point moved by the exponent.
    let all = format!("{whole}{fraction}");
    let point = whole.len() as i32 + exponent;
    let (whole, fraction) = match usize::try_from(point) {
        Ok(point) if point <= all.len() => (all[..point].to_owned(), all[point..].to_owned()),
        Ok(point) => (format!("{all}{}", "0".repeat(point - all.len())), String::new()),
        Err(_) => (String::new(), format!("{}{all}", "0".repeat(point.unsigned_abs() as usize))),
    };
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? }.checked_mul(factor)?;
    // What digits after the eighteenth are worth shows with no factor there is.
    let (seen, cut) = fraction.split_at(fraction.len().min(18));
    let digits = if seen.is_empty() { 0 } else { seen.parse::<u128>().ok()? };
    let (scaled, unit) = (digits * u128::from(factor), 10_u128.pow(seen.len() as u32));
    let is_exact = scaled.is_multiple_of(unit) && cut.bytes().all(|byte| byte == b'0');
    Some((whole.checked_add(u64::try_from(scaled / unit).ok()?)?, is_exact))
}
