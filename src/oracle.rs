//! Formulas of targets whose answer is known, each with its source, and the chance error of a measured figure.
//! `selftest` and the tests compare measurements with them. Nothing is measured here.
//!
//! Times are in units of the mean service time. The load `rho` is the arrival rate × the mean service time of one
//! server. A `share` is the share of flows that a quantile does not exceed.
//!
//! - L. Kleinrock, *Queueing Systems*, Wiley 1975 and 1976: M/M/1, M/M/c and M/G/1 (vol. 1), the fluid limit (vol. 2).
//! - A. K. Erlang, "The theory of probabilities and telephone conversations", *Nyt Tidsskrift for Matematik* B 20, 1909:
//!   waits of M/D/1; "Solution of some problems in the theory of probabilities ...", 1917: several servers.
//! - M. Reiser and S. S. Lavenberg, "Mean-value analysis of closed multichain queuing networks", *J. ACM* 27(2), 1980.
//! - R. B. D'Agostino and M. A. Stephens, *Goodness-of-Fit Techniques*, Dekker 1986, ch. 4: exponential gaps.

/// Standard errors that a figure strays by in one of a million runs: the two-sided tail of a normal distribution.
pub const ERRORS: f64 = 4.9;

/// The histogram's own error: a quantile is at most this share too high (3 significant digits).
pub const BUCKET: f64 = 0.000_977;

/// Quantiles that queues are held against, with their names.
pub const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// Anderson-Darling statistic of exponential gaps that one in a million schedules exceeds; 1.959 is that of one in a
/// hundred. Beyond it the tail falls at least as fast as between the published points of 2.5 % and 1 %, 2.49 a unit.
pub const ANDERSON_DARLING_LIMIT: f64 = 6.0;

/// How far figures stray: standard errors, as shares, of a million flows. Flows wait for each other, so they are more than
/// those of as many independent values; found by simulating Lindley's recursion, 250 times a million flows, outside of
/// this program.
#[derive(Clone, Copy, Debug)]
pub struct Strays {
    /// Of the response at each of [`QUANTILES`].
    pub response: [f64; 4],
    /// Of the mean wait.
    pub wait_mean: f64,
    /// Of the share of flows that did not wait.
    pub no_wait: f64,
}

/// Exponential service at half load.
pub const MM1_HALF: Strays =
    Strays { response: [0.0029, 0.0039, 0.0062, 0.0136], wait_mean: 0.0057, no_wait: 0.0018 };
/// Exponential service at four fifths.
pub const MM1_FOUR_FIFTHS: Strays =
    Strays { response: [0.0077, 0.0100, 0.0190, 0.0401], wait_mean: 0.0105, no_wait: 0.0062 };
/// Fixed service at half load, where half of all flows do not wait: the median lies at the foot of the distribution and
/// strays to one side only, as half of a normal one with this error.
pub const MD1_HALF: Strays =
    Strays { response: [0.0027, 0.0021, 0.0044, 0.0099], wait_mean: 0.0039, no_wait: 0.0014 };
/// Fixed service at four fifths.
pub const MD1_FOUR_FIFTHS: Strays =
    Strays { response: [0.0042, 0.0066, 0.0128, 0.0290], wait_mean: 0.0077, no_wait: 0.0045 };

/// How far a figure over so many flows may be off, as a share, that `strays` so far over a million: [`ERRORS`] standard
/// errors and the histogram's own. Far quantiles lean to the right; in the simulations their skewness was some 15 of
/// their errors, as far as 250 runs can tell, which the expansion of
/// Cornish and Fisher turns into 57 squared errors at this level.
#[must_use]
pub fn tolerance(strays: f64, flows: u64) -> f64 {
    let error = strays / (flows as f64 / 1e6).sqrt();
    BUCKET + error * (ERRORS + 57.0 * error)
}

/// M/M/1: the response is exponential with mean 1/(1−ρ) (Kleinrock 1975).
#[must_use]
pub fn mm1_response(share: f64, rho: f64) -> f64 {
    -(1.0 - share).ln() / (1.0 - rho)
}

/// M/D/1: mean wait (Pollaczek and Khinchine; Kleinrock 1975).
#[must_use]
pub fn md1_wait_mean(rho: f64) -> f64 {
    rho / (2.0 * (1.0 - rho))
}

