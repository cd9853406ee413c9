//! Simulated instances that are absent until a backlog has piled up (`--backlog`), in virtual time: their station serves nothing
//! until then, and takes what is sent to it.

use super::{Shared, lock};
use drumpost_core::{
    control::Control,
    outcome::{Cause, Outage},
    plan::{Amount, Backlog, TrialPlan},
    transport::OpenError,
};
use std::{ops::Range, sync::Arc};

/// A service that is absent.
#[derive(Debug)]
pub(super) struct Absence {
    shared: Arc<Shared>,
    instances: Range<u16>,
}

impl Absence {
    /// Has the station of the absent service serve nothing. `None` if the plan has no backlog.
    ///
    /// # Errors
    /// `Refused` if it cannot be simulated.
    pub(super) fn of(plan: &TrialPlan, stations: &[Arc<Shared>]) -> Result<Option<Self>, OpenError> {
        let Some(backlog) = &plan.conditions.backlog else { return Ok(None) };
        let wired =
            plan.wiring.services.iter().zip(stations).find(|(wired, _)| wired.name == backlog.service);
        let Some((wired, shared)) = wired else { return Ok(None) };
        check(backlog, wired.instances.len(), plan.wiring.capacity)?;
        lock(&shared.station).leave();
        Ok(Some(Self { shared: Arc::clone(shared), instances: wired.instances.clone() }))
    }

    /// Has the station serve what has piled up, once the instances may join. Says whether they have joined now.
    pub(super) fn ends(&self, plan: &TrialPlan, control: &Control, now_ns: u64) -> bool {
        if !control.backlog.is_open() || !lock(&self.shared.station).join(now_ns) {
            return false;
        }
        control.backlog.join(self.instances.len() as u64);
        for lane in self.instances.clone() {
            let instance = plan.wiring.instance_name(lane);
            let (cause, at_ns) = (Cause::Absent, 0);
            control.note_outage(Outage { instance, cause, at_ns, away_ns: now_ns, until_end: false });
        }
        true
    }
}

fn check(backlog: &Backlog, instances: usize, capacity: usize) -> Result<(), OpenError> {
    backlog.check(true)?;
    if usize::from(backlog.absent) < instances {
        return Err(OpenError::Refused(format!(
            "the simulated instances of a service have one queue and are absent together: write {} without a number of instances",
            backlog.service
        )));
    }
    match backlog.amount {
        Amount::Messages(count) if count > capacity as u64 => Err(OpenError::Refused(format!(
            "a backlog of {count} messages does not fit a simulated queue of {capacity}: raise --capacity"
        ))),
        Amount::Messages(_) | Amount::Time(_) => Ok(()),
    }
}
