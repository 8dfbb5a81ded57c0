//! A client of all members that presents the admin certificate and trusts only the cluster's own CA. Only an insecure
//! cluster is called without TLS.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::call_error::CallError;
use super::messages::{Member, Status};
use super::session::{self, Session};
use super::timeouts::Timeouts;
use super::transport::PeerAnswer;
use crate::description::ClusterDescription;
use crate::failure::Kind;

/// The ports of etcd for clients and for the other members.
const CLIENT_PORT: u16 = 2379;
const PEER_PORT: u16 = 2380;

/// A client of any member; clones share their settings.
#[derive(Clone, Debug)]
pub struct Client {
    /// The settings for the client port, which speaks HTTP/2; `None` for a cluster without TLS.
    grpc: Option<Arc<ClientConfig>>,
    /// The settings for the peer port, which speaks HTTP/1.
    http: Option<Arc<ClientConfig>>,
    timeouts: Timeouts,
}

impl Client {
    /// Reads `ca.crt`, the next CA if there is one, `admin.crt` and `admin.key` from the state directory, or from the directory `client` beside the images.
    pub fn open(folder: &Path, timeouts: Timeouts) -> Result<Self> {
        let read = |name: &str| {
            fs_err::read(folder.join(name)).with_context(|| {
                Kind::Usage.context(
                    format!("{} has no readable {name}", folder.display()),
                    "name the state directory, or the directory `client` beside the images",
                )
            })
        };
        let (mut ca, certificate, key) = (read("ca.crt")?, read("admin.crt")?, read("admin.key")?);
        // While the CA of the cluster changes, members may present certificates of either.
        ca.extend(fs_err::read(folder.join("next-ca.crt")).unwrap_or_default());
        let config = configure(&ca, &certificate, &key).with_context(|| {
            Kind::Verification.context(
                format!("the certificates in {} are damaged", folder.display()),
                "restore them from your backup, or build again: the state directory keeps them",
            )
        })?;
        let mut grpc = config.clone();
        grpc.alpn_protocols = vec![b"h2".to_vec()];
        let secure = !ClusterDescription::is_insecure(folder)?;
        Ok(Self {
            grpc: secure.then(|| Arc::new(grpc)),
            http: secure.then(|| Arc::new(config)),
            timeouts,
        })
    }

    /// Connects to this member.
    pub fn connect(&self, node: IpAddr) -> Result<Session, CallError> {
        let at = SocketAddr::new(node, CLIENT_PORT);
        Session::open(self.grpc.clone(), at, self.timeouts)
    }

    /// Checks whether this member is healthy, that is, whether the cluster would commit a write.
    pub fn health(&self, node: IpAddr) -> Result<(), CallError> {
        let session = self.connect(node)?;
        // A read would wait for a leader.
        match session.status()?.errors.as_slice() {
            [] => session.get("health").map(drop),
            errors => Err(CallError::Answer(errors.join(", "))),
        }
    }

    /// Checks whether TLS works with this node on the peer port, which answers before there is a quorum. Returns the
    /// certificate that the node presented, in DER form.
    pub fn check_peer_port(&self, node: IpAddr) -> Result<Vec<u8>, CallError> {
        self.ask_peer_port(node).map(|answer| answer.certificate)
    }

    /// Returns the time of this node's clock in seconds since 1970, which it tells on the peer port without a login; `None` if
    /// etcd does not run yet.
    pub fn time(&self, node: IpAddr) -> Result<Option<i64>, CallError> {
        self.ask_peer_port(node).map(|answer| answer.time())
    }

    fn ask_peer_port(&self, node: IpAddr) -> Result<PeerAnswer, CallError> {
        let at = SocketAddr::new(node, PEER_PORT);
        session::check_peer_port(self.http.clone(), at, self.timeouts)
    }

    /// Returns all members, as this one knows them.
    pub fn members(&self, node: IpAddr) -> Result<Vec<Member>, CallError> {
        self.connect(node)?.members()
    }

    /// Returns the status of this member.
    pub fn status(&self, node: IpAddr) -> Result<Status, CallError> {
        self.connect(node)?.status()
    }

    /// Writes through this member. `Ok` means that the cluster has committed the write.
    pub fn put(&self, node: IpAddr, key: &str, value: &str) -> Result<(), CallError> {
        self.connect(node)?.put(key, value)
    }

    /// Reads a committed value through this member.
    pub fn get(&self, node: IpAddr, key: &str) -> Result<Option<String>, CallError> {
        self.connect(node)?.get(key)
    }
}

fn configure(ca: &[u8], certificate: &[u8], key: &[u8]) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca) {
        roots.add(certificate?)?;
    }
    anyhow::ensure!(!roots.is_empty(), "ca.crt contains no certificate");
    let certificate = CertificateDer::from_pem_slice(certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.with_root_certificates(roots);
    Ok(builder.with_client_auth_cert(vec![certificate], key)?)
}
