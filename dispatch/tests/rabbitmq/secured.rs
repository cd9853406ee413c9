//! A server with TLS: a private CA, a client certificate, a user and a password.
#![cfg(feature = "amqp-tls")]

use crate::{
    NAME,
    support_rabbitmq::SecuredServer,
    support_secured::Safe,
    trial::{Trial, assert_sound, ends, one_hop},
};
use drumpost_core::{load::Extent, transport::OpenError};

/// A password; it may stand nowhere.
const SECRET: &str = "hush0815hush";

fn run(url: &str, set: &[(&'static str, &str)]) -> Result<(), OpenError> {
    // They live as long as the test binary.
    let owned = set.iter().map(|(name, value)| (*name, &*value.to_string().leak()));
    let options = owned.collect::<Vec<_>>().leak();
    let trial = Trial { extent: Extent::Count(200), options, ..Trial::default() };
    let outcome = trial.run(NAME, url, one_hop(ends))?;
    assert_sound(&outcome, 200);
    assert_eq!(outcome.notes, Vec::<String>::new());
    Ok(())
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn tls_with_a_private_ca_and_a_client_certificate() {
    let safe = Safe::new();
    safe.certificates();
    let (ca, certificate, key) = (safe.text("ca.pem"), safe.text("client.pem"), safe.text("client.key"));
    let server = SecuredServer::start(|name| safe.text(name));
    server.tools().ctl(&["add_user", "me", SECRET]);
    server.tools().ctl(&["set_permissions", "me", ".*", ".*", ".*"]);
    let url = server.url();
    let all = [
        ("rabbitmq.tls-ca", &*ca),
        ("rabbitmq.tls-cert", &certificate),
        ("rabbitmq.tls-key", &key),
        ("rabbitmq.user", "me"),
        ("rabbitmq.password", SECRET),
    ];
    run(&url, &all).unwrap();
    run(&url.replace("://", &format!("://me:{SECRET}@")), &all[..3]).unwrap();
    // As another user, without a certificate, and not knowing the authority.
    let wrong = [("rabbitmq.user", "me"), ("rabbitmq.password", "guess")];
    for (set, says) in [
        ([&all[..3], &wrong[..]].concat(), "rabbitmq.password"),
        (all[..1].to_vec(), "rabbitmq.tls-cert"),
        (all[1..].to_vec(), "rabbitmq.tls-ca"),
    ] {
        let Err(OpenError::Failed(what)) = run(&url, &set) else { panic!("{set:?}") };
        assert!(what.contains("refused the login") && what.contains(says), "{set:?}: {what}");
        assert!(what.contains(&url) && !what.contains(SECRET), "{what}");
    }
    // A server without TLS on that port, and one with it that is asked without.
    let plain = run(&url.replace("amqps://", "amqp://"), &all[3..]).unwrap_err().to_string();
    assert!(plain.contains("rabbitmq.url") && !plain.contains(SECRET), "{plain}");
}
