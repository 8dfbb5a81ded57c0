//! `trust-ca` in `[pki]`: the CA in the trust store of the system, as `update-ca-certificates` would leave it.

use super::tree::{Change, DesiredPath, Edit, FileContent, Owner};
use crate::inspect::Volume;
use crate::pki::TrustedCertificate;

/// Where administrators put certificates of their own.
const OWN: &str = "/usr/local/share/ca-certificates";
/// The directory that OpenSSL reads, with a link per certificate and a link per subject hash.
const STORE: &str = "/etc/ssl/certs";

/// Returns the files and links for a CA and the certificates above it.
pub(super) fn entries(trusted: &[TrustedCertificate]) -> Vec<DesiredPath> {
    let added = |path, change, why| DesiredPath::new(Volume::Root, path, change, why);
    let mut entries = Vec::new();
    for (at, certificate) in trusted.iter().enumerate() {
        let name = anchor_name(at);
        entries.push(added(
            format!("{OWN}/{name}.crt"),
            Change::File {
                content: FileContent::Plain(certificate.pem.as_bytes().to_vec().into()),
                mode: 0o644,
                owner: Owner::root(),
            },
            "the system trusts the cluster's CA",
        ));
        let link = |target: String| Change::Symlink { target };
        entries.push(added(
            format!("{STORE}/{name}.pem"),
            link(format!("{OWN}/{name}.crt")),
            "lists it among the trusted certificates",
        ));
        entries.push(added(
            format!("{STORE}/{}", certificate.subject_hash),
            Change::NumberedLink {
                target: format!("{name}.pem"),
            },
            "finds it by its subject",
        ));
    }
    let mut sorted: Vec<_> = trusted.iter().enumerate().collect();
    sorted.sort_by_key(|(at, _)| format!("{}.crt", anchor_name(*at)));
    let text: String = sorted.iter().map(|(_, it)| it.pem.as_str()).collect();
    entries.push(added(
        format!("{STORE}/ca-certificates.crt"),
        Change::Edited(Edit::Appended { text }),
        "the bundle that curl, Go and others read",
    ));
    entries
}

/// Returns the file name of the CA, or of a certificate above it, without its ending.
fn anchor_name(at: usize) -> String {
    match at {
        0 => "etcd-ca".to_owned(),
        above => format!("etcd-ca-above-{above}"),
    }
}
