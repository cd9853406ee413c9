//! Rows a, b, c and i: the stamps of each figure, and that no stamp is lost or changed on the way.

use super::{Holds, constant, ensure, measured, near, plan, tells_apart};
use drumpost::oracle::{BUCKET, stall_wait};
use drumpost_core::{
    clock::as_ns,
    contract,
    dispatcher::{Dispatcher, Threaded},
    hist::Distribution,
    load::Extent,
    message::Message,
    monitor::Unwatched,
    outcome::Outcome,
    payload::Pool,
    port::{Inbox, PortError, RecvPort, Told},
    registry::{Options, TransportEntry},
    transport::{Endpoint, Endpoints, OpenError, Transport},
    wiring::Wiring,
};
use drumpost_defects::{Defect, put_in, with};
use drumpost_dispatch::crossbeam::{self, Channels, QueueSender};
use std::{sync::Arc, time::Duration};

type QueueReceiver<const SLEEPS: bool> = <Channels<SLEEPS> as Transport>::Recv;

fn p99_ns(times: &Distribution) -> f64 {
    times.histogram.value_at_quantile(0.99) as f64
}

/// 1,000 flows a second at a target that stands still for 1 s of 60.
fn stalled() -> Outcome {
    let two_minutes = Extent::Duration(as_ns(Duration::from_mins(2)));
    measured("service=fixed:1us,stall=1s/60s", &plan(constant(1_000.0), two_minutes))
}

/// What the stall makes the p99 of the response, to one and a half gaps of the schedule.
fn shows_the_stall(p99_ns: f64) -> Holds {
    let expected_ns = 1e9 * stall_wait(0.99, 0.0, 1.0, 60.0);
    near(p99_ns, expected_ns, 1.5e6 + BUCKET * expected_ns)
}

/// The defect: latency counts from the send that the stall delayed.
#[test]
fn a_stall_is_in_the_response() {
    let (outcome, stamped_at_send) = (stalled(), with(Defect::DueIsSent, stalled));
    tells_apart(|times| shows_the_stall(p99_ns(times)), &outcome.response, &stamped_at_send.response);
    // Held up flows are sent at once and take their turn: a thousand of 1 µs.
    assert!(p99_ns(&stamped_at_send.response) < 1.1e6);
}

/// The defect: what is corrected is what should not be, and the other way round.
#[test]
fn i_response_is_the_corrected_one() {
    let holds = |Outcome { response, service, .. }: &Outcome| {
        shows_the_stall(p99_ns(response))?;
        ensure(p99_ns(service) < 1.1e6, || format!("service shows the stall: {}", p99_ns(service)))
    };
    tells_apart(holds, &stalled(), &with(Defect::Inverted, stalled));
}

/// The defects: a time that is zero in whole milliseconds is no sample; one below zero is none either.
#[test]
fn b_zero_and_negative_times_are_counted() {
    let run = || measured("service=fixed:0ns", &plan(None, Extent::Count(20_000)));
    let holds = |outcome: &Outcome| {
        let samples = outcome.response.count();
        ensure(samples == 20_000, || format!("{samples} samples of 20,000 flows"))
    };
    let (outcome, defective) = (run(), with(Defect::ShortIsNone, run));
    assert_eq!((outcome.measured_ended, outcome.response.max_ns), (20_000, 0));
    assert_eq!(defective.measured_ended, 20_000, "the flows end, and are no samples");
    tells_apart(holds, &outcome, &defective);

    // Stamps from a clock that is a second ahead.
    let ahead = |message: &mut Message, pool: &Pool| message.stamp(message.sent_ns() + 1_000_000_000, pool);
    let run = |defect| {
        let bent = Bent { bend: ahead, defect };
        Threaded(bent).run(&plan(None, Extent::Count(5_000)), &mut Unwatched).unwrap()
    };
    let holds = |outcome: &Outcome| {
        let (samples, negative) = (outcome.service.count(), outcome.audit.negative_deltas);
        ensure(samples == 5_000 && negative >= 5_000, || format!("{samples} samples, {negative} below zero"))
    };
    tells_apart(holds, &run(None), &run(Some(Defect::ShortIsNone)));
}

/// The defect: a transport that keeps stamps in a field of whole seconds.
#[test]
fn c_a_stamp_travels_whole() {
    let holds = |entry: &TransportEntry| {
        let report = contract::check_only(entry, &Options::default(), |check| check == "stamps");
        ensure(report.holds(), || report.to_string())
    };
    let in_whole_seconds = TransportEntry {
        make: |_| {
            let bend: fn(&mut Message, &Pool) = |message, pool| {
                message.stamp(message.sent_ns() / 1_000_000_000 * 1_000_000_000, pool);
            };
            Ok(Box::new(Threaded(Bent { bend, defect: None })))
        },
        ..crossbeam::entry()
    };
    tells_apart(holds, &crossbeam::entry(), &in_whole_seconds);
}

/// Crossbeam's channels, but for what is done to each message on the way.
struct Bent {
    bend: fn(&mut Message, &Pool),
    /// Put in on the threads of the lanes that receive.
    defect: Option<Defect>,
}

struct BentReceiver {
    inner: QueueReceiver<true>,
    bend: fn(&mut Message, &Pool),
    defect: Option<Defect>,
    pool: Arc<Pool>,
}

impl Transport for Bent {
    type Send = QueueSender<true>;
    type Recv = BentReceiver;

    fn open(&mut self, wiring: &Wiring) -> Result<Endpoints<QueueSender<true>, BentReceiver>, OpenError> {
        let Self { bend, defect } = *self;
        let bent = |inner| BentReceiver { inner, bend, defect, pool: Arc::clone(&wiring.pool) };
        let endpoints = Channels
            .open(wiring)?
            .into_iter()
            .map(|endpoint| Endpoint { inbox: endpoint.inbox.map(bent), sends: endpoint.sends });
        Ok(endpoints.collect())
    }
}

impl RecvPort for BentReceiver {
    fn drain(
        &mut self,
        from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        put_in(self.defect);
        let Self { inner, bend, pool, .. } = self;
        inner.drain(from, max, |batch, _| {
            let mut batch = batch.to_vec();
            batch.iter_mut().for_each(|message| bend(message, pool));
            on_batch(&batch, &[]);
        })
    }

    fn wait(&mut self, at_most: Duration) -> Result<(), PortError> {
        self.inner.wait(at_most)
    }
}
