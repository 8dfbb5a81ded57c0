//! The identity of a cluster as the later rooms see it: certificates, host keys, ids. No CA key.

use std::collections::BTreeMap;

use crate::secret::{FingerprintKey, Secret};

/// Everything of the cluster that is kept secret or must not change between builds, except the CA key,
/// which stays in `pki` so that it cannot reach an image.
#[derive(Clone, Debug)]
pub struct Certs {
    /// The CA certificate.
    pub ca: Certificate,
    /// The operator's client certificate (common name `root`, clientAuth only).
    pub admin: KeyPair,
    /// Identity per node name.
    pub nodes: BTreeMap<String, NodeIdentity>,
    /// etcd's `initial-cluster-token`: the chosen one, or one that only this state folder has.
    pub token: String,
    /// How fingerprints of secrets are made; only this state folder can.
    pub fingerprints: FingerprintKey,
    /// Seconds since 1970 of the newest certificate: the fixed time of the build, so that a rebuild
    /// with the same state gives the same bytes and every certificate is already valid at that time.
    pub time: i64,
    /// What was made or replaced in the state folder this time, one sentence each, for the report.
    pub notes: Vec<String>,
}

/// A certificate and what people ask about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, PEM.
    pub pem: String,
    /// SHA-256 over the DER form, lower-case hexadecimal.
    pub fingerprint: String,
    /// Seconds since 1970 from which it is valid.
    pub not_before: i64,
    /// Seconds since 1970 until which it is valid.
    pub not_after: i64,
    /// Subject alternative names as text, in certificate order.
    pub sans: Vec<String>,
}

impl Certificate {
    /// Whether it should be replaced: less than a third of its life is left.
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
    /// The private key, PKCS #8 PEM.
    pub key: Secret,
}

/// What makes one node itself.
#[derive(Clone, Debug)]
pub struct NodeIdentity {
    /// Certificate for clients (serverAuth + clientAuth).
    pub server: KeyPair,
    /// Certificate between members (serverAuth + clientAuth).
    pub peer: KeyPair,
    /// SSH host key (Ed25519), OpenSSH private key format.
    pub ssh_host_key: Secret,
    /// Its public half, `ssh-ed25519 AAAA…`, without a comment.
    pub ssh_host_public: String,
    /// `/etc/machine-id`: 32 lower-case hexadecimal digits.
    pub machine_id: String,
    /// MBR disk signature; `PARTUUID=%08x-01`.
    pub disk_id: u32,
}
