//! Servers with logins and servers with TLS, and the errors of wrong ones.

use crate::{NAME, secured_trial::run, support_mosquitto::Mosquitto, support_secured::Safe};
use drumpost_core::transport::OpenError;
use std::process::Command;

/// A password; it may stand nowhere.
const SECRET: &str = "hush0815hush";

#[track_caller]
fn comes_in(url: &str, set: &[(&'static str, &str)]) {
    run(NAME, url, set).unwrap_or_else(|error| panic!("{set:?}: {error}"));
}

#[track_caller]
fn stays_out(url: &str, set: &[(&'static str, &str)], expected: &str) {
    let error = run(NAME, url, set).expect_err("let in");
    let OpenError::Failed(what) = error else { panic!("{error:?}") };
    assert!(what.contains("refused the login") && what.contains(expected), "{what}");
    assert!(!what.contains(SECRET) && !what.contains("scripts/mosquitto-server"), "{what}");
}

/// The URL with something before its host.
fn at(url: &str, who: &str) -> String {
    url.replace("://", &format!("://{who}@"))
}

/// A line of the configuration that lets `me` in with the secret.
fn users(safe: &Safe) -> String {
    let file = safe.write("users", "");
    let made = Command::new(Mosquitto::beside("mosquitto_passwd")).args(["-b", &file, "me", SECRET]).status();
    assert!(made.is_ok_and(|status| status.success()));
    format!("allow_anonymous false\npassword_file {file}\n")
}

#[test]
#[ignore = "needs a mosquitto: scripts/test starts one"]
fn user_and_password() {
    let safe = Safe::new();
    let server = Mosquitto::start_with(&users(&safe));
    let url = server.url();
    comes_in(&at(&url, &format!("me:{SECRET}")), &[]);
    comes_in(&at(&url, "me"), &[("mqtt.password", SECRET)]);
    comes_in(&url, &[("mqtt.user", "me"), ("mqtt.password", SECRET)]);
    stays_out(&url, &[], "mqtt.password");
    stays_out(&at(&url, &format!("me:{SECRET}2")), &[], "mqtt.password");
    stays_out(&url, &[("mqtt.user", "you"), ("mqtt.password", SECRET)], "mqtt.password");
}

/// Lines of the configuration that ask for TLS, and for a client's certificate if `verify`.
fn tls(safe: &Safe, verify: bool) -> String {
    let [authority, certificate, key] = ["ca.pem", "server.pem", "server.key"].map(|name| safe.text(name));
    format!("cafile {authority}\ncertfile {certificate}\nkeyfile {key}\nrequire_certificate {verify}\n")
}

#[test]
#[ignore = "needs a mosquitto: scripts/test starts one"]
fn tls_with_an_authority_of_its_own() {
    let safe = Safe::new();
    safe.certificates();
    let server = Mosquitto::start_with(&format!("{}allow_anonymous true\n", tls(&safe, false)));
    let (url, authority) = (server.url().replace("mqtt://", "mqtts://"), safe.text("ca.pem"));
    comes_in(&url, &[("mqtt.tls-ca", &authority)]);
    comes_in(&url.replace("127.0.0.1", "localhost"), &[("mqtt.tls-ca", &authority)]);
    // The system's certificates do not have it.
    stays_out(&url, &[], "mqtt.tls-ca");
    let other = Safe::new();
    other.certificates();
    stays_out(&url, &[("mqtt.tls-ca", &other.text("ca.pem"))], "mqtt.tls-ca");
    let error = run(NAME, &server.url(), &[]).expect_err("it speaks TLS only");
    assert!(error.to_string().contains(&server.url()), "{error}");
}

#[test]
#[ignore = "needs a mosquitto: scripts/test starts one"]
fn tls_with_a_certificate_of_the_clients_and_a_password() {
    let safe = Safe::new();
    safe.certificates();
    let server = Mosquitto::start_with(&format!("{}{}", tls(&safe, true), users(&safe)));
    let url = at(&server.url().replace("mqtt://", "mqtts://"), &format!("me:{SECRET}"));
    let [authority, certificate, key] = ["ca.pem", "client.pem", "client.key"].map(|name| safe.text(name));
    let all = [("mqtt.tls-ca", &*authority), ("mqtt.tls-cert", &*certificate), ("mqtt.tls-key", &*key)];
    comes_in(&url, &all);
    stays_out(&url, &all[..1], "mqtt.tls-cert");
}

#[test]
#[ignore = "needs a mosquitto: scripts/test starts one"]
fn tls_that_is_insisted_on_and_not_spoken() {
    let server = Mosquitto::start();
    let url = server.url().replace("mqtt://", "mqtts://");
    let safe = Safe::new();
    safe.certificates();
    let error = run(NAME, &url, &[("mqtt.tls-ca", &safe.text("ca.pem"))]).expect_err("it speaks no TLS");
    assert!(error.to_string().contains(&url), "{error}");
}
