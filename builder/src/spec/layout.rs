//! Where etcd finds its certificates on a node: the presets of `layout` in `[pki]`.

use super::named::Named;

/// A preset of paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateLayout {
    /// `/etc/etcd/pki` with a certificate for clients and another one for members.
    Etcd,
    /// `/etc/etcd/pki` with one certificate for both directions.
    EtcdPi,
    /// `/etc/dcs/cert` with one certificate for both directions, named after the host.
    Dcs,
    /// `/etc/etcd` with two certificates, named after the host.
    Flat,
}

/// The paths of etcd's certificates on one node, with the modes and the owner of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificatePaths {
    /// Directory of the files.
    pub folder: String,
    /// CA certificate.
    pub ca: String,
    /// Certificate and key for clients, or for both directions.
    pub server: PairPaths,
    /// Certificate and key for members; `None` if the other pair is used in both directions.
    pub peer: Option<PairPaths>,
    /// Permissions of the directory and the certificates, and their owner.
    pub public: FilePermissions,
    /// Permissions and owner of the private keys.
    pub keys: FilePermissions,
}

/// The paths of a certificate and its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairPaths {
    /// Certificate.
    pub certificate: String,
    /// Private key.
    pub key: String,
}

/// Permissions of files and of their directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePermissions {
    /// Mode of the files in octal digits.
    pub mode: &'static str,
    /// Mode of their directory in octal digits.
    pub folder_mode: &'static str,
    /// `user:group`.
    pub owner: &'static str,
}

impl Named for CertificateLayout {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("etcd", Self::Etcd),
        ("etcd-pi", Self::EtcdPi),
        ("dcs", Self::Dcs),
        ("flat", Self::Flat),
    ];
}

impl CertificateLayout {
    /// Returns whether etcd uses one certificate for clients and members.
    pub fn has_one_certificate(self) -> bool {
        matches!(self, Self::EtcdPi | Self::Dcs)
    }

    /// Returns the paths on the node of this name.
    pub fn paths(self, node: &str) -> CertificatePaths {
        match self {
            Self::Etcd => CertificatePaths::separate("/etc/etcd/pki"),
            Self::EtcdPi => CertificatePaths {
                ca: "/etc/etcd/pki/ca.pem".to_owned(),
                server: PairPaths::new("/etc/etcd/pki", "etcd.pem", "etcd-key.pem"),
                peer: None,
                ..CertificatePaths::separate("/etc/etcd/pki")
            },
            Self::Dcs => CertificatePaths {
                server: PairPaths::new(
                    "/etc/dcs/cert",
                    &format!("{node}.crt"),
                    &format!("{node}.key"),
                ),
                peer: None,
                public: GROUP,
                keys: GROUP,
                ..CertificatePaths::separate("/etc/dcs/cert")
            },
            Self::Flat => {
                let pair = |name: &str| {
                    let (certificate, key) =
                        (format!("{name}-cert.pem"), format!("{name}-key.pem"));
                    PairPaths::new("/etc/etcd", &certificate, &key)
                };
                CertificatePaths {
                    ca: "/etc/etcd/ca-etcd-chain-cert.pem".to_owned(),
                    server: pair(node),
                    peer: Some(pair(&format!("{node}-peer"))),
                    ..CertificatePaths::separate("/etc/etcd")
                }
            }
        }
    }
}

/// Access for etcd and the members of its group.
const GROUP: FilePermissions = FilePermissions {
    mode: "0640",
    folder_mode: "0750",
    owner: "etcd:etcd",
};

impl CertificatePaths {
    /// Returns the usual names in a directory: `ca.crt`, and a pair for clients and one for members.
    pub fn separate(folder: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            ca: format!("{folder}/ca.crt"),
            server: PairPaths::new(folder, "server.crt", "server.key"),
            peer: Some(PairPaths::new(folder, "peer.crt", "peer.key")),
            public: FilePermissions {
                mode: "0644",
                folder_mode: "0755",
                owner: "root:root",
            },
            keys: FilePermissions {
                mode: "0600",
                folder_mode: "0755",
                owner: "etcd:etcd",
            },
        }
    }

    /// Returns the pair with which the node talks to other members.
    pub fn peer(&self) -> &PairPaths {
        self.peer.as_ref().unwrap_or(&self.server)
    }
}

impl PairPaths {
    fn new(folder: &str, certificate: &str, key: &str) -> Self {
        Self {
            certificate: format!("{folder}/{certificate}"),
            key: format!("{folder}/{key}"),
        }
    }
}
