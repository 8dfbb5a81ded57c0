//! What the resolved cluster says about keys and certificates.

use std::path::PathBuf;

use super::common_name;
use super::layout::CertificateLayout;
use super::named::Named;
use crate::secret::Secret;

/// Keys and certificates.
#[derive(Clone, Debug, PartialEq)]
pub struct Pki {
    /// Key algorithm of every certificate.
    pub key: KeyKind,
    /// Lifetime of the CA in days.
    pub ca_days: u32,
    /// Lifetime of server, peer and client certificates in days.
    pub leaf_days: u32,
    /// Extra DNS names and addresses in every node's certificates.
    pub extra_sans: Vec<String>,
    /// The CA that a new state directory gets; `None` for one that the build makes.
    pub own_ca: Option<OwnCa>,
    /// Fields of every subject besides the common name.
    pub subject: Subject,
    /// Common names.
    pub common_names: CommonNames,
    /// Whether the system of a node trusts the CA.
    pub trust_ca: bool,
    /// Whether all nodes have the same certificate and key.
    pub shared: bool,
    /// Where etcd finds its certificates on a node.
    pub layout: CertificateLayout,
}

/// A CA of the user.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnCa {
    /// The path of its certificate.
    pub certificate_path: PathBuf,
    /// Its certificate, and those above it, as PEM.
    pub certificate: Vec<u8>,
    /// Its key; `None` if its owner signs requests.
    pub key: Option<OwnKey>,
    /// The path of a file whose first line is the passphrase of the key.
    pub passphrase_file: Option<PathBuf>,
}

/// The key of a CA of the user.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnKey {
    /// The path of the key.
    pub path: PathBuf,
    /// The key as PEM, or why it cannot be read, which matters only to a new state directory.
    pub key: Result<Secret, String>,
}

/// Fields of a subject (RFC 5280).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Country (C), two capital letters.
    pub country: Option<String>,
    /// State or province (ST).
    pub state: Option<String>,
    /// Locality (L).
    pub locality: Option<String>,
    /// Organization (O).
    pub organization: Option<String>,
    /// Organizational unit (OU).
    pub unit: Option<String>,
}

/// Common names by the role of the certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommonNames {
    /// Of a new CA; by default the cluster's name and `etcd CA`.
    pub ca: Option<String>,
    /// Of the nodes' certificates for clients; may contain `{name}` and `{domain}`.
    pub server: String,
    /// Of the nodes' certificates for members; may contain `{name}` and `{domain}`.
    pub peer: String,
}

impl CommonNames {
    /// Returns the common name of a node's certificate for clients, which etcd takes for the node's user.
    pub fn server(&self, node: &str, domain: &str) -> String {
        common_name::fill(&self.server, node, domain)
    }

    /// Returns the common name of a node's certificate for members.
    pub fn peer(&self, node: &str, domain: &str) -> String {
        common_name::fill(&self.peer, node, domain)
    }
}

/// A certificate at a path of the user's choice (`[[certificate]]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFile {
    /// Which certificate.
    pub role: CertificateRole,
    /// Absolute path of the certificate in the root file system.
    pub path: String,
    /// Absolute path of the private key, which may be the same; `None` for the certificate alone.
    pub key: Option<String>,
    /// Common name of a client certificate, which may contain `{name}` and `{domain}`; empty for none.
    pub common_name: String,
    /// Permission bits of the certificate's file.
    pub mode: u16,
    /// Permission bits of the key's file.
    pub key_mode: u16,
    /// `user:group` of both, by name or number.
    pub owner: String,
    /// The only nodes that receive it; empty for every node.
    pub nodes: Vec<String>,
    /// The place in the configuration, for example `cluster.toml:5`.
    pub origin: String,
}

impl CertificateFile {
    /// Returns the common name of a client certificate on a node.
    pub fn common_name(&self, node: &str, domain: &str) -> String {
        common_name::fill(&self.common_name, node, domain)
    }

    /// Returns whether the node of this name receives it.
    pub fn is_on(&self, node: &str) -> bool {
        self.nodes.is_empty() || self.nodes.iter().any(|name| name == node)
    }
}

/// The role of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateRole {
    /// The CA's own certificate.
    Ca,
    /// The node's certificate for clients.
    Server,
    /// The node's certificate for members.
    Peer,
    /// The node's certificate for both directions.
    Node,
    /// A certificate of the node that may only connect as a client.
    Client,
    /// The operator's certificate.
    Admin,
}

impl Named for CertificateRole {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("ca", Self::Ca),
        ("server", Self::Server),
        ("peer", Self::Peer),
        ("node", Self::Node),
        ("client", Self::Client),
        ("admin", Self::Admin),
    ];
}

/// Key algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256,
    /// RSA, 2048 bits.
    Rsa2048,
    /// RSA, 4096 bits.
    Rsa4096,
}

impl Named for KeyKind {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("ecdsa-p256", Self::EcdsaP256),
        ("rsa-2048", Self::Rsa2048),
        ("rsa-4096", Self::Rsa4096),
    ];
}
