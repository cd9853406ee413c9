//! The flags about live figures: where they are served, and whether the command can be watched.

use clap::Args;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
};

/// Where live figures go, besides the dashboard.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct LiveArgs {
    /// Serve live figures for Prometheus at this address, such as :9464
    ///
    /// `GET /metrics` has the figures until all is measured and saved, under OpenTelemetry's names for messaging where there are some. `:9464` and
    /// `localhost:9464` are this machine alone. With port 0 the system chooses a port, which is printed.
    #[arg(long, value_name = "ADDR", hide_short_help = true, help_heading = "Output")]
    pub prometheus: Option<ServeAt>,
    /// Allow an address for --prometheus that other machines can reach, such as 0.0.0.0:9464
    ///
    /// Whoever reaches it can read the figures. There is no login and no encryption. Without it, a request that names another host than this machine is refused, so that no page in a browser reads them.
    #[arg(long, requires = "prometheus", hide_short_help = true, help_heading = "Output")]
    pub prometheus_public: bool,
    /// Send live figures by OTLP over HTTP to this address, such as http://localhost:4318
    ///
    /// The figures of --prometheus, as protobuf, every 2 s and once at the end. A path that is not given is /v1/metrics.
    #[cfg(feature = "otlp")]
    #[arg(long, value_name = "URL", hide_short_help = true, help_heading = "Output")]
    pub otlp: Option<Endpoint>,
    /// Do not let `drumpost watch` attach
    ///
    /// With DRUMPOST_NO_WATCH=1 in the environment no command can be watched.
    #[arg(long, hide_short_help = true, help_heading = "Output")]
    pub no_watch: bool,
}

impl LiveArgs {
    /// The flag that asks for live figures outside of the dashboard; `None`: there is none.
    pub(crate) const fn asked(&self) -> Option<&'static str> {
        #[cfg(feature = "otlp")]
        if self.otlp.is_some() {
            return Some("--otlp");
        }
        if self.prometheus.is_some() { Some("--prometheus") } else { None }
    }

    /// Whether figures go to a program that adds up, such as Prometheus.
    pub(crate) const fn adds_up(&self) -> bool {
        self.asked().is_some()
    }

    /// Whether the command can be watched. The variable is no default of the flag, or it would be in the way of flags that exclude all others.
    pub(crate) fn is_watched(&self) -> bool {
        let is_off =
            std::env::var("DRUMPOST_NO_WATCH").is_ok_and(|text| !matches!(&*text, "" | "0" | "false"));
        !self.no_watch && !is_off
    }
}

/// An address to serve at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServeAt(pub SocketAddr);

impl FromStr for ServeAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no address with a port: write :9464, 127.0.0.1:9464 or localhost:9464; host names are not looked up"
            )
        };
        let local = |port: &str| {
            let is_number = !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
            let port: Option<u16> = port.parse().ok().filter(|_| is_number);
            port.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
        };
        let host_and_port = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':'));
        let address = match host_and_port {
            Some(port) => local(port),
            None => text.parse().ok(),
        };
        address.map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for ServeAt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Where figures are sent by OTLP.
#[cfg(feature = "otlp")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Host and port.
    pub authority: String,
    pub path: String,
}

#[cfg(feature = "otlp")]
impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{why}: write http://HOST:PORT, such as http://localhost:4318");
        let Some(rest) = text.strip_prefix("http://") else {
            let is_secured = text.starts_with("https://");
            return Err(wrong(if is_secured {
                "TLS is not spoken here, so use a collector on this machine"
            } else {
                "this is no address of HTTP"
            }));
        };
        let (authority, path) =
            rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
        if authority.is_empty() || authority.contains('@') || rest.contains(['\r', '\n', ' ', '?', '#']) {
            return Err(wrong("only a host, a port and a path can be given"));
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:4318") };
        let path = if path.is_empty() { "/v1/metrics".to_owned() } else { format!("/{path}") };
        Ok(Self { authority, path })
    }
}

#[cfg(feature = "otlp")]
impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "http://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "otlp")]
    #[test]
    fn an_endpoint_has_the_usual_port_and_path() {
        let read = |text: &str| text.parse::<Endpoint>().map(|to| to.to_string());
        assert_eq!(read("http://localhost").unwrap(), "http://localhost:4318/v1/metrics");
        assert_eq!(read("http://[::1]:1/a/b").unwrap(), "http://[::1]:1/a/b");
        for text in [
            "https://localhost",
            "localhost:4318",
            "http://",
            "http://me:secret@host",
            "http://a/b?c",
            "http://a/\r\nX: y",
        ] {
            assert!(read(text).unwrap_err().contains("write http://HOST:PORT"), "{text}");
        }
    }

    #[test]
    fn an_address_without_a_host_is_this_machine() {
        let read = |text: &str| text.parse().map(|ServeAt(at)| at.to_string());
        for text in [":9464", "localhost:9464", "127.0.0.1:9464"] {
            assert_eq!(read(text).unwrap(), "127.0.0.1:9464");
        }
        assert_eq!(read("[::1]:0").unwrap(), "[::1]:0");
        assert_eq!(read("0.0.0.0:1").unwrap(), "0.0.0.0:1");
        for text in ["", ":", "9464", "localhost", ":+1", ":65536", "example.org:80", "127.0.0.1", "::1:x"] {
            assert!(read(text).unwrap_err().contains("write :9464"), "{text}");
        }
    }
}
