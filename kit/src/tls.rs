//! TLS for a [`crate::socket::Socket`]: what a client trusts and shows, and a stream that never blocks. The library encrypts in
//! memory, so that the socket below may take or have a part only.

use crate::login::Login;
use drumpost_core::options::OptionFile;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use std::{
    io::{self, BufReader, ErrorKind, Read, Write},
    net::TcpStream,
    sync::Arc,
};

/// Bytes that are read from the socket at once. The library itself reads 4 KiB.
const READ_LEN: usize = 64 * 1024;

/// What a login says of certificates: the authority to trust, or else those of the system, and the client's own.
///
/// # Errors
/// A sentence about a file or a store that holds no usable certificate.
pub fn config<W>(login: &Login<W>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let certificates = |path: &std::path::Path| {
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match read {
            Ok(found) if found.is_empty() => Err(format!("{} holds no certificate", path.display())),
            read => read.map_err(|error| format!("failed to read {}: {error}", path.display())),
        }
    };
    match &login.authority {
        Some(OptionFile { path, .. }) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let Some((certificate, key)) = &login.certificate else {
        return Ok(Arc::new(builder.with_no_client_auth()));
    };
    let (certificate, key) = (&certificate.path, &key.path);
    let own = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| format!("failed to read {}: {error}", key.display()))?;
    let config = builder.with_client_auth_cert(certificates(certificate)?, own);
    config.map(Arc::new).map_err(|error| format!("{}: {error}", certificate.display()))
}

/// A stream over a socket that never blocks.
#[derive(Debug)]
pub(crate) struct Tls {
    connection: ClientConnection,
    tcp: BufReader<TcpStream>,
}

impl Tls {
    /// Begins the handshake with a server that has a certificate for `host`.
    pub(crate) fn over(tcp: TcpStream, config: Arc<ClientConfig>, host: &str) -> io::Result<Self> {
        let name =
            ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(io::Error::other)?;
        let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        Ok(Self { connection, tcp: BufReader::with_capacity(READ_LEN, tcp) })
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        self.tcp.get_ref()
    }

    /// Goes on with the handshake, and says whether it is done.
    pub(crate) fn shake_hands(&mut self) -> io::Result<bool> {
        while self.connection.is_handshaking() {
            match self
                .flush()
                .and_then(|()| if self.connection.is_handshaking() { self.pull() } else { Ok(()) })
            {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                done => done?,
            }
        }
        // What the socket does not take now goes out with the first message.
        let _ = self.flush();
        Ok(true)
    }

    /// Whether something is encrypted and not written.
    pub(crate) fn has_rest(&self) -> bool {
        self.connection.wants_write()
    }

    fn pull(&mut self) -> io::Result<()> {
        if self.connection.read_tls(&mut self.tcp)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let taken = self.connection.process_new_packets().map(drop).map_err(io::Error::other);
        if taken.is_err() {
            // The server is told why.
            let _ = self.flush();
        }
        taken
    }
}

impl Read for Tls {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(room) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => match self.pull() {
                    Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                    pulled => pulled?,
                },
                read => return read,
            }
        }
    }
}

impl Write for Tls {
    /// Encrypts what there is room for. It is written by this or a later call, or by `flush`.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        self.connection.writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(self.tcp.get_mut())?;
        }
        Ok(())
    }
}