/// M/D/1: the share that waits no longer than `wait` (Erlang 1909). The terms alternate and grow; up to a wait of 20 they
/// leave ten digits.
#[must_use]
pub fn md1_share_within(wait: f64, rho: f64) -> f64 {
    if wait < 0.0 {
        return 0.0;
    }
    let mut sum = 0.0;
    for k in 0..=(wait.floor() as u32) {
        let x = rho * (f64::from(k) - wait);
        // x^k / k! · e^-x, factor by factor, so that nothing overflows.
        sum += (1..=k).fold((-x).exp(), |term, i| term * x / f64::from(i));
    }
    (1.0 - rho) * sum
}

/// M/D/1: the wait that a share does not exceed; 0 for who finds the server free.
#[must_use]
pub fn md1_wait(share: f64, rho: f64) -> f64 {
    let (mut low, mut high) = (0.0, 20.0);
    if share <= md1_share_within(0.0, rho) {
        return 0.0;
    }
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if md1_share_within(middle, rho) < share { low = middle } else { high = middle }
    }
    high
}

/// Erlang's C: the share of arrivals that wait for one of several servers, each with load `rho` (Erlang 1917).
#[must_use]
pub fn erlang_c(servers: u32, rho: f64) -> f64 {
    let offered = rho * f64::from(servers);
    // Erlang's B by its recursion, from which C follows.
    let blocked = (1..=servers).fold(1.0, |b, n| offered * b / (f64::from(n) + offered * b));
    blocked / (1.0 - rho * (1.0 - blocked))
}

/// M/M/c: mean response (Kleinrock 1975).
#[must_use]
pub fn mmc_response_mean(servers: u32, rho: f64) -> f64 {
    1.0 + erlang_c(servers, rho) / (f64::from(servers) * (1.0 - rho))
}

/// Throughput and mean response of `users` who think for a mean time `think` between flows, at one exponential server:
/// mean value analysis (Reiser and Lavenberg 1980).
#[must_use]
pub fn closed_loop(users: u32, think: f64) -> (f64, f64) {
    let (mut queued, mut throughput, mut response) = (0.0, 0.0, 0.0);
    for n in 1..=users {
        response = 1.0 + queued;
        throughput = f64::from(n) / (think + response);
        queued = throughput * response;
    }
    (throughput, response)
}

/// The wait that a share does not exceed when an evenly loaded server stands still for `down` in every `every`, without
/// the service time: what is due at t into a stall waits for its rest, and the backlog shrinks at 1 − ρ (fluid limit). Any
/// unit of time.
#[must_use]
pub fn stall_wait(share: f64, rho: f64, down: f64, every: f64) -> f64 {
    (down - (1.0 - share) * (1.0 - rho) * every).max(0.0)
}

/// What a flow due at `due` waits when `load` times as many arrive, evenly, as can be served (fluid limit). Any unit of
/// time.
#[must_use]
pub fn overload_wait(due: f64, load: f64) -> f64 {
    due * (load - 1.0)
}

/// How long it takes, in s, until a backlog of so many messages is gone, where so many arrive and are served a second: its mean, and
/// the standard deviation if both are random (M/M/1). Each message is a busy period that it begins with those that arrive in
/// it: of mean 1/(µ − λ) and variance (µ + λ)/(µ − λ)³ (Kleinrock, vol. 1, ch. 5). Evenly paced and served, only the mean
/// remains.
#[must_use]
pub fn catch_up(messages: u64, arrivals: f64, served: f64) -> (f64, f64) {
    let (n, spare) = (messages as f64, served - arrivals);
    (n / spare, (n * (served + arrivals)).sqrt() / spare.powf(1.5))
}

/// What a share of an even mixture of two exponential distributions does not exceed.
#[must_use]
pub fn mixture_quantile(share: f64, means: [f64; 2]) -> f64 {
    let beyond = |x: f64| means.iter().map(|mean| (-x / mean).exp()).sum::<f64>() / 2.0;
    let (mut low, mut high) = (0.0, -(1.0 - share).ln() * means[0].max(means[1]));
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if beyond(middle) > 1.0 - share { low = middle } else { high = middle }
    }
    high
}

