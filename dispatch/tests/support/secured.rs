//! Certificates, NKeys and JWTs of a secured server, made for one test in a folder of its own.
#![allow(
    unreachable_pub,
    dead_code,
    reason = "shared by the test binaries of two packages, each of which uses a part"
)]

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A folder with files for servers and clients.
pub struct Safe(TempDir);

impl Safe {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The same as text.
    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("text").to_owned()
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).expect("written");
        self.text(name)
    }

    /// An authority (`ca.pem`), a server of it (`server.pem`, `server.key`) and a client of it (`client.pem`,
    /// `client.key`).
    pub fn certificates(&self) {
        let key = || KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Some servers take a certificate for one that signed itself if it has the name of its authority.
        params.distinguished_name.push(DnType::CommonName, "authority");
        let authority = CertifiedIssuer::self_signed(params, key()).expect("an authority");
        self.write("ca.pem", &authority.pem());
        for (name, purpose) in
            [("server", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)]
        {
            let mut params =
                CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).expect("parameters");
            params.extended_key_usages = vec![purpose];
            // OpenSSL takes a certificate with the name of its authority for one that signed itself.
            params.distinguished_name.push(DnType::CommonName, name);
            let own = key();
            let signed = params.signed_by(&own, &authority).expect("a certificate");
            self.write(&format!("{name}.pem"), &signed.pem());
            self.write(&format!("{name}.key"), &own.serialize_pem());
        }
    }

    /// Lines of a server's configuration that ask for TLS, and for a client's certificate if `verify`.
    pub fn tls(&self, verify: bool) -> String {
        format!(
            "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: {verify}, timeout: 5 }}\n",
            self.path("server.pem"),
            self.path("server.key"),
            self.path("ca.pem")
        )
    }

    /// A configuration file with these lines, as arguments of the server.
    pub fn arguments(&self, lines: &str) -> [String; 3] {
        ["-js".into(), "-c".into(), self.write("server.conf", lines)]
    }
}

/// Where a file is, for tests that hand it to a command line.
pub fn shown(path: &Path) -> String {
    path.display().to_string()
}
