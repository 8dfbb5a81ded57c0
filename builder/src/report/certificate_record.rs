//! A certificate in the manifest and in the result of `inspect`.

use serde::{Deserialize, Serialize};

use crate::pki::{Certificate, KeyPair, NodeIdentity};
use crate::spec::Cluster;

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateRecord {
    /// Its purpose: `ca`, `admin`, `server` or `peer`.
    pub name: String,
    /// SHA-256 over its DER form.
    pub fingerprint: String,
    /// Seconds since 1970 from which it is valid.
    pub not_before: i64,
    /// Seconds since 1970 until which it is valid.
    pub not_after: i64,
    /// Subject alternative names.
    pub sans: Vec<String>,
}

impl CertificateRecord {
    pub(super) fn new(name: &str, certificate: &Certificate) -> Self {
        Self {
            name: name.to_owned(),
            fingerprint: certificate.fingerprint.clone(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            sans: certificate.sans.clone(),
        }
    }
}

/// Returns the certificates that etcd and the login user have on a node.
pub(super) fn certificates(identity: &NodeIdentity, cluster: &Cluster) -> Vec<CertificateRecord> {
    let mut pairs = match cluster.pki.layout.has_one_certificate() {
        true => vec![("node", &identity.server)],
        false => vec![("server", &identity.server), ("peer", &identity.peer)],
    };
    let client = cluster.ssh.etcdctl;
    let client = client.and_then(|user| identity.clients.get(user));
    pairs.extend(client.map(|client| ("client", client)));
    let record = |(name, pair): (_, &KeyPair)| CertificateRecord::new(name, &pair.certificate);
    pairs.into_iter().map(record).collect()
}
