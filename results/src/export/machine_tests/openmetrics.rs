//! A reader of OpenMetrics, and what the specification asks for: order of lines, suffixes, quantiles, escapes, and no sample twice.

use super::*;
use std::collections::HashSet;

#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) unit: String,
    pub(super) samples: Vec<Sample>,
}

#[derive(Debug)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: Vec<(String, String)>,
    pub(super) value: f64,
}

/// Reads a whole text. What does not keep to the specification is an error.
pub(super) fn read(text: &str) -> Result<Vec<Family>, String> {
    let body = text.strip_suffix("# EOF\n").ok_or("it does not end in # EOF and a line feed")?;
    let mut families: Vec<Family> = Vec::new();
    let mut metadata: Vec<&str> = Vec::new();
    for line in body.split_terminator('\n') {
        let wrong = |why: &str| Err(format!("{why}: {line:?}"));
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (Some(keyword), Some(name), Some(value)) = (words.next(), words.next(), words.next()) else {
                return wrong("too few words");
            };
            if keyword == "TYPE" {
                if families.iter().any(|family| family.name == name) {
                    return wrong("a family twice");
                }
                metadata.clear();
                families.push(Family { name: name.into(), kind: value.into(), ..Family::default() });
            }
            let Some(family) = families.last_mut().filter(|family| family.name == name) else {
                return wrong("metadata of another family");
            };
            metadata.push(keyword);
            let order = ["TYPE", "UNIT", "HELP"];
            let is_sorted = metadata.is_sorted_by_key(|known| order.iter().position(|it| it == known));
            if !is_sorted
                || metadata.iter().collect::<HashSet<_>>().len() != metadata.len()
                || !family.samples.is_empty()
            {
                return wrong("metadata out of order");
            }
            if keyword == "UNIT" {
                if !name.ends_with(&format!("_{value}")) {
                    return wrong("the name does not end in the unit");
                }
                family.unit = value.into();
            }
        } else {
            let sample = sample(line)?;
            let Some(family) = families.last_mut() else { return wrong("a sample without a type") };
            belongs(family, &sample).map_err(|why| format!("{why}: {line:?}"))?;
            family.samples.push(sample);
        }
    }
    Ok(families)
}

/// Whether a sample may be one of the family.
fn belongs(family: &Family, sample: &Sample) -> Result<(), String> {
    let quantile = sample.labels.iter().find(|(name, _)| name == "quantile");
    let suffix = sample.name.strip_prefix(&family.name).ok_or("a sample of another family")?;
    match (family.kind.as_str(), suffix, quantile) {
        ("gauge", "", None) | ("summary", "_sum", None) => {}
        ("counter", "_total", None) if sample.value >= 0.0 => {}
        ("summary", "_count", None) if sample.value >= 0.0 && sample.value.fract() == 0.0 => {}
        ("summary", "", Some((_, text))) if text.parse::<f64>().is_ok_and(|q| (0.0..=1.0).contains(&q)) => {}
        (kind, suffix, _) => {
            return Err(format!("{suffix:?} is no suffix of a {kind}, or its value is none"));
        }
    }
    let is_same = |known: &Sample| known.name == sample.name && known.labels == sample.labels;
    if family.samples.iter().any(is_same) { Err("a sample twice".into()) } else { Ok(()) }
}

/// `name{label="value",...} number`.
fn sample(line: &str) -> Result<Sample, String> {
    let wrong = |why: &str| format!("{why}: {line:?}");
    let (name, mut rest) = line.split_once('{').ok_or_else(|| wrong("no labels"))?;
    let is_name = |name: &str| {
        let mut chars = name.chars();
        chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let mut labels: Vec<(String, String)> = Vec::new();
    loop {
        let (label, after) = rest.split_once("=\"").ok_or_else(|| wrong("no label"))?;
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().ok_or_else(|| wrong("a value without an end"))? {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, c @ ('"' | '\\'))) => c,
                    _ => return Err(wrong("an unknown escape")),
                }),
                (_, c) => value.push(c),
            }
        };
        if !is_name(label) || labels.iter().any(|(known, _)| known == label) {
            return Err(wrong("no name of a label, or twice the same"));
        }
        labels.push((label.into(), value));
        rest = &after[end + 1..];
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => break,
        }
    }
    let number = rest.strip_prefix("} ").ok_or_else(|| wrong("no value"))?;
    let is_number = number.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-'));
    let value = number.parse().ok().filter(|_| is_number && is_name(name));
    Ok(Sample { name: name.into(), labels, value: value.ok_or_else(|| wrong("no number or no name"))? })
}

#[test]
fn a_record_as_openmetrics() {
    let text = exported("openmetrics", &record()).text;
    assert_snapshot!(text);
    let families = read(&text).unwrap();
    let of = |name: &str| families.iter().find(|family| family.name == name).unwrap();
    let good: Vec<f64> = of("drumpost_good").samples.iter().map(|sample| sample.value).collect();
    assert_eq!(good, [1.0, 0.0, 0.0]);
    let response = of("drumpost_response_seconds");
    assert_eq!((response.kind.as_str(), response.unit.as_str()), ("summary", "seconds"));
    let p99 = response.samples.iter().find(|sample| sample.labels.last().unwrap().1 == "0.99").unwrap();
    assert_eq!(p99.value, record().runs[0].response().quantile_ns(0.99).unwrap() as f64 / 1e9);
    assert!(!families.iter().any(|family| family.name == "drumpost_confirm_seconds"));
}

#[test]
fn a_transport_that_confirms_and_a_search_as_openmetrics() {
    let confirming = Record { runs: vec![sample::confirming()], ..record() };
    let families = read(&exported("openmetrics", &confirming).text).unwrap();
    assert!(families.iter().any(|family| family.name == "drumpost_confirm_seconds"));
    let families = read(&exported("openmetrics", &sample::searched()).text).unwrap();
    let kept = families.iter().find(|family| family.name == "drumpost_kept_flows_per_second").unwrap();
    assert_eq!(kept.samples.iter().map(|sample| sample.value).collect::<Vec<_>>(), [2_400.0]);
}

/// The reader finds what is wrong, or it would prove nothing.
#[test]
fn the_reader_refuses_what_is_wrong() {
    for text in [
        "",
        "# TYPE a gauge\na{b=\"c\"} 1\n",
        "a{b=\"c\"} 1\n# EOF\n",
        "# TYPE a counter\na{b=\"c\"} 1\n# EOF\n",
        "# TYPE a summary\na{b=\"c\"} 1\n# EOF\n",
        "# TYPE a gauge\n# UNIT a seconds\na{b=\"c\"} 1\n# EOF\n",
        "# TYPE a gauge\n# HELP a b\n# UNIT a a\n# EOF\n",
        "# TYPE a gauge\na{b=\"c\"} 1\na{b=\"c\"} 2\n# EOF\n",
        "# TYPE a gauge\na{b=\"c\nd\"} 1\n# EOF\n",
        "# TYPE a gauge\na{b=\"c\\d\"} 1\n# EOF\n",
        "# TYPE a gauge\na{b=\"c\"} NaN\n# EOF\n",
    ] {
        assert!(read(text).is_err(), "{text:?}");
    }
}
