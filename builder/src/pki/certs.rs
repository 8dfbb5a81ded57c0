//! The identity of a cluster for later steps: certificates, host keys, ids. It never contains the CA key.

use std::collections::BTreeMap;

use crate::secret::{FingerprintKey, Secret};

/// All data of the cluster that are secret or must not change between builds, except the CA key,
/// which stays in `pki` so that it cannot reach an image.
#[derive(Clone, Debug)]
pub struct Certs {
    /// The CA certificate.
    pub ca: Certificate,
    /// The operator's client certificate (common name `root`, clientAuth only).
    pub admin: KeyPair,
    /// The certificate with which a program reads metrics, if other machines may read them.
    pub metrics: Option<KeyPair>,
    /// The identity of each node, by its name.
    pub nodes: BTreeMap<String, NodeIdentity>,
    /// etcd's `initial-cluster-token`: the configured one, or one derived from this state directory's seed.
    pub token: String,
    /// The key for fingerprints of secrets, derived from this state directory's seed.
    pub fingerprints: FingerprintKey,
    /// The creation time of the newest certificate in seconds since 1970. It is the fixed time of the build, so that a rebuild
    /// with the same state yields the same bytes and every certificate is already valid at that time.
    pub time: i64,
    /// The changes to the state directory in this build, one sentence each, for the report.
    pub notes: Vec<String>,
}

/// A certificate and the facts that reports show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate in PEM form.
    pub pem: String,
    /// The SHA-256 of the DER form, in lower-case hexadecimal.
    pub fingerprint: String,
    /// The start of its validity in seconds since 1970.
    pub not_before: i64,
    /// The end of its validity in seconds since 1970.
    pub not_after: i64,
    /// The subject alternative names as text, in certificate order.
    pub sans: Vec<String>,
}

impl Certificate {
    /// Returns whether it should be replaced because less than a third of its lifetime is left.
    pub(super) fn is_due(&self, now: i64) -> bool {
        let life = self.not_after.saturating_sub(self.not_before);
        self.not_after.saturating_sub(now) < life / 3
    }
}

/// A certificate with its private key.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// The certificate.
    pub certificate: Certificate,
    /// The private key, as PKCS #8 PEM.
    pub key: Secret,
}

/// The identity of one node.
#[derive(Clone, Debug)]
pub struct NodeIdentity {
    /// The certificate for clients (serverAuth + clientAuth).
    pub server: KeyPair,
    /// The certificate between members (serverAuth + clientAuth); the server's if the layout has one for both.
    pub peer: KeyPair,
    /// The certificates with which programs on the node connect as clients (clientAuth), by their common name.
    pub clients: BTreeMap<String, KeyPair>,
    /// The SSH host key (Ed25519) in OpenSSH's private key format.
    pub ssh_host_key: Secret,
    /// The public half of the host key, `ssh-ed25519 AAAA…`, without a comment.
    pub ssh_host_public: String,
    /// The content of `/etc/machine-id`: 32 lower-case hexadecimal digits.
    pub machine_id: String,
    /// The MBR disk signature; `PARTUUID=%08x-01`.
    pub disk_id: u32,
}
