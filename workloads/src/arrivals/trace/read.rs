//! Reads the lines of a trace, CSV or JSON. Each line is converted to numbers before the next one is read.
//!
//! A CSV line is `time[,size[,key]]`, with the time in seconds. A first line may name the columns, in any order
//! (`columns`). Fields may be quoted. A JSON line is an object with fields of these names. A time is a number, or a
//! date with a time of day as in ISO 8601. Times must not go back. Blank lines and lines that begin with `#` are
//! ignored.

use super::columns::{Layout, TraceColumns};
use crate::{payload, units};
use csv_core::ReadRecordResult;
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{BufRead, Read},
};

/// A longer line is none of a trace.
const MAX_LINE_LEN: u64 = 1 << 16;

/// More fields than this has no line of a trace.
const MAX_FIELDS: usize = 1 << 10;

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

/// All flows, `limit` of them at most. The error begins with the number of the line, from 1.
pub(super) fn flows(mut lines: impl BufRead, columns: &TraceColumns, limit: usize) -> Result<Flows, String> {
    let mut reader = Reader {
        columns,
        flows: Flows::default(),
        layout: None,
        is_json: None,
        fields: Fields::default(),
        first_ns: 0,
        last_ns: 0,
    };
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
        // A byte order mark, as some tables write it.
        let text = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| number == 1).unwrap_or(&line);
        reader.line(text, limit).map_err(|reason| format!("{number}: {reason}"))?;
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

/// The fields of the line at hand; their room is used again for the next.
struct Fields {
    parser: csv_core::Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
}

impl Default for Fields {
    fn default() -> Self {
        let text = vec![0; MAX_LINE_LEN as usize];
        Self { parser: csv_core::Reader::new(), text, ends: vec![0; MAX_FIELDS], count: 0 }
    }
}

impl Fields {
    fn read(&mut self, line: &str) -> Result<(), String> {
        self.parser.reset();
        self.count = 0;
        let (mut input, mut written) = (line.as_bytes(), 0);
        // The empty input at the end says that the line is over.
        loop {
            let (result, read, wrote, ends) =
                self.parser.read_record(input, &mut self.text[written..], &mut self.ends[self.count..]);
            input = &input[read..];
            written += wrote;
            self.count += ends;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record | ReadRecordResult::End => break,
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    return Err(format!("it has more than {MAX_FIELDS} fields"));
                }
            }
        }
        if !input.is_empty() || line.bytes().filter(|byte| *byte == b'"').count() % 2 == 1 {
            return Err("a quote is opened and not closed on the line".to_owned());
        }
        Ok(())
    }

    fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends[..self.count].get(at)?;
        let begin = if at == 0 { 0 } else { self.ends[at - 1] };
        // What is taken from UTF-8 at commas is UTF-8.
        let field = std::str::from_utf8(self.text.get(begin..end)?).unwrap_or_default().trim();
        (!field.is_empty()).then_some(field)
    }
}

struct Reader<'a> {
    columns: &'a TraceColumns,
    flows: Flows,
    layout: Option<Layout>,
    /// Whether lines are JSON, as the first is.
    is_json: Option<bool>,
    fields: Fields,
    first_ns: u64,
    last_ns: u64,
}

