//! Mutations of a text: of its characters, of its numbers, and, where it is JSON, of its values.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;

/// What is put in: limits of numbers, units, marks that structure texts, and characters that act on a terminal.
const PIECES: [&str; 56] = [
    "0",
    "-1",
    "1e9",
    "1e-9",
    "1e400",
    "NaN",
    "inf",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "4294967296",
    "65536",
    "0.5",
    "99999999999999999999999999999999999999999",
    ".",
    ",",
    "=",
    ":",
    "/",
    "@",
    "%",
    "s",
    "ms",
    "us",
    "µs",
    "ns",
    "min",
    "h",
    "d",
    "k/s",
    "M/s",
    "/min",
    "KiB",
    "TiB",
    "none",
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "\n",
    "\r\n",
    "\t",
    " ",
    "#",
    "\u{feff}",
    "\u{1b}]52;c;eA==\u{7}",
    "\u{9b}31m",
    "\u{202e}",
    "ü",
    "\u{1f941}",
    "null",
    "true",
    "\\u0000",
    "--",
];

/// See the module.
pub(super) struct Mutator {
    random: StdRng,
    seeds: Vec<String>,
}

impl Mutator {
    pub(super) fn new(seed: u64, seeds: Vec<String>) -> Self {
        Self { random: StdRng::seed_from_u64(seed), seeds }
    }

    fn below(&mut self, limit: usize) -> usize {
        if limit == 0 { 0 } else { (self.random.next_u64() % limit as u64) as usize }
    }

    /// The next case.
    pub(super) fn next(&mut self) -> String {
        let at = self.below(self.seeds.len());
        let mut text = self.seeds[at].clone();
        let is_json = text.starts_with('{') && text.len() > 1_000;
        if is_json
            && self.below(8) > 0
            && let Ok(mut value) = serde_json::from_str::<Value>(&text)
        {
            for _ in 0..=self.below(3) {
                self.change_value(&mut value);
            }
            return value.to_string();
        }
        for _ in 0..=self.below(4) {
            text = self.change_text(&text);
        }
        text
    }

    fn piece(&mut self) -> String {
        let piece = PIECES[self.below(PIECES.len())];
        match self.below(24) {
            0 => piece.repeat(70_000),
            1 => piece.repeat(300),
            _ => piece.to_owned(),
        }
    }

    fn change_text(&mut self, text: &str) -> String {
        let chars: Vec<char> = text.chars().collect();
        let (a, b) = (self.below(chars.len() + 1), self.below(chars.len() + 1));
        let (from, to) = (a.min(b), a.max(b).min(a.min(b) + 1 + self.below(12)).min(chars.len()));
        let part = |range: std::ops::Range<usize>| chars[range].iter().collect::<String>();
        let (head, middle, tail) = (part(0..from), part(from..to), part(to..chars.len()));
        match self.below(6) {
            0 => head + &tail,
            1 => format!("{head}{middle}{middle}{tail}"),
            2 => format!("{head}{}{tail}", self.piece()),
            3 => format!("{head}{}{middle}{tail}", self.piece()),
            4 => self.with_other_number(text),
            _ => {
                let other = self.below(self.seeds.len());
                let other: Vec<char> = self.seeds[other].chars().collect();
                let at = self.below(other.len() + 1);
                head + &other[at..].iter().collect::<String>()
            }
        }
    }

    fn with_other_number(&mut self, text: &str) -> String {
        let is_start = |at: usize| {
            let bytes = text.as_bytes();
            bytes[at].is_ascii_digit() && (at == 0 || !bytes[at - 1].is_ascii_digit())
        };
        let starts: Vec<usize> = (0..text.len()).filter(|at| is_start(*at)).collect();
        let Some(at) = starts.get(self.below(starts.len())).copied() else { return text.to_owned() };
        let len = text[at..].bytes().take_while(u8::is_ascii_digit).count();
        format!("{}{}{}", &text[..at], PIECES[self.below(14)], &text[at + len..])
    }

    /// Changes one of the values below, the deeper the likelier.
    fn change_value(&mut self, value: &mut Value) {
        let deeper = self.below(12) > 0;
        match value {
            Value::Object(fields) if deeper && !fields.is_empty() => {
                let at = self.below(fields.len());
                if let Some((_, field)) = fields.iter_mut().nth(at) {
                    self.change_value(field);
                }
            }
            Value::Array(items) if deeper && !items.is_empty() => {
                let at = self.below(items.len());
                self.change_value(&mut items[at]);
            }
            Value::Object(fields) => {
                if let Some(name) = fields.keys().nth(self.below(fields.len())).cloned() {
                    let taken = fields.remove(&name);
                    if self.below(2) == 0 {
                        fields.insert(self.piece(), taken.unwrap_or(Value::Null));
                    }
                }
            }
            Value::Array(items) => match self.below(3) {
                0 => items.clear(),
                1 => items.truncate(1),
                _ => items.extend(items.clone()),
            },
            other => *other = self.scalar(other),
        }
    }

    fn scalar(&mut self, old: &Value) -> Value {
        match old {
            Value::String(text) if text.len() > 60 && self.below(4) > 0 => {
                let Ok(mut bytes) = STANDARD.decode(text) else { return Value::String(self.piece()) };
                for _ in 0..=self.below(4) {
                    // The head of a histogram, which says how large it is, is short.
                    let limit = if self.below(2) == 0 { bytes.len().min(48) } else { bytes.len() };
                    let at = self.below(limit);
                    bytes[at] = [0, 0xff, 0x80, self.random.random()][self.below(4)];
                }
                Value::String(STANDARD.encode(bytes))
            }
            Value::String(_) => Value::String(self.piece()),
            Value::Number(_) => match self.below(9) {
                0 => 0.into(),
                1 => 1.into(),
                2 => u64::MAX.into(),
                3 => (1_u64 << 63).into(),
                4 => (1_u64 << 52).into(),
                5 => (-1).into(),
                6 => 0.5.into(),
                7 => 1e308.into(),
                _ => self.random.random::<u32>().into(),
            },
            Value::Null => 7.into(),
            _ => Value::Null,
        }
    }
}
