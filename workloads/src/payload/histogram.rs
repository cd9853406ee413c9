//! Reads a histogram of payload sizes from a file: lines of `SIZE COUNT`, blank lines, and comments after `#`.

use crate::units;
use rand_distr::weighted::WeightedAliasIndex;
use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
};

/// The most lines of a histogram that say a size.
const MAX_SIZES: usize = 1 << 20;

/// A longer line is none of a histogram.
const MAX_LINE_LEN: u64 = 1 << 12;

/// Sizes in bytes and how often each is.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    path: String,
    lens: Vec<u32>,
    counts: Vec<f64>,
    numbers: WeightedAliasIndex<f64>,
}

/// By what was read: the table for drawing follows from it.
impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, &self.lens, &self.counts) == (&other.path, &other.lens, &other.counts)
    }
}

impl Histogram {
    /// The error is the reason alone.
    pub(super) fn read(path: &str) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| format!("cannot open {path}: {error}"))?;
        let (lens, counts) = entries(BufReader::new(file)).map_err(|reason| format!("{path}:{reason}"))?;
        let numbers = WeightedAliasIndex::new(counts.clone())
            .map_err(|_| format!("{path}: it has no size with a count above zero"))?;
        Ok(Self { path: path.to_owned(), lens, counts, numbers })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn max_len(&self) -> u32 {
        self.lens.iter().max().copied().unwrap_or(0)
    }

    pub(super) const fn numbers(&self) -> &WeightedAliasIndex<f64> {
        &self.numbers
    }

    pub(super) fn len_of(&self, number: usize) -> u32 {
        self.lens.get(number).copied().unwrap_or(0)
    }
}

/// Sizes and counts. The error begins with the number of the line, from 1.
fn entries(mut lines: impl BufRead) -> Result<(Vec<u32>, Vec<f64>), String> {
    let (mut lens, mut counts, mut line) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1_u64.. {
        line.clear();
        let len = (&mut lines).take(MAX_LINE_LEN).read_until(b'\n', &mut line);
        match len {
            Ok(0) => break,
            Ok(len) if len as u64 == MAX_LINE_LEN => {
                return Err(format!("{number}: it has more than {MAX_LINE_LEN} bytes"));
            }
            Ok(_) => {}
            Err(error) => return Err(format!("{number}: {error}")),
        }
        if let Some((len, count)) = entry(&line).map_err(|reason| format!("{number}: {reason}"))? {
            lens.push(len);
            counts.push(count);
        }
        if lens.len() > MAX_SIZES {
            return Err(format!("{number}: a histogram has at most {MAX_SIZES} sizes"));
        }
    }
    Ok((lens, counts))
}

fn entry(line: &[u8]) -> Result<Option<(u32, f64)>, String> {
    let line = std::str::from_utf8(line).map_err(|_| "it is not UTF-8 text")?;
    let said = line.split('#').next().unwrap_or_default();
    match said.split_whitespace().collect::<Vec<_>>()[..] {
        [] => Ok(None),
        [size, count] => {
            let len = super::within_limit(units::size(size)?)?;
            Ok(Some((len, units::count(count)? as f64)))
        }
        _ => Err(format!("\"{}\" is not `SIZE COUNT`, such as `1KiB 250`", said.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_remarks_are_not() {
        let text = "# sizes of a day\n64B 10\n\n  1KiB\t 2k # rare\r\n7 0";
        assert_eq!(entries(text.as_bytes()), Ok((vec![64, 1024, 7], vec![10.0, 2_000.0, 0.0])));
    }

    #[test]
    fn errors_name_the_line_and_what_is_wrong() {
        for (text, says) in [
            ("64 1\n64", "2: \"64\" is not `SIZE COUNT`"),
            ("64 1 1", "1: \"64 1 1\" is not `SIZE COUNT`"),
            ("#\n\n-3 1", "3: \"-3\" is no size: it is below zero"),
            ("3 x", "1: \"x\" is no count"),
            ("65MiB 1", "1: payloads of 68157440 bytes are longer than 64 MiB"),
        ] {
            assert!(entries(text.as_bytes()).is_err_and(|reason| reason.starts_with(says)), "{text}");
        }
        assert!(entries(&[0xff_u8][..]).is_err_and(|reason| reason == "1: it is not UTF-8 text"));
        assert!(entries(&[b'1'; 5_000][..]).is_err_and(|reason| reason == "1: it has more than 4096 bytes"));
    }
}
