//! When the certificate of a server is valid, seen from this machine's clock. Clients say that in words of their own, and some, such as
//! OpenSSL's in Kafka's client, do not say it at all.

use super::{Examined, port};
use std::net::SocketAddr;

const WHAT: &str = "validity";

/// Looks at the certificate of the server at this address, if the URL asks for TLS. It is not looked at otherwise, and nothing is said of
/// a server that presents none: messages that are sent to it show why.
#[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "it says only that it cannot look"))]
pub(super) fn look(examined: &mut Examined<'_>, address: SocketAddr, host: &str, url: &str) {
    if !port::asks_for_tls(url) {
        return;
    }
    #[cfg(feature = "tls")]
    with_tls::look(examined, address, host, url);
    #[cfg(not(feature = "tls"))]
    examined.add_note(WHAT, "this build cannot look at certificates: build with --features tls".to_owned());
}

#[cfg(feature = "tls")]
mod with_tls {
    use super::{Examined, WHAT, port};
    use crate::environment;
    use drumpost_kit::certificate::{Validity, presented};
    use std::{
        io::Read,
        net::{SocketAddr, TcpStream},
    };

    pub(super) fn look(examined: &mut Examined<'_>, address: SocketAddr, host: &str, url: &str) {
        let found = before_tls(address, url).and_then(|mut tcp| presented(&mut tcp, host, port::PATIENCE));
        let found = found.unwrap_or_default();
        let now_s = environment::since_1970().as_secs();
        let mut found = found.into_iter();
        if let Some(own) = found.next().flatten() {
            examined.add(WHAT, of_server(own, now_s));
        }
        // A client may know another way to an authority, so this alone is no failure.
        if let Some(wrong) = found.flatten().find_map(|validity| wrong(validity, now_s)) {
            let says = format!("the certificate of an authority that the server sends along {wrong}");
            examined.add_note(WHAT, says);
        }
    }

    /// A connection on which TLS is to begin. A server whose words come before TLS has said them.
    fn before_tls(address: SocketAddr, url: &str) -> std::io::Result<TcpStream> {
        let mut tcp = TcpStream::connect_timeout(&address, port::PATIENCE)?;
        if !port::is_encrypted(url) {
            tcp.set_read_timeout(Some(port::FIRST_WORDS))?;
            let mut heard = [0; 4096];
            // Its words are a line, which comes in a few parts at most. A server that says nothing may begin with TLS at once.
            for _ in 0..16 {
                let len = tcp.read(&mut heard).unwrap_or(0);
                if len == 0 || heard[..len].ends_with(b"\n") {
                    break;
                }
            }
        }
        Ok(tcp)
    }

    /// What is said of the server's own certificate.
    fn of_server(validity: Validity, now_s: u64) -> Result<String, String> {
        match wrong(validity, now_s) {
            None => Ok(format!("the server's certificate is valid {}", period(validity))),
            Some(wrong) => Err(format!("the server's certificate {wrong}")),
        }
    }

    /// Why a certificate is not valid at this time, and what to do.
    fn wrong(validity: Validity, now_s: u64) -> Option<String> {
        let (how, what_to_do) = if now_s > validity.until_s {
            ("has expired", "renew it, or set the clock if it is wrong")
        } else if now_s < validity.from_s {
            ("is not valid yet", "set the clock if it is wrong, or give the server one that is valid")
        } else {
            return None;
        };
        let (period, clock) = (period(validity), environment::date_of(now_s));
        Some(format!("{how}: it is valid {period}, and this machine's clock says {clock}; {what_to_do}"))
    }

    fn period(Validity { from_s, until_s }: Validity) -> String {
        format!("from {} until {}", environment::date_of(from_s), environment::date_of(until_s))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_certificate_is_valid_from_its_first_second_to_its_last() {
            let says = |now_s| of_server(Validity { from_s: 86_400, until_s: 172_800 }, now_s);
            let period = "valid from 1970-01-02T00:00:00Z until 1970-01-03T00:00:00Z";
            for now_s in [86_400, 172_800] {
                assert_eq!(says(now_s), Ok(format!("the server's certificate is {period}")));
            }
            assert_eq!(
                says(86_399).unwrap_err(),
                format!(
                    "the server's certificate is not valid yet: it is {period}, and this machine's clock says \
                     1970-01-01T23:59:59Z; set the clock if it is wrong, or give the server one that is valid"
                )
            );
            let expired = says(172_801).unwrap_err();
            assert!(expired.contains(" has expired: it is valid from") && expired.ends_with("wrong"));
        }
    }
}
