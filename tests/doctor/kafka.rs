//! Ports at which something else answers than Kafka.

use super::{assert_all_say, says};

#[test]
fn a_port_where_something_else_than_kafka_listens() {
    let web = says(b"HTTP/1.1 400 Bad Request\r\n\r\n", false);
    let rabbit = says(b"AMQP\x00\x00\x09\x01", false);
    assert_all_say([
        (
            format!("kafka kafka://{web}"),
            &[
                "ok port",
                "FAIL commands failed to reach Kafka at",
                "set kafka.url",
                "note answers a web server",
            ],
        ),
        (
            format!("kafka --server kafka://{rabbit}"),
            &["FAIL commands failed to reach Kafka at", "note answers a server that speaks AMQP"],
        ),
    ]);
}

/// What Kafka without TLS answers to a client that wants some is no TLS, and the reverse.
#[cfg(feature = "kafka-tls")]
#[test]
fn tls_where_there_is_none_and_none_where_there_is() {
    let plain = says(b"\x00\x00\x00\x0adrum\x00\x00\x00\x00\x00\x00", false);
    let alert = says(b"\x15\x03\x03\x00\x02\x02\x28", false);
    assert_all_say([
        (
            format!("kafka kafkas://{plain}"),
            &[
                "FAIL commands",
                "note answers a server that speaks the Kafka protocol, and without TLS: give the port",
            ],
        ),
        (
            format!("kafka kafka://{alert}"),
            &[
                "FAIL commands",
                "note answers a server that speaks TLS: give an address with a scheme for TLS",
            ],
        ),
    ]);
}
