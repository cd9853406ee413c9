//! The time series of a trial: one point per interval, with a limit on the number of points.
//!
//! Lives here: the points, how neighbours are merged, and how the series is completed at the end. Does not live here:
//! the sampling (the command line).

use super::Distribution;

/// A series never holds more points than this; neighbours are merged instead. It bounds memory while a trial runs (a
/// coarse histogram up to an hour takes 36 KiB, and an open load has two a point) and the size of a record (FORMAT.md has the arithmetic).
pub const POINTS_AT_MOST: usize = 50;

/// One interval of a trial. Where intervals were merged, counts are sums and histograms are added; figures without a
/// histogram (the lag, confirms, and all of records of the first release) are the highest of theirs, as percentiles of parts say
/// no more than that about the whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// End of the interval, from the start of the measured window.
    pub at_ns: u64,
    /// How many intervals were merged into this one.
    pub intervals: u32,
    /// Flows ended in it.
    pub ended: u64,
    /// Flows in flight at its end.
    pub in_flight: u64,
    /// Response times recorded in it, coarse; empty where the record holds none.
    pub response: Distribution,
    /// Median response time.
    pub response_p50_ns: Option<u64>,
    /// 99th percentile of the response time.
    pub response_p99_ns: Option<u64>,
    /// Longest response time.
    pub response_max_ns: Option<u64>,
    /// Service times recorded in it, coarse. `None` without any: of closed loads, and in records that do not say.
    pub service: Option<Distribution>,
    /// 99th percentile of the schedule lag.
    pub lag_p99_ns: Option<u64>,
    /// Messages that were sent and not confirmed at its end; `None` where the transport confirms nothing, and in records that
    /// do not say.
    pub unconfirmed: Option<u64>,
    /// 99th percentile of the confirm time, all destinations together; `None` likewise.
    pub confirm_p99_ns: Option<u64>,
    /// Messages stored at the server and not handed out, all destinations together, when it was last asked; `None` where the server
    /// does not tell, and in records that do not say.
    pub server_ready: Option<u64>,
    /// Messages that the server had handed out and that were not acknowledged; `None` likewise, and where the server tells only what is
    /// stored.
    pub server_unacknowledged: Option<u64>,
}

impl Default for Point {
    fn default() -> Self {
        Self {
            at_ns: 0,
            intervals: 1,
            ended: 0,
            in_flight: 0,
            response: Distribution::coarse(),
            response_p50_ns: None,
            response_p99_ns: None,
            response_max_ns: None,
            service: None,
            lag_p99_ns: None,
            unconfirmed: None,
            confirm_p99_ns: None,
            server_ready: None,
            server_unacknowledged: None,
        }
    }
}

impl Point {
    /// The interval of these response times.
    #[must_use]
    pub fn with_response(self, response: &Distribution) -> Self {
        let mut own = Self { response: response.coarsened(), ..self };
        own.set_figures();
        own
    }

    /// The interval of these service times.
    #[must_use]
    pub fn with_service(self, service: &Distribution) -> Self {
        Self { service: (!service.is_empty()).then(|| service.coarsened()), ..self }
    }

    /// The service time that this share of its flows did not exceed.
    #[must_use]
    pub fn service_quantile_ns(&self, quantile: f64) -> Option<u64> {
        self.service.as_ref()?.quantile_ns(quantile)
    }

    fn set_figures(&mut self) {
        self.response_p50_ns = self.response.quantile_ns(0.5);
        self.response_p99_ns = self.response.quantile_ns(0.99);
        self.response_max_ns = self.response.max_ns();
    }

    /// Messages that waited at the server, handed out or not; `None` where it does not tell.
    #[must_use]
    pub fn at_server(&self) -> Option<u64> {
        self.server_ready.map(|ready| ready.saturating_add(self.server_unacknowledged.unwrap_or(0)))
    }

