//! Checks that the clients and the other members of etcd accept the node's certificates.

use anyhow::Result;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::Findings;
use crate::client_view::{self, Purposes, Rejection, View};
use crate::description::{CertificateOfNode, DescribedFile, FileRole, NodeDescription};
use crate::inspect::Files;

pub(super) fn check(
    node: &NodeDescription,
    files: &mut Files,
    findings: &mut Findings,
) -> Result<()> {
    // A node without TLS has no CA.
    let Some(authorities) = certificates_in(node.file(FileRole::CaCertificate), files)? else {
        return Ok(());
    };
    for authority in &authorities {
        if let Some(fault) = client_view::fault(authority, node.time) {
            findings.add(format!("the node's CA {fault}"));
        }
    }
    let is_root = |it: &CertificateDer<'_>| client_view::is_root(it);
    let (roots, between): (Vec<_>, Vec<_>) = authorities.into_iter().partition(is_root);
    if roots.is_empty() {
        findings.add("the node's CA has no root: the certificates above it are missing");
        return Ok(());
    }
    let mut view = View {
        roots,
        between: Vec::new(),
        now: node.time,
    };
    for certificate in node.certificates() {
        // A copy is compared with its original.
        if certificate.name == "ca" || certificate.original.is_some() {
            continue;
        }
        let mut sent = certificates_in(certificate.certificate, files)?.unwrap_or_default();
        if sent.is_empty() {
            continue; // Reported where it is used.
        }
        let leaf = sent.remove(0);
        view.between = sent.into_iter().chain(between.clone()).collect();
        let (purposes, names) = required(&certificate, node);
        let name = certificate.name;
        match view.accepts(&leaf, purposes, &names) {
            // Expiry is not a fault of the image: it depends on when the image is used.
            Ok(()) | Err(Rejection::Expired) => {}
            Err(Rejection::Unsigned) => {
                findings.add(format!("certificate {name} is not signed by the node's CA"));
            }
            Err(Rejection::Other(reason)) => {
                findings.add(format!("no client accepts certificate {name}: {reason}"));
            }
        }
    }
    Ok(())
}

/// Returns the certificates in a file; `None` if there is no file.
fn certificates_in(
    file: Option<&DescribedFile>,
    files: &mut Files,
) -> Result<Option<Vec<CertificateDer<'static>>>> {
    let Some(file) = file else { return Ok(None) };
    let text = files.at(file.partition)?.read_text(&file.path)?;
    Ok(text.map(|text| {
        let all = CertificateDer::pem_slice_iter(text.as_bytes());
        all.filter_map(Result::ok).collect()
    }))
}

/// Returns what etcd uses a certificate for, and the host by which others reach it.
fn required(
    certificate: &CertificateOfNode<'_>,
    node: &NodeDescription,
) -> (Purposes, Vec<String>) {
    let member = node.members.iter().find(|member| member.name == node.node);
    let url = match certificate.name {
        "server" | "node" => member.map(|member| &member.client_url),
        "peer" => member.map(|member| &member.peer_url),
        _ => None,
    };
    // etcd also presents the certificate of its server as a client.
    let purposes = Purposes {
        server: url.is_some(),
        client: true,
    };
    (
        purposes,
        url.and_then(|url| host_of_url(url)).into_iter().collect(),
    )
}

/// Returns the host of a URL such as `https://[fd00::1]:2379`.
fn host_of_url(url: &str) -> Option<String> {
    let (_, place) = url.split_once("://")?;
    let (host, _) = place.rsplit_once(':')?;
    Some(host.trim_matches(['[', ']']).to_owned())
}
