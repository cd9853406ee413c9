//! When the certificates are valid that a server presents. The server is only looked at, and not trusted: the look refuses every
//! certificate, which ends the handshake, so nothing is ever sent over such a connection.

use drumpost_core::clock::{Clock, Now};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use std::{
    io::{self, ErrorKind},
    iter,
    net::TcpStream,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// The first and the last second in which a certificate is valid, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second (`notBefore`).
    pub from_s: u64,
    /// The last second (`notAfter`).
    pub until_s: u64,
}

/// When the certificates are valid that the server at the other end presents to a client that asks for `host`: its own, and those of
/// authorities that it sends along. `None` for one whose dates cannot be read.
///
/// # Errors
/// The server speaks no TLS, refuses the client, or has not presented a certificate within this time.
pub fn presented(tcp: &mut TcpStream, host: &str, within: Duration) -> io::Result<Vec<Option<Validity>>> {
    let look = Arc::new(Look::default());
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&look) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let clock = Clock::start();
    tcp.set_write_timeout(Some(within))?;
    while look.presented.get().is_none() {
        while connection.wants_write() {
            connection.write_tls(tcp)?;
        }
        let left = within.saturating_sub(Duration::from_nanos(clock.now_ns()));
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        tcp.set_read_timeout(Some(left))?;
        if connection.read_tls(tcp)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let taken = connection.process_new_packets();
        if look.presented.get().is_none() {
            taken.map_err(io::Error::other)?;
        }
    }
    // The server is told that its certificate is refused.
    let _ = connection.write_tls(tcp);
    Ok(look.presented.get().into_iter().flatten().map(validity).collect())
}

/// Keeps the certificates that a server presents, and refuses them.
#[derive(Debug, Default)]
struct Look {
    presented: OnceLock<Vec<CertificateDer<'static>>>,
}

/// What every certificate is refused with.
const REFUSED: Error = Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);

impl ServerCertVerifier for Look {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let all = iter::once(own).chain(others);
        let _ = self.presented.set(all.map(|certificate| certificate.clone().into_owned()).collect());
        Err(REFUSED)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _own: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(REFUSED)
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _own: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(REFUSED)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// The dates of a certificate. The library checks them before anything else, and tells a date only where the certificate is not valid at
/// the time that it is asked about. So it is asked about the first and the last second that it knows.
fn validity(certificate: &CertificateDer<'_>) -> Option<Validity> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    let algorithms = ring::default_provider().signature_verification_algorithms.all;
    let refused = |at_s| {
        let at = UnixTime::since_unix_epoch(Duration::from_secs(at_s));
        let roots = RootCertStore::empty();
        match verify_server_cert_signed_by_trust_anchor(&parsed, &roots, &[], at, algorithms) {
            Err(Error::InvalidCertificate(why)) => Some(why),
            _ => None,
        }
    };
    let Some(CertificateError::ExpiredContext { not_after, .. }) = refused(u64::MAX) else { return None };
    let from_s = match refused(0) {
        Some(CertificateError::NotValidYetContext { not_before, .. }) => not_before.as_secs(),
        // It was valid then.
        _ => 0,
    };
    Some(Validity { from_s, until_s: not_after.as_secs() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
    use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion, version};
    use std::{io::Read, net::TcpListener, thread};

    /// 2020-01-01 and 2020-02-01.
    const JANUARY: Validity = Validity { from_s: 1_577_836_800, until_s: 1_580_515_200 };

    fn parameters() -> CertificateParams {
        let mut parameters = CertificateParams::new(vec!["localhost".into()]).unwrap();
        (parameters.not_before, parameters.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(2020, 2, 1));
        parameters
    }

    fn client_of(serves: impl FnOnce(TcpStream) + Send + 'static) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        thread::spawn(move || serves(listener.accept().unwrap().0));
        client
    }

    /// Looks at a server with a certificate of January 2020. Also says how the handshake ended for the server, and what it was sent.
    fn look(version: &'static SupportedProtocolVersion) -> (Vec<Option<Validity>>, bool, Vec<u8>) {
        let key = KeyPair::generate().unwrap();
        let own = parameters().self_signed(&key).unwrap().der().clone();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own], key.into())
            .unwrap();
        let (told, hears) = std::sync::mpsc::channel();
        let mut client = client_of(move |mut tcp| {
            let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
            let failed = connection.complete_io(&mut tcp).is_err();
            let mut sent = Vec::new();
            let _ = connection.reader().read_to_end(&mut sent);
            told.send((failed, sent)).unwrap();
        });
        let found = presented(&mut client, "localhost", Duration::from_secs(10)).unwrap();
        drop(client);
        let (failed, sent) = hears.recv().unwrap();
        (found, failed, sent)
    }

    #[test]
    fn the_dates_of_a_server_are_read_and_nothing_is_sent_to_it() {
        for version in [&version::TLS12, &version::TLS13] {
            assert_eq!(look(version), (vec![Some(JANUARY)], true, vec![]), "{version:?}");
        }
    }

    #[test]
    fn the_dates_of_an_authority_and_the_first_date_of_all_are_read() {
        let dates = |parameters: CertificateParams| {
            validity(parameters.self_signed(&KeyPair::generate().unwrap()).unwrap().der())
        };
        let mut authority = parameters();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        assert_eq!(dates(authority), Some(JANUARY));
        let mut first = parameters();
        first.not_before = date_time_ymd(1970, 1, 1);
        assert_eq!(dates(first), Some(Validity { from_s: 0, ..JANUARY }));
        assert_eq!(validity(&CertificateDer::from(vec![0x30, 0])), None);
    }

    #[test]
    fn a_server_that_says_nothing_and_one_without_tls_end_the_look() {
        let mut silent = client_of(|tcp| {
            let _ = (&tcp).read_to_end(&mut Vec::new());
        });
        let error = presented(&mut silent, "localhost", Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock), "{error:?}");
        let mut plain = client_of(|mut tcp| {
            let _ = io::Write::write_all(&mut tcp, b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = tcp.read_to_end(&mut Vec::new());
        });
        assert!(presented(&mut plain, "localhost", Duration::from_secs(10)).is_err());
    }
}
