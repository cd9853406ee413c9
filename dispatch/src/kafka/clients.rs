//! What the clients of librdkafka report by themselves: lost connections, delivery reports and partitions that are given out.
//!
//! librdkafka connects again by itself, which would be hidden in the figures. So the first error of a connection is the end of the
//! instance's line, and the instance is opened again with new clients where the user asked for that.

use drumpost_kit::{confirm::Caller, prelude::*};
use rdkafka::{
    ClientContext, Offset, TopicPartitionList as Offsets,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode as Code},
    message::DeliveryResult,
    producer::{NoCustomPartitioner, ProducerContext},
    types::RDKafkaRespErr,
};
use std::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering::Relaxed},
};

/// The number of a message has the number of its port from this bit on.
pub(super) const PORT: u32 = 48;

/// Hears what one client reports.
pub(super) struct Events {
    pub(super) line: Line,
    /// The ports that wait for delivery reports, by number.
    pub(super) callers: Vec<Caller>,
    /// Where a consumer begins in the first partitions that it is given, if not behind what its group committed. Later it is given partitions
    /// because members of its group come and go, and goes on where these were.
    pub(super) from: Mutex<Option<Offset>>,
    /// How often partitions were taken from a consumer.
    pub(super) epoch: Arc<AtomicU32>,
}

impl Events {
    pub(super) fn to(line: &Line) -> Self {
        Self { line: line.clone(), callers: Vec::new(), from: Mutex::default(), epoch: Arc::default() }
    }
}

impl ClientContext for Events {
    fn error(&self, error: KafkaError, why: &str) {
        use Code::{AllBrokersDown, Authentication, BrokerTransportFailure, Resolve, SSL};
        match error.rdkafka_error_code() {
            // A connection that is closed while nothing is under way is told only by the first.
            Some(AllBrokersDown | BrokerTransportFailure | Resolve | Authentication | SSL) => {
                self.line.break_off(true, &why);
            }
            Some(Code::Fatal | Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed) => {
                self.line.break_off(false, &why);
            }
            _ => {}
        }
    }
}

impl ProducerContext<NoCustomPartitioner> for Events {
    type DeliveryOpaque = usize;

    /// Codes below zero are the client's own: the message went with the connection and is neither confirmed nor refused. Of a producer
    /// in transactions nobody waits for reports: a commit fails if one of its messages was not stored.
    fn delivery(&self, told: &DeliveryResult<'_>, number: usize) {
        let number = number as u64;
        let Some(caller) = self.callers.get((number >> PORT) as usize) else { return };
        let outcome = match told {
            Ok(_) => Ok(()),
            Err((error, _)) if error.rdkafka_error_code().is_some_and(|code| (code as i32) < 0) => {
                return self.line.break_off(true, error);
            }
            Err((error, _)) => Err(error.to_string()),
        };
        caller.came(number, outcome);
    }
}

impl ConsumerContext for Events {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, given: &mut Offsets) {
        let done = if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // A group with more members than partitions gives some of them none.
            let from = if given.count() > 0 { lock(&self.from).take() } else { None };
            from.map_or(Ok(()), |from| given.set_all_offsets(from)).and_then(|()| consumer.assign(given))
        } else {
            self.epoch.fetch_add(1, Relaxed);
            consumer.unassign()
        };
        if let Err(error) = done {
            self.line.break_off(false, &error);
        }
    }
}
