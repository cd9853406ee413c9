//! Families of metrics as an `ExportMetricsServiceRequest` of OTLP, in protobuf.
//!
//! The messages and the numbers of their fields are those of <https://github.com/open-telemetry/opentelemetry-proto>, version 1. The few that
//! are used are written by hand: a client library brings a hundred packages and cannot send histograms that were counted elsewhere.

use drumpost_results::metrics::{BOUNDS, Family, Kind, Labels, Point, Times};

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`: counters and histograms are sums since the start.
const CUMULATIVE: u64 = 2;

/// Since when figures add up, and when they were read, in ns since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub from_ns: u64,
    pub until_ns: u64,
}

/// A message of protobuf.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    fn fixed(&mut self, field: u64, value: u64) {
        self.varint((field << 3) | 1);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn double(&mut self, field: u64, value: f64) {
        self.fixed(field, value.to_bits());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint((field << 3) | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }

    /// Values of eight bytes one after the other.
    fn packed(&mut self, field: u64, values: impl Iterator<Item = u64>) {
        let bytes: Vec<u8> = values.flat_map(u64::to_le_bytes).collect();
        self.bytes(field, &bytes);
    }

    fn attribute(&mut self, field: u64, name: &str, value: &str) {
        let mut any = Self::default();
        any.text(1, value);
        let mut pair = Self::default();
        pair.text(1, name);
        pair.message(2, &any);
        self.message(field, &pair);
    }

    fn attributes(&mut self, field: u64, labels: &Labels) {
        for (name, value) in labels.pairs() {
            self.attribute(field, &attribute(name), value);
        }
    }
}

/// The request. Families without points are left out.
pub(super) fn request(families: &[Family], span: Span) -> Vec<u8> {
    let mut resource = Message::default();
    resource.attribute(1, "service.name", "drumpost");
    resource.attribute(1, "service.version", env!("CARGO_PKG_VERSION"));
    let mut scope = Message::default();
    scope.text(1, "drumpost");
    scope.text(2, env!("CARGO_PKG_VERSION"));
    let mut of_scope = Message::default();
    of_scope.message(1, &scope);
    for family in families.iter().filter(|family| !family.points().is_empty()) {
        of_scope.message(2, &metric(family, span));
    }
    let mut of_resource = Message::default();
    of_resource.message(1, &resource);
    of_resource.message(2, &of_scope);
    let mut request = Message::default();
    request.message(1, &of_resource);
    request.0
}

fn metric(family: &Family, span: Span) -> Message {
    let mut data = Message::default();
    for (labels, of) in family.points() {
        data.message(1, &point(family.kind, labels, of, span));
    }
    let mut metric = Message::default();
    metric.text(1, &name(family));
    metric.text(2, family.help);
    metric.text(3, unit(family.unit));
    match family.kind {
        Kind::Gauge | Kind::Info => metric.message(5, &data),
        Kind::Counter => {
            data.number(2, CUMULATIVE);
            // It is monotonic.
            data.number(3, 1);
            metric.message(7, &data);
        }
        Kind::Histogram => {
            data.number(2, CUMULATIVE);
            metric.message(9, &data);
        }
        Kind::Summary => metric.message(11, &data),
    }
    metric
}

fn point(kind: Kind, labels: &Labels, of: &Point, span: Span) -> Message {
    let mut own = Message::default();
    if !matches!(kind, Kind::Gauge | Kind::Info) {
        own.fixed(2, span.from_ns);
    }
    own.fixed(3, span.until_ns);
    match of {
        Point::Number(value) => {
            own.double(4, *value);
            own.attributes(7, labels);
        }
        Point::Histogram(times) => {
            let Times { count, sum_ns, counts } = **times;
            let above = count.saturating_sub(counts.iter().sum());
            own.fixed(4, count);
            own.double(5, sum_ns as f64 / 1e9);
            own.packed(6, counts.into_iter().chain([above]));
            own.packed(7, BOUNDS.iter().map(|(ns, _)| (*ns as f64 / 1e9).to_bits()));
            own.attributes(9, labels);
        }
        Point::Summary { quantiles, count, sum } => {
            own.fixed(4, *count);
            own.double(5, *sum);
            for (quantile, _, value) in quantiles {
                let mut one = Message::default();
                one.double(1, *quantile);
                one.double(2, *value);
                own.message(6, &one);
            }
            own.attributes(7, labels);
        }
    }
    own
}

/// The name as the conventions have it: Prometheus's names have `_` for `.`, and end in the unit.
fn name(family: &Family) -> String {
    let bare = family.name.strip_suffix(family.unit).filter(|_| !family.unit.is_empty());
    let bare = bare.map_or(family.name, |bare| bare.trim_end_matches('_'));
    match bare.split_once('_') {
        Some(("messaging", _)) => bare.replace('_', "."),
        Some((first, rest)) => format!("{first}.{rest}"),
        None => bare.to_owned(),
    }
}

fn attribute(name: &str) -> String {
    if name.starts_with("messaging_") { name.replace('_', ".") } else { name.to_owned() }
}

/// Units as UCUM has them.
fn unit(unit: &str) -> &str {
    match unit {
        "seconds" => "s",
        "bytes" => "By",
        "ratio" | "" => "1",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_conventions() {
        let of = |name, unit| super::name(&Family::new(Kind::Gauge, name, unit, ""));
        assert_eq!(of("messaging_client_sent_messages", ""), "messaging.client.sent.messages");
        assert_eq!(of("messaging_process_duration_seconds", "seconds"), "messaging.process.duration");
        assert_eq!(of("drumpost_lag_p99_seconds", "seconds"), "drumpost.lag_p99");
        assert_eq!(of("drumpost_in_flight_flows", ""), "drumpost.in_flight_flows");
        assert_eq!(attribute("messaging_destination_name"), "messaging.destination.name");
        assert_eq!(attribute("dispatch"), "dispatch");
    }

    #[test]
    fn numbers_take_as_many_bytes_as_they_need() {
        let of = |value| {
            let mut message = Message::default();
            message.number(1, value);
            message.0
        };
        assert_eq!(of(1), [8, 1]);
        assert_eq!(of(150), [8, 0x96, 1], "the example of protobuf's page on encoding");
        assert_eq!(of(u64::MAX).len(), 11);
    }
}
