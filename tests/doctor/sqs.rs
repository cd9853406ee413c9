//! What answers as SQS does when a request is refused.

use super::{assert_said, says};
use crate::support::{Place, Running};

/// The answer of SQS to a request whose time is not that of the server.
fn refuses(message: &str) -> &'static [u8] {
    let body =
        format!(r#"{{"__type":"com.amazon.coral.service#InvalidSignatureException","message":"{message}"}}"#);
    let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length";
    format!("{head}: {}\r\n\r\n{body}", body.len()).leak().as_bytes()
}

#[test]
fn no_credentials_are_told_from_a_clock_that_is_wrong() {
    let place = Place::new();
    let expired = "Signature expired: 20200101T000000Z is now earlier than 20260101T000000Z (20260101T001500Z - 15 min.)";
    let at = says(refuses(expired), false);
    let command = |credentials: bool| {
        let mut command = place.command(&format!("doctor sqs http://{at}"));
        // Wherever else the SDK looks, it finds nothing.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        for file in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
            command.env(file, place.path("nothing"));
        }
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            if credentials {
                command.env(name, "any")
            } else {
                command.env_remove(name)
            };
        }
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        Running::start(&mut command).end()
    };
    assert_said(
        command(false),
        &[
            "ok port",
            "FAIL commands SQS refused the login at",
            "put credentials where the AWS SDK looks for them",
        ],
    );
    assert_said(
        command(true),
        &[
            "FAIL commands SQS refused the login at",
            "Signature expired",
            "set this machine's clock",
            "this machine's clock, which says 2",
        ],
    );
}
