//! What a page shows of a record beside the blocks of every report: the verdict in one line, charts, the audit, and how to repeat it.
//!
//! Lives here: what is drawn and said. Does not live here: drawing (`draw`), the page itself (`html`), and what a terminal shows
//! as well (`run`, `search`, `suite`, `comparison`).

mod about;
mod audit;
mod faults;
mod figures;
mod lead;
mod overlaid;
mod pairs;
mod percentiles;
mod ranges;
mod rows;
mod sides;
mod times;

pub(super) use about::{of_compared, of_record, of_suite};
pub(super) use audit::audit;
pub(super) use figures::figures;
pub(super) use lead::{of_comparison, of_runs, of_search, of_suite as lead_of_suite};
pub(super) use overlaid::Overlaid;
pub(super) use pairs::pairs;
pub(super) use percentiles::{ResponseTimes, percentiles};
pub(super) use ranges::range;
pub(super) use rows::rows;
pub(super) use sides::sides;

use super::draw::Scale;

/// The scale for times: logarithmic if they reach over more than a decade, because the small ones would not be seen otherwise.
fn scale(times: impl Iterator<Item = f64>) -> Scale {
    let above_zero = times.filter(|value| *value > 0.0);
    let (low, high) = above_zero.fold((f64::MAX, 0.0f64), |(low, high), v| (low.min(v), high.max(v)));
    if high > low * 10.0 { Scale::Log } else { Scale::Zero }
}
