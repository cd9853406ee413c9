//! When a server's certificate is valid. The servers are threads of this test, which speak TLS and nothing more.

use super::{assert_said, doctor};
use crate::{
    support::{Done, at_once},
    support_secured::Safe,
};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::{ServerConfig, ServerConnection, crypto::ring};
use std::{
    io::Write,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
};

/// A server whose certificate is valid from the first day of one year to that of another. It says these words before TLS begins.
fn serves(years: [i32; 2], words: &'static [u8]) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
    let [from, until] = years.map(|year| date_time_ymd(year, 1, 1));
    (parameters.not_before, parameters.not_after) = (from, until);
    let own = parameters.self_signed(&key).unwrap().der().clone();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own], key.into());
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, config) = (stream.unwrap(), Arc::clone(&config));
            thread::spawn(move || {
                let _ = stream.write_all(words);
                let _ = ServerConnection::new(config).unwrap().complete_io(&mut stream);
            });
        }
    });
    address
}

/// Transports with their schemes for TLS, and what their servers say before it.
const SERVERS: &[(&str, &str, &[u8])] = &[
    #[cfg(feature = "nats")]
    ("nats", "tls", b"INFO {\"server_id\":\"a\",\"max_payload\":1048576,\"tls_required\":true}\r\n"),
    #[cfg(feature = "mqtt")]
    ("mqtt", "mqtts", b""),
    #[cfg(feature = "amqp-tls")]
    ("rabbitmq", "amqps", b""),
    #[cfg(feature = "kafka-tls")]
    ("kafka", "kafkas", b""),
];

/// What is said of such a server. The client trusts another authority than that of its certificate.
fn doctor_of((transport, scheme, words): (&str, &str, &'static [u8]), years: [i32; 2]) -> Done {
    let safe = Safe::new();
    safe.certificates();
    let authority = format!("--set {transport}.tls-ca={}", safe.text("ca.pem"));
    doctor(&format!("{transport} {scheme}://{} {authority}", serves(years, words)))
}

#[test]
fn a_certificate_that_is_not_valid_now_is_named_with_its_dates_and_the_clock() {
    at_once(SERVERS, |server| {
        for (years, says) in [
            (
                [2019, 2020],
                "has expired: it is valid from 2019-01-01T00:00:00Z until 2020-01-01T00:00:00Z, and",
            ),
            (
                [2150, 2151],
                "is not valid yet: it is valid from 2150-01-01T00:00:00Z until 2151-01-01T00:00:00Z, and",
            ),
        ] {
            let done = doctor_of(*server, years);
            // The server is not sent messages, whose errors say less.
            assert!(!done.stdout.contains("commands"), "{}", done.stdout);
            let says = format!("FAIL validity the server's certificate {says} this machine's clock says 2");
            assert_said(done, &["ok port", &says, "set the clock if it is wrong"]);
        }
    });
}

/// That the client trusts another authority is another fault.
#[test]
fn a_certificate_that_is_valid_now_is_said_to_be() {
    at_once(SERVERS, |server| {
        let says = "ok validity the server's certificate is valid from 2019-01-01";
        assert_said(doctor_of(*server, [2019, 2150]), &[says, "FAIL commands"]);
    });
}