    /// Takes the interval that follows into this one.
    pub fn merge(&mut self, next: &Self) {
        let Self {
            at_ns,
            intervals,
            ended,
            in_flight,
            response,
            response_p50_ns,
            response_p99_ns,
            response_max_ns,
            service,
            lag_p99_ns,
            unconfirmed,
            confirm_p99_ns,
            server_ready,
            server_unacknowledged,
        } = next;
        self.at_ns = *at_ns;
        self.intervals += intervals;
        self.ended += ended;
        self.in_flight = self.in_flight.max(*in_flight);
        self.response.merge(response);
        if self.response.is_empty() {
            self.response_p50_ns = self.response_p50_ns.max(*response_p50_ns);
            self.response_p99_ns = self.response_p99_ns.max(*response_p99_ns);
            self.response_max_ns = self.response_max_ns.max(*response_max_ns);
        } else {
            self.set_figures();
        }
        if let Some(times) = service {
            self.service.get_or_insert_with(Distribution::coarse).merge(times);
        }
        self.lag_p99_ns = self.lag_p99_ns.max(*lag_p99_ns);
        self.unconfirmed = self.unconfirmed.max(*unconfirmed);
        self.confirm_p99_ns = self.confirm_p99_ns.max(*confirm_p99_ns);
        self.server_ready = self.server_ready.max(*server_ready);
        self.server_unacknowledged = self.server_unacknowledged.max(*server_unacknowledged);
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

    /// Response times of all points together: coarse, and empty where the record holds none.
    #[must_use]
    pub fn response(&self) -> Distribution {
        let mut all = Distribution::coarse();
        self.points.iter().for_each(|point| all.merge(&point.response));
        all
    }

    /// Service times of all points together: coarse, and empty where the record holds none.
    #[must_use]
    pub fn service(&self) -> Distribution {
        let mut all = Distribution::coarse();
        self.points.iter().filter_map(|point| point.service.as_ref()).for_each(|own| all.merge(own));
        all
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

    /// Adds what was recorded after the last sample, so that the points together hold what the trial does: `ended` flows
    /// and these response times, and these service times where their course is followed. The interval ends with the window.
    pub fn complete(
        &mut self,
        elapsed_ns: u64,
        ended: u64,
        response: &Distribution,
        service: Option<&Distribution>,
    ) {
        let Some(rest) = response.coarsened().without(&self.response()) else { return };
        let ended = ended.saturating_sub(self.points.iter().map(|point| point.ended).sum());
        if rest.is_empty() && ended == 0 {
            return;
        }
        let last_ns = self.points.last().map_or(0, |point| point.at_ns);
        let of_service = service.and_then(|all| all.coarsened().without(&self.service()));
        let point = Point { at_ns: elapsed_ns, ended, ..Point::default() }
            .with_response(&rest)
            .with_service(&of_service.unwrap_or_default());
        match self.points.last_mut() {
            // Recorded while the last interval was being looked at, or in the drain after the window.
            Some(last) if elapsed_ns <= last_ns => {
                let (intervals, at_ns) = (last.intervals, last.at_ns);
                last.merge(&point);
                (last.intervals, last.at_ns) = (intervals, at_ns);
            }
            _ => self.push(point),
        }
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

    /// Intervals of a hundred response times each, all different.
    fn long(intervals: u64) -> (Series, Distribution) {
        let (mut series, mut all) = (Series::default(), Distribution::default());
        for i in 1..=intervals {
            let times = Distribution::of((0..100).map(|n| i * 1_000 + n * 17));
            all.merge(&times);
            let point = Point { at_ns: i * 100, ended: 100, lag_p99_ns: Some(i), ..Point::default() };
            series.push(point.with_response(&times));
        }
        (series, all)
    }

    #[test]
    fn a_long_series_stays_bounded_and_loses_nothing() {
        let (series, all) = long(10_000);
        let points = series.points();
        assert!(points.len() <= POINTS_AT_MOST && points.len() >= POINTS_AT_MOST / 2, "{}", points.len());
        assert_eq!(points.iter().map(|point| point.ended).sum::<u64>(), 1_000_000);
        assert_eq!(points.iter().map(|point| point.intervals).sum::<u32>(), 10_000);
        assert_eq!(
            points.last().map(|point| (point.at_ns, point.lag_p99_ns)),
            Some((1_000_000, Some(10_000)))
        );
        assert!(points.is_sorted_by_key(|point| point.at_ns));
        assert_eq!(series.response(), all.coarsened());
    }

    /// Percentiles of a merged point are of all its values, not the highest of its parts'.
    #[test]
    fn merged_points_have_the_figures_of_their_values() {
        let mut point = Point::default().with_response(&Distribution::of([10; 300]));
        point.merge(&Point::default().with_response(&Distribution::of([99; 100])));
        assert_eq!((point.response_p50_ns, point.response_max_ns), (Some(10), Some(99)));
        assert_eq!(point.response_p99_ns, Some(99));
        let few = Point::default().with_response(&Distribution::of([10; 298]));
        assert_eq!(few.response_p99_ns, None);
    }

    /// A median of service times that are merged is of all of them, so it is not above that of the response times.
    #[test]
    fn merged_points_have_the_service_times_of_both() {
        let point = |ns| Point::default().with_service(&Distribution::of([ns; 300]));
        let mut merged = point(10);
        merged.merge(&Point::default());
        merged.merge(&Point::default().with_service(&Distribution::of([99; 200])));
        assert_eq!((merged.service_quantile_ns(0.5), merged.service_quantile_ns(0.99)), (Some(10), Some(99)));
        let mut later = Point::default();
        assert_eq!(later.service_quantile_ns(0.5), None);
        later.merge(&point(7));
        assert_eq!(later.service_quantile_ns(0.5), Some(7));
        assert_eq!(Point::default().with_service(&Distribution::default()).service, None);
    }

    #[test]
    fn service_times_that_came_after_the_last_sample_are_added_once() {
        let (series, mut all) = long(10);
        let times = Distribution::of([40; 100]);
        let points = series.points().iter().cloned().map(|point| point.with_service(&times));
        let mut series = Series::from_points(points.collect());
        all.merge(&Distribution::of([900; 3]));
        let service = Distribution::of([40; 1_000].into_iter().chain([50; 3]));
        series.complete(1_000, 1_003, &all, Some(&service));
        assert_eq!(series.service(), service.coarsened());
        series.complete(1_000, 1_003, &all, Some(&service));
        assert_eq!(series.service(), service.coarsened());
    }

    #[test]
    fn what_came_after_the_last_sample_is_added_once() {
        for elapsed_ns in [1_000, 1_020] {
            let (mut series, mut all) = long(10);
            all.merge(&Distribution::of([5_000_000; 7]));
            series.complete(elapsed_ns, 1_007, &all, None);
            assert_eq!(series.response(), all.coarsened());
            assert_eq!(series.points().iter().map(|point| point.ended).sum::<u64>(), 1_007);
            assert_eq!(series.points().len(), if elapsed_ns > 1_000 { 11 } else { 10 });
            let before = series.clone();
            series.complete(elapsed_ns, 1_007, &all, None);
            assert_eq!(series, before);
        }
    }
}
