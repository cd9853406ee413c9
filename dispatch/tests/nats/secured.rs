//! Servers with logins and servers with TLS: every way to log in, and the errors of wrong ones.

use crate::{
    ALL, SECRET,
    support::NatsServer,
    support_secured::Safe,
    trial::{Trial, assert_sound, ends, one_hop},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use drumpost_core::{
    load::{Extent, Pace},
    transport::OpenError,
};
use nkeys::KeyPair;
use serde_json::{Value, json};

/// Options of one test; they live as long as the test binary.
pub(crate) fn options(set: &[(&'static str, &str)]) -> &'static [(&'static str, &'static str)] {
    let owned = set.iter().map(|(name, value)| (*name, &*value.to_string().leak()));
    owned.collect::<Vec<_>>().leak()
}

fn secured(safe: &Safe, lines: &str) -> NatsServer {
    NatsServer::start_with(&safe.arguments(lines))
}

fn run(transport: &str, url: &str, set: &[(&'static str, &str)]) -> Result<(), OpenError> {
    let trial = Trial { extent: Extent::Count(200), options: options(set), ..Trial::default() };
    let outcome = trial.run(transport, url, one_hop(ends))?;
    assert_sound(&outcome, 200);
    assert_eq!(outcome.notes, Vec::<String>::new());
    Ok(())
}

/// These transports come in with these options.
fn comes_in(transports: &[&str], url: &str, set: &[(&'static str, &str)]) {
    for transport in transports {
        run(transport, url, set).unwrap_or_else(|error| panic!("{transport} with {set:?}: {error}"));
    }
}

/// What is said of those that do not.
#[track_caller]
fn stays_out(transports: &[&str], url: &str, set: &[(&'static str, &str)], expected: &str) {
    for transport in transports {
        let error = run(transport, url, set).expect_err("let in");
        let OpenError::Failed(what) = error else { panic!("{error:?}") };
        assert!(what.contains("refused the login") && what.contains(expected), "{what}");
        assert!(!what.contains(SECRET) && !what.contains("scripts/nats-server"), "{what}");
    }
}

/// The URL with something before its host.
fn at(url: &str, who: &str) -> String {
    url.replace("://", &format!("://{who}@"))
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn user_and_password() {
    let safe = Safe::new();
    let lines = format!("authorization {{ user: me, password: \"p@{SECRET}\" }}\n");
    let server = secured(&safe, &lines);
    let url = server.url();
    let password = format!("p@{SECRET}");
    comes_in(&ALL, &at(&url, &format!("me:p%40{SECRET}")), &[]);
    comes_in(&ALL, &at(&url, "me"), &[("nats.password", &password)]);
    comes_in(&ALL, &url, &[("nats.user", "me"), ("nats.password", &password)]);
    stays_out(&ALL, &url, &[], "give credentials");
    stays_out(&ALL, &at(&url, &format!("me:{SECRET}")), &[], "give credentials");
    stays_out(&ALL, &url, &[("nats.token", SECRET)], "give credentials");
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn token() {
    let safe = Safe::new();
    let server = secured(&safe, &format!("authorization {{ token: {SECRET} }}\n"));
    comes_in(&ALL, &server.url(), &[("nats.token", SECRET)]);
    comes_in(&ALL, &at(&server.url(), SECRET), &[]);
    stays_out(&ALL, &server.url(), &[], "nats.token");
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn nkey() {
    let safe = Safe::new();
    let (user, other) = (KeyPair::new_user(), KeyPair::new_user());
    let lines = format!("authorization {{ users: [ {{ nkey: {} }} ] }}\n", user.public_key());
    let server = secured(&safe, &lines);
    let plain = safe.write("user.nk", &format!("{}\n", user.seed().unwrap()));
    let text = format!(
        "# mine\n-----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed().unwrap()
    );
    comes_in(&ALL, &server.url(), &[("nats.nkey-file", &plain)]);
    comes_in(&ALL, &server.url(), &[("nats.nkey-file", &safe.write("decorated.nk", &text))]);
    let wrong = safe.write("other.nk", &other.seed().unwrap());
    stays_out(&ALL, &server.url(), &[("nats.nkey-file", &wrong)], "nats.nkey-file");
}

/// What a key signs about another: an operator about an account, an account about a user.
fn jwt(signer: &KeyPair, subject: &KeyPair, name: &str, nats: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "jti": name, "iat": 1_700_000_000, "iss": signer.public_key(), "name": name, "sub": subject.public_key(),
        "nats": nats,
    });
    let text = format!("{}.{}", part(&json!({"typ": "JWT", "alg": "ed25519-nkey"})), part(&claims));
    let signature = signer.sign(text.as_bytes()).expect("signed");
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn credentials_file() {
    let safe = Safe::new();
    let (operator, system, account) =
        (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
    let of_account = json!({
        "type": "account", "version": 2,
        "limits": {
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1,
            "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
        },
    });
    let of_system = json!({
        "type": "account", "version": 2,
        "limits": {
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        },
    });
    let of_user =
        json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}});
    let lines = format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {}, {}: {} }}\n",
        jwt(&operator, &operator, "operator", &json!({"type": "operator", "version": 2})),
        system.public_key(),
        system.public_key(),
        jwt(&operator, &system, "system", &of_system),
        account.public_key(),
        jwt(&operator, &account, "account", &of_account),
    );
    let server = secured(&safe, &lines);
    let creds = |signer: &KeyPair, name: &str| {
        let user = KeyPair::new_user();
        let (jwt, seed) = (jwt(signer, &user, "user", &of_user), user.seed().unwrap());
        safe.write(
            name,
            &format!(
                "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
                 -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
            ),
        )
    };
    comes_in(&ALL, &server.url(), &[("nats.creds", &creds(&account, "user.creds"))]);
    stays_out(
        &ALL,
        &server.url(),
        &[("nats.creds", &creds(&KeyPair::new_account(), "stranger.creds"))],
        "nats.creds",
    );
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn tls_with_an_authority_of_its_own() {
    let safe = Safe::new();
    safe.certificates();
    let server = secured(&safe, &safe.tls(false));
    let (url, authority) = (server.url(), safe.text("ca.pem"));
    comes_in(&ALL, &url, &[("nats.tls-ca", &authority)]);
    comes_in(&ALL, &url.replace("nats://127.0.0.1", "tls://localhost"), &[("nats.tls-ca", &authority)]);
    stays_out(&ALL, &url, &[], "nats.tls-ca");
    let other = Safe::new();
    other.certificates();
    stays_out(&ALL, &url, &[("nats.tls-ca", &other.text("ca.pem"))], "nats.tls-ca");
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn tls_with_a_certificate_of_the_clients_and_a_password() {
    let safe = Safe::new();
    safe.certificates();
    let lines = format!("{}authorization {{ user: me, password: {SECRET} }}\n", safe.tls(true));
    let server = secured(&safe, &lines);
    let url = at(&server.url().replace("nats://", "tls://"), &format!("me:{SECRET}"));
    let [authority, certificate, key] = ["ca.pem", "client.pem", "client.key"].map(|name| safe.text(name));
    let all = [("nats.tls-ca", &*authority), ("nats.tls-cert", &*certificate), ("nats.tls-key", &*key)];
    comes_in(&ALL, &url, &all);
    stays_out(&ALL, &url, &all[..1], "nats.tls-cert");
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn tls_before_the_server_says_anything() {
    let safe = Safe::new();
    safe.certificates();
    let server = secured(&safe, &safe.tls(false).replace("timeout: 5", "timeout: 5, handshake_first: true"));
    let authority = safe.text("ca.pem");
    let first = [("nats.tls-ca", &*authority), ("nats.tls-first", "on")];
    comes_in(&ALL, &server.url(), &first);
    // Without it both sides wait for the other to begin.
    let error = run("nats-wire", &server.url(), &first[..1]).expect_err("nobody begins").to_string();
    assert!(error.contains(&server.url()), "{error}");
    stays_out(&ALL, &server.url(), &first[1..], "nats.tls-ca");
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn large_messages_and_many_go_over_tls() {
    let safe = Safe::new();
    safe.certificates();
    let server = secured(&safe, &safe.tls(false));
    let large =
        Trial { payload_len: 1_000_000, batch: 4, pace: Pace::Closed { in_flight: 8 }, ..Trial::default() };
    let many = Trial { batch: 64, pace: Pace::Closed { in_flight: 4_096 }, ..Trial::default() };
    for (trial, count) in [(large, 100), (many, 200_000)] {
        let trial = Trial {
            extent: Extent::Count(count),
            options: options(&[("nats.tls-ca", &safe.text("ca.pem"))]),
            ..trial
        };
        let outcome = trial.run("nats-wire", &server.url(), one_hop(ends)).unwrap();
        assert_sound(&outcome, count);
    }
}

#[test]
#[ignore = "needs a nats-server: scripts/test starts one"]
fn tls_that_is_insisted_on_and_not_spoken() {
    let server = NatsServer::start();
    for transport in ALL {
        let url = server.url().replace("nats://", "tls://");
        let error = run(transport, &url, &[]).expect_err("it speaks no TLS");
        assert!(error.to_string().contains(&url), "{error}");
    }
}
