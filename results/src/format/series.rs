//! Converts the points of a time series to their fields in a document and back. FORMAT.md describes the fields, and `v1` has
//! their names.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serializer;
use serde::ser::Error as _;

use super::{FormatError, v1};
use crate::model::{Distribution, Point, Series};

pub(super) fn series(own: &Series) -> Result<Vec<v1::Point>, FormatError> {
    own.points().iter().map(point).collect()
}

fn point(own: &Point) -> Result<v1::Point, FormatError> {
    let response = &own.response;
    let histogram = (!response.is_empty()).then(|| response.to_bytes()).transpose()?;
    let service = own.service.as_ref().filter(|service| !service.is_empty());
    Ok(v1::Point {
        at_ns: own.at_ns,
        intervals: own.intervals,
        ended: own.ended,
        in_flight: own.in_flight,
        response_p50_ns: own.response_p50_ns,
        response_p99_ns: own.response_p99_ns,
        response_max_ns: own.response_max_ns,
        lag_p99_ns: own.lag_p99_ns,
        unconfirmed: own.unconfirmed,
        confirm_p99_ns: own.confirm_p99_ns,
        server_ready: own.server_ready,
        server_unacknowledged: own.server_unacknowledged,
        response_count: response.count(),
        response_over_range: response.over_range(),
        response_sum_ns: response.sum_ns(),
        response_min_ns: response.min_ns(),
        response_histogram: histogram.map(|bytes| STANDARD.encode(bytes)),
        service_ns: service.map(times).transpose()?,
    })
}

fn times(own: &Distribution) -> Result<v1::PointTimes, FormatError> {
    Ok(v1::PointTimes {
        count: own.count(),
        over_range: own.over_range(),
        sum: own.sum_ns(),
        min: own.min_ns(),
        p50: own.quantile_ns(0.5),
        p99: own.quantile_ns(0.99),
        max: own.max_ns(),
        histogram: STANDARD.encode(own.to_bytes()?),
    })
}

fn times_back(wire: &v1::PointTimes) -> Result<Distribution, String> {
    let v1::PointTimes { count, over_range, sum, min, max, histogram, .. } = wire;
    let bytes = STANDARD.decode(histogram).map_err(|error| format!("service_ns.histogram: {error}"))?;
    let (min_ns, max_ns) = (min.unwrap_or(0), max.unwrap_or(0));
    let own = Distribution::coarse_from_bytes(&bytes, *sum, min_ns, max_ns, *over_range)
        .map_err(|error| format!("service_ns: {error}"))?;
    if own.count() != *count {
        return Err(format!("service_ns.count is {count}, but the histogram holds {}", own.count()));
    }
    Ok(own)
}

fn point_back(at: &str, wire: &v1::Point) -> Result<Point, FormatError> {
    let bad = |reason: String| FormatError::Content { at: at.to_owned(), reason };
    let mut response = Distribution::coarse();
    if let Some(histogram) = &wire.response_histogram {
        let bytes =
            STANDARD.decode(histogram).map_err(|error| bad(format!("response_histogram: {error}")))?;
        let (min_ns, max_ns) = (wire.response_min_ns.unwrap_or(0), wire.response_max_ns.unwrap_or(0));
        let sum_ns = wire.response_sum_ns;
        response = Distribution::coarse_from_bytes(&bytes, sum_ns, min_ns, max_ns, wire.response_over_range)
            .map_err(|error| bad(error.to_string()))?;
    }
    if response.count() != wire.response_count {
        let (said, held) = (wire.response_count, response.count());
        return Err(bad(format!("response_count is {said}, but the histogram holds {held}")));
    }
    let service = wire.service_ns.as_ref().map(times_back).transpose().map_err(bad)?;
    Ok(Point {
        at_ns: wire.at_ns,
        intervals: wire.intervals,
        ended: wire.ended,
        in_flight: wire.in_flight,
        response,
        response_p50_ns: wire.response_p50_ns,
        response_p99_ns: wire.response_p99_ns,
        response_max_ns: wire.response_max_ns,
        service: service.filter(|service| !service.is_empty()),
        lag_p99_ns: wire.lag_p99_ns,
        unconfirmed: wire.unconfirmed,
        confirm_p99_ns: wire.confirm_p99_ns,
        server_ready: wire.server_ready,
        server_unacknowledged: wire.server_unacknowledged,
    })
}

pub(super) fn series_back(at: &str, wire: &[v1::Point]) -> Result<Series, FormatError> {
    let point = |(i, wire): (usize, &v1::Point)| point_back(&format!("{at}.series[{i}]"), wire);
    Ok(Series::from_points(wire.iter().enumerate().map(point).collect::<Result<_, _>>()?))
}

/// A point per line, in documents that are indented everywhere else: there may be thousands of them.
pub(super) fn one_line_each<S: Serializer>(points: &[v1::Point], serializer: S) -> Result<S::Ok, S::Error> {
    let line = |point| serde_json::value::to_raw_value(point).map_err(S::Error::custom);
    serializer.collect_seq(points.iter().map(line).collect::<Result<Vec<_>, _>>()?)
}
