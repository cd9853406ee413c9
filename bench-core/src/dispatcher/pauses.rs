//! Which lane is to be paused, and when.

use super::lead_ns;
use crate::{clock::as_ns, drive::tasks::life::Doom, plan::TrialPlan};
use std::time::Duration;

/// When a lane is to be paused, and for how long.
pub(super) fn pause(plan: &TrialPlan, lane: u16) -> Option<(Doom, Duration)> {
    let pause = plan.conditions.pause.as_ref()?;
    let service = plan.wiring.services.iter().find(|service| service.name == pause.service)?;
    let is_meant = service.instances.start.checked_add(pause.instance) == Some(lane);
    is_meant.then(|| (Doom::pause_at(lead_ns(plan) + as_ns(pause.after)), pause.lasts))
}
