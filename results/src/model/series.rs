//! How a trial went over time: one point per interval, bounded however long the trial is.
//!
//! Lives here: the points and how neighbours are merged. Does not live here: who samples them.

/// A series never holds more points than this; neighbours are merged instead.
pub const POINTS_AT_MOST: usize = 600;

/// One interval of a trial. Where intervals were merged, counts are sums and times are the highest of them:
/// percentiles of parts say no more than that about the whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Point {
    /// End of the interval, from the start of the measured window.
    pub at_ns: u64,
    /// How many intervals were merged into this one.
    pub intervals: u32,
    /// Flows ended in it.
    pub ended: u64,
    /// Flows in flight at its end.
    pub in_flight: u64,
    /// Median response time.
    pub response_p50_ns: Option<u64>,
    /// 99th percentile of the response time.
    pub response_p99_ns: Option<u64>,
    /// Longest response time.
    pub response_max_ns: Option<u64>,
    /// 99th percentile of the schedule lag.
    pub lag_p99_ns: Option<u64>,
}

impl Point {
    /// Takes the interval that follows into this one.
    pub fn merge(&mut self, next: &Self) {
        let Self {
            at_ns,
            intervals,
            ended,
            in_flight,
            response_p50_ns,
            response_p99_ns,
            response_max_ns,
            lag_p99_ns,
        } = *next;
        self.at_ns = at_ns;
        self.intervals += intervals;
        self.ended += ended;
        self.in_flight = self.in_flight.max(in_flight);
        self.response_p50_ns = self.response_p50_ns.max(response_p50_ns);
        self.response_p99_ns = self.response_p99_ns.max(response_p99_ns);
        self.response_max_ns = self.response_max_ns.max(response_max_ns);
        self.lag_p99_ns = self.lag_p99_ns.max(lag_p99_ns);
    }
}

/// The points of one trial, in order of time, at most [`POINTS_AT_MOST`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    points: Vec<Point>,
    /// How many intervals a full point holds; zero stands for one.
    intervals_per_point: u32,
}

impl Series {
    /// A series read back from a document.
    #[must_use]
    pub fn from_points(points: Vec<Point>) -> Self {
        let intervals_per_point = points.iter().map(|point| point.intervals).max().unwrap_or(0);
        Self { points, intervals_per_point }
    }

    /// The same with neighbours merged until there are at most so many points, at least one.
    #[must_use]
    pub fn thinned(&self, at_most: usize) -> Self {
        let of = self.points.len().div_ceil(at_most.max(1)).max(1);
        let merged = self.points.chunks(of).filter_map(|chunk| {
            let (first, rest) = chunk.split_first()?;
            let mut point = first.clone();
            rest.iter().for_each(|next| point.merge(next));
            Some(point)
        });
        Self::from_points(merged.collect())
    }

    /// The points, in order of time.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Adds the next interval; merges neighbours when the series is full.
    pub fn push(&mut self, mut point: Point) {
        point.intervals = point.intervals.max(1);
        self.intervals_per_point = self.intervals_per_point.max(1);
        let full = |last: &Point| last.intervals >= self.intervals_per_point;
        if let Some(last) = self.points.last_mut().filter(|last| !full(last)) {
            last.merge(&point);
            return;
        }
        if self.points.len() >= POINTS_AT_MOST {
            self.halve();
        }
        self.points.push(point);
    }

    fn halve(&mut self) {
        let merge = |pair: &[Point]| {
            let mut point = pair[0].clone();
            pair[1..].iter().for_each(|next| point.merge(next));
            point
        };
        self.points = self.points.chunks(2).map(merge).collect();
        self.intervals_per_point *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_series_stays_bounded_and_loses_nothing() {
        let mut series = Series::default();
        for i in 1..=10_000u64 {
            let point = Point {
                at_ns: i * 100,
                ended: 1,
                response_max_ns: Some(i),
                lag_p99_ns: None,
                ..Point::default()
            };
            series.push(point);
        }
        let points = series.points();
        assert!(points.len() <= POINTS_AT_MOST && points.len() > POINTS_AT_MOST / 4, "{}", points.len());
        assert_eq!(points.iter().map(|point| point.ended).sum::<u64>(), 10_000);
        assert_eq!(points.iter().map(|point| point.intervals).sum::<u32>(), 10_000);
        assert_eq!(points.last().and_then(|point| point.response_max_ns), Some(10_000));
        assert_eq!(points.last().map(|point| point.at_ns), Some(1_000_000));
        assert!(points.is_sorted_by_key(|point| point.at_ns));
    }
}
