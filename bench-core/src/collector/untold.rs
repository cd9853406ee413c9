//! Messages that the transport never told its sender of, and that did not arrive. What is lost beyond them was confirmed.

use super::Collector;
use crate::lane::Lane;

impl Collector {
    /// How many deliveries of such messages did not come, or lie so far back that it is not known any more. Each service that hears a
    /// destination is to get each of its messages once, whichever of its instances does.
    pub(super) fn untold(&self, lanes: &mut [Lane]) -> u64 {
        let mut untold = Vec::new();
        for lane in &mut *lanes {
            let (id, ports) = (lane.id(), &self.lanes[usize::from(lane.id())].ports);
            untold.extend(lane.recorder().untold.drain(..).map(|of| (id, ports[of.port], of.from, of.to)));
        }
        if untold.is_empty() {
            return 0;
        }
        // Instances that compete ask each other what they have seen.
        lanes.iter_mut().for_each(Lane::settle_all);
        let mut asked = vec![false; self.wiring.services.len()];
        let mut unseen = 0;
        for lane in lanes {
            let service = self.lanes[usize::from(lane.id())].service;
            if std::mem::replace(&mut asked[service], true) {
                continue;
            }
            let of_it = untold.iter().filter_map(|(id, destination, from, to)| {
                lane.recorder().unseen(*id, *destination, *from, *to)
            });
            unseen += of_it.sum::<u64>();
        }
        unseen
    }
}
