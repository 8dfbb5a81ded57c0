//! A client of etcd's JSON gateway that presents the admin certificate and trusts only the cluster's own CA.

use std::error::Error as _;
use std::fmt;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::blocking::{Client as Http, ClientBuilder};
use reqwest::{Certificate, Identity};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::wire::{Health, Member, Members, Pairs, Put, Range, Status};
use crate::failure::Kind;

/// The ports of etcd for clients and for the other members.
const CLIENT_PORT: u16 = 2379;
const PEER_PORT: u16 = 2380;

/// The limit for one query: an emulated node may need seconds for one handshake.
const PATIENCE: Duration = Duration::from_secs(10);
/// The limit for opening a connection: the network is inside this machine, so a running node answers immediately.
const CONNECT: Duration = Duration::from_millis(500);
/// The same with TLS. An aborted handshake still costs the node a signature, and etcd starts none until it has a quorum:
/// then it serves the waiting connections in their order.
const GREET: Duration = Duration::from_secs(4);

/// The reason why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No service listens yet, or the answer takes too long.
    Silent(String),
    /// One side does not accept the other's certificate; waiting does not help.
    Tls(String),
    /// etcd answers with an error.
    Answer(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(reason) => write!(f, "no answer: {reason}"),
            Self::Tls(reason) => write!(f, "TLS: {reason}"),
            Self::Answer(reason) => write!(f, "etcd says: {reason}"),
        }
    }
}

impl std::error::Error for Trouble {}

/// A client of any member; clones share their settings.
#[derive(Clone, Debug)]
pub struct Client {
    http: Http,
}

impl Client {
    /// Reads `ca.crt`, `admin.crt` and `admin.key` from the directory that `build` writes next to the images.
    pub fn open(folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            fs_err::read(folder.join(name)).with_context(|| {
                Kind::Usage.context(
                    "the folder `client` beside the images is not complete",
                    "boot images where `etcd-image build` put them",
                )
            })
        };
        let invalid = || {
            Kind::Verification.context(
                format!("the certificates in {} are damaged", folder.display()),
                "build again; the state folder keeps them",
            )
        };
        let ca = Certificate::from_pem(&read("ca.crt")?).with_context(invalid)?;
        let mut admin = read("admin.key")?;
        admin.extend(read("admin.crt")?);
        let admin = Identity::from_pem(&admin).with_context(invalid)?;
        let http = ClientBuilder::new()
            .no_proxy()
            .tls_certs_only([ca])
            .identity(admin)
            .connect_timeout(GREET)
            .timeout(PATIENCE)
            // A killed node leaves connections that never answer.
            .pool_max_idle_per_host(0)
            .build();
        let http = http.with_context(invalid)?;
        Ok(Self { http })
    }

    /// Checks whether this member is healthy, that is, whether the cluster would commit a write.
    pub fn health(&self, node: IpAddr) -> Result<(), Trouble> {
        knock(node, CLIENT_PORT)?;
        let url = url(node, CLIENT_PORT, "health");
        let answer = self.http.get(url).send().map_err(|error| trouble(&error))?;
        // An unhealthy member answers with 503 and the same JSON.
        let health: Health = read(&answer.text().map_err(|error| trouble(&error))?)?;
        health.verdict().map_err(Trouble::Answer)
    }

    /// Checks whether TLS works with this node, on the peer port, which answers before there is a quorum.
    pub fn greet(&self, node: IpAddr) -> Result<(), Trouble> {
        knock(node, PEER_PORT)?;
        let url = url(node, PEER_PORT, "version");
        let answer = self.http.get(url).send();
        answer.map(drop).map_err(|error| trouble(&error))
    }

    /// Returns all members, as this one knows them.
    pub fn members(&self, node: IpAddr) -> Result<Vec<Member>, Trouble> {
        let list: Members = self.post(node, "v3/cluster/member/list", &Nothing {})?;
        Ok(list.members)
    }

    /// Returns the status of this member.
    pub fn status(&self, node: IpAddr) -> Result<Status, Trouble> {
        self.post(node, "v3/maintenance/status", &Nothing {})
    }

    /// Writes through this member. `Ok` means that the cluster has committed the write.
    pub fn put(&self, node: IpAddr, key: &str, value: &str) -> Result<(), Trouble> {
        let answer: serde_json::Value = self.post(node, "v3/kv/put", &Put::new(key, value))?;
        match answer.get("header") {
            Some(_) => Ok(()),
            None => Err(Trouble::Answer(answer.to_string())),
        }
    }

    /// Reads a committed value through this member.
    pub fn get(&self, node: IpAddr, key: &str) -> Result<Option<String>, Trouble> {
        let pairs: Pairs = self.post(node, "v3/kv/range", &Range::new(key))?;
        pairs
            .value()
            .map_err(|error| Trouble::Answer(error.to_string()))
    }

    fn post<T: DeserializeOwned>(
        &self,
        node: IpAddr,
        path: &str,
        request: &impl Serialize,
    ) -> Result<T, Trouble> {
        let body =
            serde_json::to_vec(request).map_err(|error| Trouble::Answer(error.to_string()))?;
        let sent = self
            .http
            .post(url(node, CLIENT_PORT, path))
            .body(body)
            .send();
        let answer = sent.map_err(|error| trouble(&error))?;
        let status = answer.status();
        let text = answer.text().map_err(|error| trouble(&error))?;
        if !status.is_success() {
            return Err(Trouble::Answer(format!("{status}: {}", text.trim())));
        }
        read(&text)
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Trouble> {
    serde_json::from_str(text).map_err(|error| Trouble::Answer(format!("{error} in {text}")))
}

/// The empty request, `{}`.
#[derive(Serialize)]
struct Nothing {}

/// Checks whether the port is open: reqwest has a single limit for connection and TLS together.
fn knock(node: IpAddr, port: u16) -> Result<(), Trouble> {
    let knocked = TcpStream::connect_timeout(&SocketAddr::new(node, port), CONNECT);
    let silent = |error: std::io::Error| Trouble::Silent(error.to_string());
    knocked.map(drop).map_err(silent)
}

/// Returns the URL; an IPv6 address gets brackets.
fn url(node: IpAddr, port: u16, path: &str) -> String {
    format!("https://{}/{path}", SocketAddr::new(node, port))
}

fn trouble(error: &reqwest::Error) -> Trouble {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // Only the innermost error names the cause; the outer ones repeat the address.
        reason = inner.to_string();
        cause = inner.source();
    }
    classify(reason)
}

/// Recognizes the words with which rustls reports a certificate that one side does not accept.
fn classify(reason: String) -> Trouble {
    let words = ["invalid peer certificate", "received fatal alert"];
    match words.iter().any(|words| reason.contains(words)) {
        true => Trouble::Tls(reason),
        false => Trouble::Silent(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_that_are_not_accepted_are_told_from_silence() {
        for reason in [
            "invalid peer certificate: UnknownIssuer",
            "received fatal alert: BadCertificate",
        ] {
            assert_eq!(classify(reason.to_owned()), Trouble::Tls(reason.to_owned()));
        }
        let silent = "Connection refused (os error 111)";
        assert_eq!(
            classify(silent.to_owned()),
            Trouble::Silent(silent.to_owned())
        );
    }

    #[test]
    fn addresses_become_urls() {
        let url = |text: &str| url(text.parse().unwrap(), CLIENT_PORT, "health");
        assert_eq!(url("192.168.0.50"), "https://192.168.0.50:2379/health");
        assert_eq!(url("fd00::50"), "https://[fd00::50]:2379/health");
    }
}
