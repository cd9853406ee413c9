//! What a lane records of what the transport tells it: confirms of messages that it sent, and repeated deliveries.

use super::Recorder;
use crate::{drive::ledger::Run, hist::Hist, port::Told};

impl Recorder {
    /// Notes that the transport stored (`stored`) or refused messages of a send port, at `now_ns`.
    pub(crate) fn confirmed(&mut self, port: usize, stored: bool, run: Run, now_ns: u64) {
        let Run { destination, sent_ns, len, is_measured } = run;
        let counts = &mut self.local.confirms[port];
        if !stored {
            counts.refused += u64::from(len);
            return;
        }
        counts.confirmed += u64::from(len);
        if is_measured {
            self.note_negative(now_ns, sent_ns, len);
            let are_small = self.latencies.are_small;
            let all = &mut self.latencies.confirms;
            let at = all.iter().position(|(of, _)| *of == destination).unwrap_or_else(|| {
                // Once per set of histograms: most transports confirm nothing and have no use for them.
                all.push((destination, if are_small { Hist::small() } else { Hist::default() }));
                all.len() - 1
            });
            all[at].1.record_n(now_ns.saturating_sub(sent_ns), len);
        }
    }

    /// Notes that a message is given back, and what the broker said of its delivery.
    pub(crate) fn rejected(&mut self, told: Told) {
        self.note_told(&[told]);
        self.local.rejected += 1;
        self.rarely = true;
    }

    /// Notes what the broker said of the messages that are received next. Notes nothing if dead letters are among them, and says so.
    pub(crate) fn note_told(&mut self, told: &[Told]) -> bool {
        let again = told.iter().filter(|told| told.attempt > 1).count() as u64;
        if again > 0 {
            if told.iter().any(Told::is_dead) {
                return true;
            }
            self.local.redelivered += again;
            self.rarely = true;
        }
        false
    }
}