impl Reader<'_> {
    fn line(&mut self, line: &[u8], limit: usize) -> Result<(), String> {
        let line = std::str::from_utf8(line).map_err(|_| "it is no text in UTF-8")?.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let entry = if *self.is_json.get_or_insert(line.starts_with('{')) {
            from_json(line, self.columns)?
        } else {
            self.fields.read(line)?;
            match self.layout {
                Some(layout) => self.csv_entry(layout)?,
                None if self.fields.get(0).is_some_and(is_value) && !self.columns.is_given() => {
                    let layout = *self.layout.insert(Layout::PLAIN);
                    self.csv_entry(layout)?
                }
                None => {
                    let names: Vec<&str> =
                        (0..self.fields.count).map(|at| self.fields.get(at).unwrap_or_default()).collect();
                    self.layout = Some(self.columns.layout(&names)?);
                    return Ok(());
                }
            }
        };
        if self.flows.after_ns.len() == limit {
            return Err(format!("a trace has at most {limit} flows"));
        }
        self.add(entry)
    }

    fn csv_entry(&self, layout: Layout) -> Result<Entry, String> {
        let field = |at: Option<usize>| at.and_then(|at| self.fields.get(at));
        Ok(Entry {
            at_ns: time(field(Some(layout.time)).unwrap_or_default(), layout.unit)?,
            size: field(layout.size).map(size).transpose()?,
            key: field(layout.key).map(key).transpose()?,
        })
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

/// Whether a field is a value, and so no name of a column.
fn is_value(field: &str) -> bool {
    field.starts_with(|c: char| c.is_ascii_digit() || c == '-')
}

/// Numbers stay text: a float would lose the nanoseconds.
fn from_json(line: &str, columns: &TraceColumns) -> Result<Entry, String> {
    let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(line).map_err(|error| {
        // It would say that it is line 1 of what it was given.
        let said = error.to_string();
        format!("it is no JSON object: {}", said.split(" at line").next().unwrap_or_default())
    })?;
    let names: Vec<&str> = fields.keys().map(AsRef::as_ref).collect();
    let layout = columns.layout(&names).map_err(|reason| {
        reason.replace("it is no flow such as 0.125,512,7 and names no column", "it has no field")
    })?;
    let values: Vec<&str> = fields.values().map(|value| value.get()).collect();
    let value =
        |at: Option<usize>| at.and_then(|at| values.get(at).copied()).filter(|value| *value != "null");
    let unquoted = |text: &str| serde_json::from_str::<String>(text).unwrap_or_else(|_| text.to_owned());
    Ok(Entry {
        at_ns: time(&unquoted(value(Some(layout.time)).unwrap_or_default()), layout.unit)?,
        size: value(layout.size).map(size).transpose()?,
        key: value(layout.key).map(key).transpose()?,
    })
}

/// A number of the column's unit, or a date with a time of the day.
fn time(text: &str, (unit, factor): (&str, u64)) -> Result<u64, String> {
    if let Some((ns, _)) = units::scientific(text, factor) {
        return Ok(ns);
    }
    if text.get(4..5) == Some("-") {
        return date(text);
    }
    let digits = text.split('.').next().unwrap_or_default();
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // What 2001 to 2286 look like in each unit.
    let probably = [(13, "ms"), (16, "us"), (19, "ns")].iter().find(|(len, _)| *len == digits.len());
    match probably.filter(|(_, other)| is_number && *other != unit) {
        Some((len, other)) => Err(format!(
            "the time \"{text}\" in {unit} is beyond 584 years; a time of {len} digits is probably {other} since 1970: \
             call the column at_{other}, or say --trace-columns at=NAME:{other}"
        )),
        None => Err(format!("the time \"{text}\" is no date and no decimal number from zero to 584 years")),
    }
}

/// Nanoseconds since 1970 of `2023-11-16 18:15:46.6805900`, with a `T` or a blank, and an offset or none.
fn date(text: &str) -> Result<u64, String> {
    let wrong = |why: String| format!("the time \"{text}\" is no date such as 2023-11-16 18:15:46.68: {why}");
    let at: Result<jiff::Timestamp, _> = text.parse();
    let ns = match at {
        Ok(at) => at.as_nanosecond(),
        Err(_) => {
            let civil: jiff::civil::DateTime =
                text.parse().map_err(|error: jiff::Error| wrong(error.to_string()))?;
            let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).map_err(|error| wrong(error.to_string()))?;
            zoned.timestamp().as_nanosecond()
        }
    };
    u64::try_from(ns).map_err(|_| wrong("it is not between 1970 and 2554".to_owned()))
}

/// A whole number, also as `63.0`.
fn whole(text: &str) -> Option<u64> {
    units::scientific(text, 1).filter(|(_, is_exact)| *is_exact).map(|(number, _)| number)
}

fn size(text: &str) -> Result<u32, String> {
    let size = whole(text)
        .and_then(|size| u32::try_from(size).ok())
        .filter(|size| *size <= payload::MAX_PAYLOAD_LEN);
    size.ok_or_else(|| format!("the size \"{text}\" is no whole number of bytes up to 64 MiB"))
}

