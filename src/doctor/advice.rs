//! What a user can do about an error whose sentence does not say it: set the clock of this machine, or give a permission.
//!
//! Does not live here: advice about logins, certificates and addresses. A transport knows the names of its options and says that itself.

use crate::environment;

/// Words of errors about certificates that are not valid now. librdkafka, the client of Kafka, says only that it could not verify
/// a certificate, whatever the reason.
const CERTIFICATE: [&str; 5] =
    ["expired", "not valid yet", "not yet valid", "notvalidyet", "could not be verified"];
/// Words of errors about requests whose time is too far from that of the server. AWS refuses them when both differ by more than 15 minutes.
const REQUEST: [&str; 5] = [
    "signature expired",
    "signature not yet current",
    "requestexpired",
    "requesttimetooskewed",
    "requestinthefuture",
];
/// How brokers say that a user may not do something, in small letters.
const FORBIDDEN: [&str; 8] = [
    "access_refused",
    "access refused",
    "accessdenied",
    "authorization failed",
    "no permissions",
    "noperm",
    "notauthorized",
    "permissions violation",
];
/// How transports begin a sentence about a login. What a user can do follows there.
const LOGIN: &str = "refused the login";

/// What the sentence of an error leaves out; empty if there is nothing more to say.
pub(super) fn about(error: &str) -> String {
    let error = error.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| error.contains(word));
    let mut advice = String::new();
    if says(&REQUEST) || (error.contains("certificate") && says(&CERTIFICATE)) {
        advice += &format!("; also check this machine's clock, which says {}", environment::date());
    }
    if says(&FORBIDDEN) && !error.contains(LOGIN) {
        advice += "; give this user the permission for it at the server";
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::about;

    #[test]
    fn the_clock_is_named_where_the_time_of_a_certificate_or_a_request_may_be_wrong() {
        let clock = |error| about(error).contains("this machine's clock, which says 2");
        assert!(clock("invalid peer certificate: Expired") && clock("certificate not valid yet"));
        assert!(clock("certificate verify failed: broker certificate could not be verified, verify that"));
        assert!(clock("InvalidSignatureException: Signature expired: 20200101T000000Z is now earlier than"));
        assert!(clock("SignatureDoesNotMatch: Signature not yet current: 20300101T000000Z is still later"));
        assert!(
            clock("RequestExpired: Request has expired") && clock("RequestTimeTooSkewed: The difference")
        );
        assert!(!clock("invalid peer certificate: UnknownIssuer") && !clock("the token expired"));
        assert!(!clock("SignatureDoesNotMatch: The request signature we calculated does not match"));
    }

    #[test]
    fn a_permission_is_named_where_it_is_missing_and_no_login_was_refused() {
        let permission = |error| about(error).contains("give this user the permission");
        assert!(permission(
            "failed to declare a queue: ACCESS_REFUSED - access to queue 'a' refused for user 'me'"
        ));
        assert!(permission("NOPERM: User me has no permissions to run the 'xgroup|create' command"));
        assert!(permission("MQTT broker refused to store 1 message, the first with NotAuthorized"));
        assert!(!permission("RabbitMQ refused the login at amqp://a:1: ACCESS_REFUSED - Login was refused"));
        assert!(!permission("nothing listens on 127.0.0.1:1: start the server"));
    }
}
