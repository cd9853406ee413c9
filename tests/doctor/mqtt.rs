//! A Mosquitto with users, rules for what they may do, and a port with TLS that asks for a client's certificate.

use super::{assert_all_say, assert_password_is_kept, doctor};
use crate::support_secured::Safe;
use drumpost_kit::suite::free_port;
use server::Mosquitto;
use std::process::Command;

#[path = "../../dispatch/tests/support/mosquitto.rs"]
mod server;

/// The configuration: `all` may do all, and `small` may receive alone. There is a second listener with TLS on this port.
fn configuration(safe: &Safe, encrypted: u16) -> String {
    let users = safe.write("users", "");
    for user in ["all", "small"] {
        let mut adds = Command::new(Mosquitto::beside("mosquitto_passwd"));
        let added = adds.args(["-b", &users, user, "s3cret-word"]).status();
        assert!(added.is_ok_and(|status| status.success()));
    }
    let rules = "user all\ntopic readwrite #\ntopic read $SYS/#\nuser small\ntopic read #\n";
    let rules = safe.write("rules", rules);
    let [authority, certificate, key] = ["ca.pem", "server.pem", "server.key"].map(|name| safe.text(name));
    format!(
        "max_queued_messages 1000\nallow_anonymous false\npassword_file {users}\nacl_file {rules}\nlistener {encrypted} 127.0.0.1\ncafile {authority}\n\
         certfile {certificate}\nkeyfile {key}\nrequire_certificate true\n"
    )
}

#[test]
#[ignore = "needs a mosquitto: scripts/test starts one"]
fn logins_rules_and_tls_of_an_mqtt_broker() {
    let safe = Safe::new();
    safe.certificates();
    let encrypted = free_port();
    let server = Mosquitto::start_with(&configuration(&safe, encrypted));
    let plain = |who: &str| format!("mqtt mqtt://{who}127.0.0.1:{}", server.port);
    let done = doctor(&plain("all:s3cret-word@")).with_code(0);
    assert!(done.stdout.contains("MQTT broker mosquitto version 2."), "{done:?}");
    let url = server.url().replace("://", "://all:s3cret-word@");
    assert_password_is_kept("mqtt", &url, "s3cret-word");
    let refused = &["FAIL commands MQTT broker refused the login at", "set mqtt.user and mqtt.password"];
    let authority = format!("--set mqtt.tls-ca={}", safe.text("ca.pem"));
    let secured = format!("mqtt mqtts://all:s3cret-word@127.0.0.1:{encrypted} {authority}");
    assert_all_say([
        (plain(""), refused),
        (plain("all:wr0ng-word@"), refused),
        (
            plain("small:s3cret-word@"),
            &[
                "FAIL commands MQTT broker refused to store 1 message",
                "NotAuthorized",
                "give this user the permission",
            ],
        ),
        // A client without TLS at the port with TLS, and the reverse.
        (
            format!("mqtt mqtt://all:s3cret-word@127.0.0.1:{encrypted}"),
            &[
                "FAIL commands",
                "note answers a server that speaks TLS: give an address with a scheme for TLS",
            ],
        ),
        (
            format!("{} {authority}", plain("all:s3cret-word@").replace("mqtt://", "mqtts://")),
            &["FAIL commands", "note answers a server that speaks MQTT, and without TLS: give the port"],
        ),
        (
            secured.clone(),
            &["FAIL commands MQTT broker refused the login at", "mqtt.tls-cert and mqtt.tls-key"],
        ),
    ]);
    let [certificate, key] = ["client.pem", "client.key"].map(|name| safe.text(name));
    doctor(&format!("{secured} --set mqtt.tls-cert={certificate} --set mqtt.tls-key={key}")).with_code(0);
}