fn key(text: &str) -> Result<u32, String> {
    let key = whole(text).and_then(|key| u32::try_from(key).ok());
    key.ok_or_else(|| format!("the key \"{text}\" is no whole number up to 4294967295"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Flows, String> {
        flows(text.as_bytes(), &TraceColumns::default(), 5)
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
    fn public_traces_are_read_as_they_are() {
        let azure = "\u{feff}TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9951690,396.0,109\r\n";
        let columns: TraceColumns = "at=TIMESTAMP,size=ContextTokens".parse().unwrap();
        let read = flows(azure.as_bytes(), &columns, 5).unwrap();
        assert_eq!((read.after_ns, read.sizes), (vec![0, 4_314_579_000], vec![374, 396]));
        for text in [
            "2024-05-10 00:00:00.5+00:00,63.0\n2024-05-10T00:00:01.5Z,64.0",
            "At_S,note,Size\n1,\"a, \"\"b\"\"\",63\n2,\"\",64",
            "\"0.5\",\"63\"\n\"1.5\",\"64\"",
            "{\"at_s\":1e-05,\"size\":63}\n{\"AT_S\":1.00001,\"Size\":6.4e1}",
            "{\"at_s\":\"2024-05-10 00:00:00\",\"size\":63}\n{\"at_s\":\"2024-05-10 00:00:01\",\"size\":64}",
        ] {
            let read = flows(text.as_bytes(), &TraceColumns::default(), 5).unwrap();
            assert_eq!((read.after_ns, read.sizes), (vec![0, 1_000_000_000], vec![63, 64]), "{text}");
        }
    }

    #[test]
    fn errors_name_the_line_and_what_is_wrong() {
        for (text, says) in [
            ("", " there is no flow in it"),
            ("# nothing\n\n", " there is no flow in it"),
            ("at,size\n1,2", "1: it is no flow such as 0.125,512,7 and names no column at_s"),
            ("1\n2\nx", "3: the time \"x\" is no date and no decimal number"),
            ("1\n-2", "2: the time \"-2\" is no date and no decimal number"),
            ("1\n2e99", "2: the time \"2e99\""),
            (
                "1732190000000,3",
                "1: the time \"1732190000000\" in s is beyond 584 years; a time of 13 digits is probably ms",
            ),
            (
                "at_ms\n1732190000123456",
                "2: the time \"1732190000123456\" in ms is beyond 584 years; a time of 16 digits is probably us",
            ),
            ("2023-13-16 18:15:46", "1: the time \"2023-13-16 18:15:46\" is no date"),
            ("1969-01-01 00:00:00", "1: the time \"1969-01-01 00:00:00\" is no date"),
            ("1,63.5", "1: the size \"63.5\" is no whole number"),
            ("at_s,sizes\n1,2", "1: no column is called size; is it `sizes`?"),
            ("at_s,n\n1,\"2", "2: a quote is opened and not closed"),
            ("{\"at_s\":1,\"bytes\":2}", "1: no column is called size; is it `bytes`?"),
            ("5\n4.9", "2: its time is before that of the flow above"),
            ("1,2\n2", "2: it has no size, unlike the flows above"),
            ("1\n2,3", "2: it has a size, unlike the flows above"),
            ("1,2,3\n2,3,", "2: it has no key, unlike the flows above"),
            ("1,67108865", "1: the size \"67108865\" is no whole number of bytes up to 64 MiB"),
            ("1,2,x", "1: the key \"x\" is no whole number"),
            ("{\"at_s\":1}\n{\"at_s\":", "2: it is no JSON object: EOF while parsing a value"),
            ("{\"at\":1}", "1: it has no field at_s, at_ms"),
            ("{\"at_s\":\"x\"}", "1: the time \"x\" is no date and no decimal number"),
            ("{\"at_s\":1,\"size\":-1}", "1: the size \"-1\""),
            ("1\n1\n1\n1\n1\n1", "6: a trace has at most 5 flows"),
        ] {
            assert!(read(text).is_err_and(|reason| reason.starts_with(says)), "{text:?}: {:?}", read(text));
        }
        assert!(
            flows(&[0xff_u8, b'\n'][..], &TraceColumns::default(), 5)
                .is_err_and(|reason| reason == "1: it is no text in UTF-8")
        );
        let long = "1".repeat(1 << 17);
        assert!(read(&long).is_err_and(|reason| reason == "1: it has more than 65536 bytes"));
    }
}
