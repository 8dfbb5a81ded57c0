//! The certificates of a node: etcd's own, and those that `[[certificate]]` puts elsewhere.

use super::format::{DescribedFile, FileRole, IssuedFile, NodeDescription};

/// A certificate of a node with its private key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CertificateOfNode<'a> {
    /// `ca`, `server`, `peer`, `node` or `client`, or the path of one that a `[[certificate]]` asked for.
    pub(crate) name: &'a str,
    /// The certificate; `None` if the description lacks it.
    pub(crate) certificate: Option<&'a DescribedFile>,
    /// Its private key, if the description names one.
    pub(crate) key: Option<&'a DescribedFile>,
    /// The certificate of etcd that it must be a copy of.
    pub(crate) original: Option<&'a DescribedFile>,
}

impl NodeDescription {
    /// Returns etcd's own certificates, the CA first, then those of `[[certificate]]`.
    pub(crate) fn certificates(&self) -> Vec<CertificateOfNode<'_>> {
        let with = |role| self.files.iter().find(|file| file.role == Some(role));
        let own = |name, certificate, key: Option<FileRole>| CertificateOfNode {
            name,
            certificate: with(certificate),
            key: key.and_then(with),
            original: None,
        };
        let mut all = vec![own("ca", FileRole::CaCertificate, None)];
        if with(FileRole::NodeCertificate).is_some() {
            all.push(own(
                "node",
                FileRole::NodeCertificate,
                Some(FileRole::NodeKey),
            ));
        } else {
            all.push(own(
                "server",
                FileRole::ServerCertificate,
                Some(FileRole::ServerKey),
            ));
            all.push(own(
                "peer",
                FileRole::PeerCertificate,
                Some(FileRole::PeerKey),
            ));
        }
        if with(FileRole::ClientCertificate).is_some() {
            all.push(own(
                "client",
                FileRole::ClientCertificate,
                Some(FileRole::ClientKey),
            ));
        }
        let issued = self.files.iter().filter_map(|file| self.issued(file));
        all.extend(issued);
        all
    }

    fn issued<'a>(&'a self, file: &'a DescribedFile) -> Option<CertificateOfNode<'a>> {
        let IssuedFile { role, key } = file.issued.as_ref()?;
        let original = match role.as_str() {
            "ca" => Some(FileRole::CaCertificate),
            "server" | "node" => Some(FileRole::ServerCertificate),
            "peer" => Some(FileRole::PeerCertificate),
            _ => None,
        };
        let at = |path: &String| {
            let same =
                |other: &&DescribedFile| other.path == *path && other.partition == file.partition;
            self.files.iter().find(same)
        };
        Some(CertificateOfNode {
            name: &file.path,
            certificate: Some(file),
            key: key.as_ref().and_then(at),
            original: original.and_then(|role| self.file(role)),
        })
    }
}
