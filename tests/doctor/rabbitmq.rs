//! A RabbitMQ server with users, streams, and a port with TLS that asks for a client's certificate.

use super::{assert_all_say, assert_password_is_kept, doctor};
use crate::support_secured::Safe;
use server::SecuredServer;

#[path = "../../dispatch/tests/support/rabbitmq.rs"]
mod server;

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn logins_permissions_and_tls_of_a_rabbitmq_server() {
    let safe = Safe::new();
    safe.certificates();
    let server = SecuredServer::start(|name| safe.text(name));
    for command in [
        &["add_user", "small", "s3cret-word"][..],
        &["set_permissions", "small", "^$", ".*", ".*"],
        &["add_user", "all", "s3cret-word"],
        &["set_permissions", "all", ".*", ".*", ".*"],
    ] {
        server.node.tools().ctl(command);
    }
    // `guest` is let in from this machine without a word about it.
    let done = doctor(&format!("rabbitmq {}", server.node.url())).with_code(0);
    assert!(done.stdout.contains("ok    server     RabbitMQ "), "{done:?}");
    let url = server.node.url().replace("://", "://all:s3cret-word@");
    assert_password_is_kept("rabbitmq", &url, "s3cret-word");
    let plain = |who: &str, vhost: &str| {
        format!("rabbitmq {}{vhost}", server.node.url().replace("://", &format!("://{who}")))
    };
    let authority = format!("--set rabbitmq.tls-ca={}", safe.text("ca.pem"));
    let secured = format!("rabbitmq {} {authority}", server.url());
    assert_all_say([
        (
            plain("small:wr0ng-word@", ""),
            &["ok port", "FAIL commands RabbitMQ refused the login at", "rabbitmq.password"],
        ),
        (
            plain("guest:guest@", "/elsewhere"),
            &["FAIL commands RabbitMQ refused the login at", "elsewhere not found", "VHOST has to be there"],
        ),
        (
            plain("small:s3cret-word@", ""),
            &[
                "FAIL commands failed to declare a queue at",
                "ACCESS_REFUSED",
                "give this user the permission for it",
            ],
        ),
        // A client without TLS at the port with TLS, and the reverse.
        (
            format!("rabbitmq {}", server.url().replace("amqps://", "amqp://")),
            &[
                "FAIL commands",
                "note answers a server that speaks TLS: give an address with a scheme for TLS",
            ],
        ),
        (
            format!("{} {authority}", plain("", "").replace("amqp://", "amqps://")),
            &["FAIL commands", "note answers a server that speaks AMQP, and without TLS: give the port"],
        ),
        (secured.clone(), &["FAIL commands RabbitMQ refused the login at", "rabbitmq.tls-cert"]),
    ]);
    let [certificate, key] = ["client.pem", "client.key"].map(|name| safe.text(name));
    doctor(&format!("{secured} --set rabbitmq.tls-cert={certificate} --set rabbitmq.tls-key={key}"))
        .with_code(0);
    #[cfg(feature = "rabbitmq-stream")]
    streams(&server);
}

/// The port of the plug-in for streams.
#[cfg(feature = "rabbitmq-stream")]
fn streams(server: &SecuredServer) {
    let streams = |who: &str| {
        format!("rabbitmq-stream {}", server.node.stream_url().replace("://", &format!("://{who}")))
    };
    let done = doctor(&streams("")).with_code(0);
    assert!(done.stdout.contains("ok    server     RabbitMQ "), "{done:?}");
    assert_all_say([
        (
            streams("small:wr0ng-word@"),
            &["FAIL events RabbitMQ refused the login at", "rabbitmq-stream.password"],
        ),
        // A server without the plug-in listens on no such port.
        (
            format!("rabbitmq-stream rabbitmq-stream://127.0.0.1:{}", drumpost_kit::suite::free_port()),
            &["FAIL port nothing listens on", "note expects address of the server's plug-in rabbitmq_stream"],
        ),
        (
            format!("rabbitmq-stream {}", server.node.url().replace("amqp://", "rabbitmq-stream://")),
            &[
                "FAIL events",
                "a server that speaks AMQP answers there, and streams have a port of their own, 5552",
            ],
        ),
    ]);
}
