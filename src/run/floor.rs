//! The floor of the harness: the response time over a target that takes no time. It stands beside every result, so that
//! the harness's own share is not taken for the transport's.

use drumpost_core::{
    load::{Extent, LoadPlan},
    monitor::Unwatched,
    options::Options,
    payload::Pool,
    plan::{Placement, TrialPlan, Wait},
    registry::{Registry, RunsOn},
    scenario::Style,
    wiring::{Wiring, WiringSettings},
};
use drumpost_workloads::{KeySpec, PayloadSpec, WorkloadSpec};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Median response in ns of one flow at a time through a ring between two lanes stepped on one thread, with no payload;
/// `None` if this build has no such ring. Takes some 60 ms.
pub(crate) fn measure_ns(registry: &Registry) -> Option<u64> {
    let scenario = Arc::new(registry.scenario("stream")?.made(&Options::default()).ok()?);
    // The one that is listed first; those of third parties are listed last.
    let mut rings =
        registry.transports.iter().filter(|entry| entry.runs_on == RunsOn::Threads && !entry.needs_server);
    let mut ring = rings.next()?.made(&Options::default()).ok()?;
    let settings = WiringSettings {
        run_name: "floor".into(),
        with: Vec::new(),
        without: Vec::new(),
        instances: BTreeMap::new(),
        capacity: 64,
        batch: 1,
        window: None,
        pool: Arc::new(Pool::new(1, 0)),
    };
    let wiring = Wiring::new(&scenario, Style::Message, &settings).ok()?;
    let keys = KeySpec::uniform(16).ok()?;
    let workload =
        WorkloadSpec { seed: 1, arrivals: None, think: None, senders: 1, payload: PayloadSpec::EMPTY, keys };
    let plan = TrialPlan {
        scenario,
        wiring,
        load: LoadPlan { warmup_ns: 10_000_000, ..LoadPlan::closed(1, Extent::Duration(40_000_000)) },
        feeds: workload.feeds(),
        await_replies: false,
        placement: Placement::Threads(1),
        wait: Wait::Spin,
        drain_deadline: Duration::from_secs(1),
        sample_every: Duration::from_millis(100),
        conditions: Default::default(),
    };
    let outcome = ring.run(&plan, &mut Unwatched).ok()?;
    (outcome.response.count() > 0).then(|| outcome.response.histogram.value_at_quantile(0.5))
}
