//! A server with TLS: a private CA, and a certificate that it asks its clients for.

use crate::{NAME, secured_trial::run, support_kafka::SecuredServer, support_secured::Safe};
use drumpost_core::transport::OpenError;
use std::fs;

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn tls_with_a_private_ca_and_a_client_certificate() {
    let safe = Safe::new();
    safe.certificates();
    let (ca, certificate, key) = (safe.text("ca.pem"), safe.text("client.pem"), safe.text("client.key"));
    // The server reads its key and its certificate from one file.
    let read = |name: &str| fs::read_to_string(safe.path(name)).expect("it was written");
    let both = safe.write("server-both.pem", &(read("server.key") + &read("server.pem")));
    let server = SecuredServer::start(&ca, &both);
    let url = server.url();
    let all = [("kafka.tls-ca", &*ca), ("kafka.tls-cert", &certificate), ("kafka.tls-key", &key)];
    run(NAME, &url, &all).unwrap();
    // Without a certificate, and not knowing the authority: the client does not say whether that or the time is wrong, so both are named.
    for (set, says) in [
        (&all[..1], "kafka.tls-cert"),
        (&all[1..], "kafka.tls-ca"),
        (&all[1..], "set this machine's clock if the certificate"),
    ] {
        let Err(OpenError::Failed(what)) = run(NAME, &url, set) else { panic!("{set:?}") };
        println!("{what}");
        assert!(what.contains("refused the login") && what.contains(says), "{set:?}: {what}");
        assert!(what.contains(&url), "{what}");
    }
    // A server without TLS on that port, and one with it that is asked without.
    let other = run(NAME, &format!("kafkas://127.0.0.1:{}", server.node.port), &all).unwrap_err().to_string();
    assert!(other.contains("kafka.tls-ca"), "{other}");
    let plain = run(NAME, &url.replace("kafkas://", "kafka://"), &[]).unwrap_err().to_string();
    assert!(plain.contains("kafka.url"), "{plain}");
}
