//! A server with TLS: a private CA, a client certificate, a user and a password.
#![cfg(feature = "amqp-tls")]

use crate::{NAME, secured_trial::run, support_rabbitmq::SecuredServer, support_secured::Safe};
use drumpost_core::transport::OpenError;

/// A password; it may stand nowhere.
const SECRET: &str = "hush0815hush";

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn tls_with_a_private_ca_and_a_client_certificate() {
    let safe = Safe::new();
    safe.certificates();
    let (ca, certificate, key) = (safe.text("ca.pem"), safe.text("client.pem"), safe.text("client.key"));
    let server = SecuredServer::start(|name| safe.text(name));
    server.node.tools().ctl(&["add_user", "me", SECRET]);
    server.node.tools().ctl(&["set_permissions", "me", ".*", ".*", ".*"]);
    let url = server.url();
    let all = [
        ("rabbitmq.tls-ca", &*ca),
        ("rabbitmq.tls-cert", &certificate),
        ("rabbitmq.tls-key", &key),
        ("rabbitmq.user", "me"),
        ("rabbitmq.password", SECRET),
    ];
    run(NAME, &url, &all).unwrap();
    run(NAME, &url.replace("://", &format!("://me:{SECRET}@")), &all[..3]).unwrap();
    // As another user, without a certificate, and not knowing the authority.
    let wrong = [("rabbitmq.user", "me"), ("rabbitmq.password", "guess")];
    for (set, says) in [
        ([&all[..3], &wrong[..]].concat(), "rabbitmq.password"),
        (all[..1].to_vec(), "rabbitmq.tls-cert"),
        (all[1..].to_vec(), "rabbitmq.tls-ca"),
    ] {
        let Err(OpenError::Failed(what)) = run(NAME, &url, &set) else { panic!("{set:?}") };
        assert!(what.contains("refused the login") && what.contains(says), "{set:?}: {what}");
        assert!(what.contains(&url) && !what.contains(SECRET), "{what}");
    }
    // A server without TLS on that port, and one with it that is asked without.
    let plain = run(NAME, &url.replace("amqps://", "amqp://"), &all[3..]).unwrap_err().to_string();
    assert!(plain.contains("rabbitmq.url") && !plain.contains(SECRET), "{plain}");
}
