//! The suite for brokers. Its servers write their store after every change, so that one that is killed still knows the sessions when it
//! comes back. It writes after it has confirmed, so not everything that it confirmed is there then.

use crate::{
    NAME,
    support_mosquitto::{MOST_BYTES, Mosquitto},
    trial::entry,
};
use drumpost_kit::suite::{PrivateServer, Suite};

/// A server that writes its store after every change.
pub(crate) fn saving() -> Mosquitto {
    Mosquitto::start_with("allow_anonymous true\nautosave_on_changes true\nautosave_interval 1\n")
}

fn start() -> Box<dyn PrivateServer> {
    Box::new(saving())
}

#[test]
#[ignore = "needs a mosquitto: scripts/test starts one"]
fn mqtt_passes_the_suite() {
    let entry = entry(NAME);
    Suite::new(&entry, start).too_large(2 * MOST_BYTES).check().assert();
}