/// The Anderson-Darling statistic A²(1 + 0.6/n) of gaps against an exponential distribution with their own mean
/// (D'Agostino and Stephens 1986).
#[must_use]
pub fn anderson_darling(gaps: &[u64]) -> f64 {
    let n = gaps.len() as f64;
    let mean = gaps.iter().map(|gap| *gap as f64).sum::<f64>() / n;
    let mut sorted: Vec<f64> = gaps.iter().map(|gap| *gap as f64 / mean).collect();
    sorted.sort_by(f64::total_cmp);
    let terms = sorted.iter().zip(sorted.iter().rev()).enumerate().map(|(i, (x, opposite))| {
        // ln F(x) + ln(1 − F(x'))
        let below = (-(-x.max(1e-12)).exp_m1()).ln();
        (2.0 * i as f64 + 1.0) * (below - opposite)
    });
    (-n - terms.sum::<f64>() / n) * (1.0 + 0.6 / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64, off: f64) {
        assert!((found - expected).abs() <= off, "{found} where {expected} was published");
    }

    #[test]
    fn queues_give_the_published_figures() {
        for (rho, published) in [(0.5, [1.386, 4.605, 9.210, 13.816]), (0.8, [3.466, 11.513, 23.026, 34.539])]
        {
            for ((_, share), expected) in QUANTILES.iter().zip(published) {
                near(mm1_response(*share, rho), expected, 6e-4);
            }
        }
        for (rho, published) in [(0.5, [0.0, 1.516, 3.336, 5.168]), (0.8, [1.276, 5.012, 10.356, 15.700])] {
            for ((_, share), expected) in QUANTILES.iter().zip(published) {
                near(md1_wait(*share, rho), expected, 6e-4);
            }
            near(md1_share_within(0.0, rho), 1.0 - rho, 1e-12);
        }
        near(md1_wait_mean(0.8), 2.0, 1e-12);
        near(erlang_c(2, 0.5), 1.0 / 3.0, 1e-12);
        near(mmc_response_mean(1, 0.5), 2.0, 1e-12);
    }

    #[test]
    fn a_backlog_goes_by_what_is_served_above_what_arrives() {
        let (mean, error) = catch_up(1_000, 1_000.0, 2_000.0);
        near(mean, 1.0, 1e-12);
        // A busy period of M/M/1 at half load: in units of the service time mean 2 and variance 12.
        near(error, (1_000.0_f64 * 12.0).sqrt() / 2_000.0, 1e-9);
    }

    #[test]
    fn loops_and_stalls_give_the_published_figures() {
        for (users, think, published) in
            [(4, 0.0, (1.0, 4.0)), (10, 9.0, (0.8320, 3.0187)), (20, 9.0, (0.9994, 11.012))]
        {
            let (throughput, response) = closed_loop(users, think);
            near(throughput, published.0, 6e-5);
            near(response, published.1, 6e-4);
        }
        near(stall_wait(0.99, 0.0, 1.0, 60.0), 0.4, 1e-9);
        near(stall_wait(0.999, 0.5, 1.0, 60.0), 0.97, 1e-9);
        near(stall_wait(0.99, 0.3, 0.1, 10.0), 0.03, 1e-9);
        near(overload_wait(10.0, 1.2), 2.0, 1e-9);
        near(mixture_quantile(0.99, [1.0, 10.0]), 39.1, 0.05);
    }

    /// Gaps at the quantiles of the distribution fit it as well as can be; even ones do not fit at all.
    #[test]
    fn gaps_are_told_apart() {
        let perfect: Vec<u64> =
            (0..4_000).map(|i| (-(1.0 - (f64::from(i) + 0.5) / 4e3).ln() * 1e5) as u64).collect();
        assert!(anderson_darling(&perfect) < 0.1, "{}", anderson_darling(&perfect));
        let floored: Vec<u64> = perfect.iter().map(|gap| (*gap).max(50_000)).collect();
        assert!(anderson_darling(&floored) > 10.0 * ANDERSON_DARLING_LIMIT);
        assert!(anderson_darling(&[100_000; 4_000]) > 10.0 * ANDERSON_DARLING_LIMIT);
    }
}
