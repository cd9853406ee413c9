//! Lines of a trace, CSV or JSON, to numbers. A line is read, understood and forgotten before the next.
//!
//! A CSV line is `time[,size[,key]]`, the time in seconds; or a first line names the columns, in any order: `at_s`, `at_ms`,
//! `at_us` or `at_ns`, `size`, `key`; others are passed over. A JSON line is an object with fields of these names. Times
//! never go back. Blank lines and those that begin with `#` are passed over.

use crate::{payload, units};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::io::{BufRead, Read};

/// A longer line is none of a trace.
const MAX_LINE_LEN: u64 = 1 << 16;

/// Units that times come in, by the name of their column, in ns.
const TIMES: [(&str, u64); 4] =
    [("at_s", 1_000_000_000), ("at_ms", 1_000_000), ("at_us", 1_000), ("at_ns", 1)];

/// What a trace says, column by column; no sizes or keys where it says none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Flows {
    /// In ns after the first.
    pub(super) after_ns: Vec<u64>,
    pub(super) sizes: Vec<u32>,
    pub(super) keys: Vec<u32>,
}

/// One line.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at_ns: u64,
    size: Option<u32>,
    key: Option<u32>,
}

/// Which fields of a CSV line say what, and the factor from its time to ns.
#[derive(Clone, Copy, Debug)]
struct Layout {
    time: usize,
    factor: u64,
    size: Option<usize>,
    key: Option<usize>,
}

/// All flows, `limit` of them at most. The error begins with the number of the line, from 1.
pub(super) fn flows(mut lines: impl BufRead, limit: usize) -> Result<Flows, String> {
    let mut reader = Reader::default();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let len = (&mut lines).take(MAX_LINE_LEN).read_until(b'\n', &mut line);
        let is_over = match len {
            Ok(0) => true,
            Ok(len) if len as u64 == MAX_LINE_LEN => {
                Err(format!("{number}: it has more than {MAX_LINE_LEN} bytes"))?
            }
            Ok(_) => false,
            Err(error) => Err(format!("{number}: {error}"))?,
        };
        if is_over {
            break;
        }
        reader.line(&line, limit).map_err(|reason| format!("{number}: {reason}"))?;
    }
    let Flows { after_ns, sizes, keys } = &mut reader.flows;
    if after_ns.is_empty() {
        return Err(" there is no flow in it".to_owned());
    }
    after_ns.shrink_to_fit();
    sizes.shrink_to_fit();
    keys.shrink_to_fit();
    Ok(reader.flows)
}

#[derive(Default)]
struct Reader {
    flows: Flows,
    layout: Option<Layout>,
    first_ns: u64,
    last_ns: u64,
}

impl Reader {
    fn line(&mut self, line: &[u8], limit: usize) -> Result<(), String> {
        let line = std::str::from_utf8(line).map_err(|_| "it is no text in UTF-8")?.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let entry = if line.starts_with('{') {
            from_json(line)?
        } else {
            let layout = match self.layout {
                Some(layout) => layout,
                None if line.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                    *self.layout.insert(Layout { time: 0, factor: TIMES[0].1, size: Some(1), key: Some(2) })
                }
                None => {
                    self.layout = Some(header(line)?);
                    return Ok(());
                }
            };
            from_csv(line, layout)?
        };
        if self.flows.after_ns.len() == limit {
            return Err(format!("a trace has at most {limit} flows"));
        }
        self.add(entry)
    }

    fn add(&mut self, entry: Entry) -> Result<(), String> {
        let Flows { after_ns, sizes, keys } = &mut self.flows;
        let is_first = after_ns.is_empty();
        if is_first {
            (self.first_ns, self.last_ns) = (entry.at_ns, entry.at_ns);
        }
        if entry.at_ns < self.last_ns {
            return Err("its time is before that of the flow above".to_owned());
        }
        let same = |what: &str, had: bool, has: bool| match is_first || had == has {
            true => Ok(()),
            false => Err(format!("it has {} {what}, unlike the flows above", if has { "a" } else { "no" })),
        };
        same("size", !sizes.is_empty(), entry.size.is_some())?;
        same("key", !keys.is_empty(), entry.key.is_some())?;
        self.last_ns = entry.at_ns;
        after_ns.push(entry.at_ns - self.first_ns);
        sizes.extend(entry.size);
        keys.extend(entry.key);
        Ok(())
    }
}

fn header(line: &str) -> Result<Layout, String> {
    let names: Vec<&str> = line.split(',').map(str::trim).collect();
    let at = |name: &str| names.iter().position(|known| *known == name);
    let time = TIMES.iter().find_map(|(name, factor)| Some((at(name)?, *factor)));
    let (time, factor) =
        time.ok_or("it is no flow such as 0.125,512,7 and names no column at_s, at_ms, at_us or at_ns")?;
    Ok(Layout { time, factor, size: at("size"), key: at("key") })
}

fn from_csv(line: &str, layout: Layout) -> Result<Entry, String> {
    // Three fields, wherever they are, without a list of all.
    let field = |at: usize| line.split(',').nth(at).map(str::trim).filter(|field| !field.is_empty());
    let number = |at: Option<usize>| at.and_then(field);
    Ok(Entry {
        at_ns: time(field(layout.time).unwrap_or_default(), layout.factor)?,
        size: number(layout.size).map(size).transpose()?,
        key: number(layout.key).map(key).transpose()?,
    })
}

/// The fields that are looked at. Numbers stay text: a float would lose the nanoseconds.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    at_s: Option<&'a RawValue>,
    #[serde(borrow)]
    at_ms: Option<&'a RawValue>,
    #[serde(borrow)]
    at_us: Option<&'a RawValue>,
    #[serde(borrow)]
    at_ns: Option<&'a RawValue>,
    #[serde(borrow)]
    size: Option<&'a RawValue>,
    #[serde(borrow)]
    key: Option<&'a RawValue>,
}

fn from_json(line: &str) -> Result<Entry, String> {
    let line: Line<'_> = serde_json::from_str(line).map_err(|error| {
        // It would say that it is line 1 of what it was given.
        let said = error.to_string();
        format!("it is no JSON object: {}", said.split(" at line").next().unwrap_or_default())
    })?;
    let times = [line.at_s, line.at_ms, line.at_us, line.at_ns];
    let found = times.iter().zip(TIMES).find_map(|(value, (_, factor))| Some(((*value)?, factor)));
    let (value, factor) = found.ok_or("it has no field at_s, at_ms, at_us or at_ns")?;
    Ok(Entry {
        at_ns: time(value.get(), factor)?,
        size: line.size.map(RawValue::get).map(size).transpose()?,
        key: line.key.map(RawValue::get).map(key).transpose()?,
    })
}

fn time(text: &str, factor: u64) -> Result<u64, String> {
    let ns = units::decimal(text, factor).map(|(ns, _)| ns);
    ns.ok_or_else(|| format!("the time \"{text}\" is no decimal number from zero to 584 years"))
}

fn size(text: &str) -> Result<u32, String> {
    let size = text.parse().ok().filter(|size| *size <= payload::MAX_PAYLOAD_LEN);
    size.ok_or_else(|| format!("the size \"{text}\" is no whole number of bytes up to 64 MiB"))
}

fn key(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("the key \"{text}\" is no whole number up to 4294967295"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Flows, String> {
        flows(text.as_bytes(), 5)
    }

    #[test]
    fn csv_and_json_say_the_same() {
        let expected = Flows {
            after_ns: vec![0, 1_500_000_001, 1_500_000_001],
            sizes: vec![10, 20, 30],
            keys: vec![1, 2, 4_294_967_295],
        };
        for text in [
            "1732190000.5,10,1\n1732190002.000000001,20,2\n\n# a remark\n1732190002.000000001,30,4294967295",
            "key, other, at_ms ,size\r\n1,x,1732190000500,10\r\n2,y,1732190002000.000001,20\r\n4294967295,,1732190002000.000001,30\r\n",
            "{\"at_s\":1732190000.5,\"size\":10,\"key\":1,\"more\":[1]}\n{\"at_ns\":1732190002000000001,\"key\":2,\"size\":20}\n\
             {\"at_us\":1732190002000000.001,\"key\":4294967295,\"size\":30}",
        ] {
            assert_eq!(read(text), Ok(expected.clone()), "{text}");
        }
        assert_eq!(read("3\n4").unwrap(), Flows { after_ns: vec![0, 1_000_000_000], ..Flows::default() });
    }

    #[test]
    fn errors_name_the_line_and_what_is_wrong() {
        for (text, says) in [
            ("", " there is no flow in it"),
            ("# nothing\n\n", " there is no flow in it"),
            ("at,size\n1,2", "1: it is no flow such as 0.125,512,7 and names no column at_s"),
            ("1\n2\nx", "3: the time \"x\" is no decimal number"),
            ("1\n-2", "2: the time \"-2\" is no decimal number"),
            ("1\n2e9", "2: the time \"2e9\""),
            ("5\n4.9", "2: its time is before that of the flow above"),
            ("1,2\n2", "2: it has no size, unlike the flows above"),
            ("1\n2,3", "2: it has a size, unlike the flows above"),
            ("1,2,3\n2,3,", "2: it has no key, unlike the flows above"),
            ("1,67108865", "1: the size \"67108865\" is no whole number of bytes up to 64 MiB"),
            ("1,2,x", "1: the key \"x\" is no whole number"),
            ("{\"at_s\":1}\n{\"at_s\":", "2: it is no JSON object: EOF while parsing a value"),
            ("{\"at\":1}", "1: it has no field at_s, at_ms"),
            ("{\"at_s\":\"1\"}", "1: the time \"\"1\"\" is no decimal number"),
            ("{\"at_s\":1,\"size\":-1}", "1: the size \"-1\""),
            ("1\n1\n1\n1\n1\n1", "6: a trace has at most 5 flows"),
        ] {
            assert!(read(text).is_err_and(|reason| reason.starts_with(says)), "{text:?}: {:?}", read(text));
        }
        assert!(flows(&[0xff_u8, b'\n'][..], 5).is_err_and(|reason| reason == "1: it is no text in UTF-8"));
        let long = "1".repeat(1 << 17);
        assert!(read(&long).is_err_and(|reason| reason == "1: it has more than 65536 bytes"));
    }
}
