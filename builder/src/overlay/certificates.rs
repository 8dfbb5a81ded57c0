//! The files of `[[certificate]]`: certificates of the cluster, always the current ones, at paths of the user's choice.

use anyhow::{Context as _, Result};

use super::inputs::NodeInputs;
use super::tree::{Change, DesiredPath, FileContent, Owner};
use crate::inspect::Volume;
use crate::pki::KeyPair;
use crate::secret::Secret;
use crate::spec::{CertificateFile, CertificateRole, Named as _, Node};

/// Returns the files of every table that the node receives.
pub(super) fn entries(inputs: &NodeInputs<'_>, node: &Node) -> Result<Vec<DesiredPath>> {
    let mut entries = Vec::new();
    for file in inputs.certificate_files(node) {
        let (certificate, key) = material(inputs, node, file)?;
        match (&file.key, key) {
            (Some(path), Some(key)) if *path == file.path => {
                let both = [certificate.as_bytes(), key.reveal()].concat();
                let content = FileContent::Secret(Secret::new(both));
                entries.push(desired_certificate(file, path, content, file.key_mode)?);
            }
            (path, key) => {
                let content = FileContent::Plain(certificate.as_bytes().to_vec().into());
                entries.push(desired_certificate(file, &file.path, content, file.mode)?);
                if let (Some(path), Some(key)) = (path, key) {
                    let content = FileContent::Secret(key.clone());
                    entries.push(desired_certificate(file, path, content, file.key_mode)?);
                }
            }
        }
    }
    Ok(entries)
}

/// Returns the certificate as PEM and its key; the CA's key is in no image.
fn material<'a>(
    inputs: &NodeInputs<'a>,
    node: &Node,
    file: &CertificateFile,
) -> Result<(&'a str, Option<&'a Secret>)> {
    let (certs, name) = (inputs.certs, &node.name);
    let identity = certs.nodes.get(name);
    let identity = identity.with_context(|| format!("finding the certificates of node {name}"))?;
    let pair: &KeyPair = match file.role {
        CertificateRole::Ca => return Ok((&certs.ca.pem, None)),
        CertificateRole::Server | CertificateRole::Node => &identity.server,
        CertificateRole::Peer => &identity.peer,
        CertificateRole::Admin => &certs.admin,
        CertificateRole::Client => {
            let client = identity
                .clients
                .get(&file.common_name(name, &inputs.cluster.domain));
            client.with_context(|| format!("finding the client certificate of node {name}"))?
        }
    };
    Ok((&pair.certificate.pem, Some(&pair.key)))
}

fn desired_certificate(
    file: &CertificateFile,
    path: &str,
    content: FileContent,
    mode: u16,
) -> Result<DesiredPath> {
    let what = match (&content, file.role) {
        (FileContent::Secret(_), role) => {
            format!("the private key of your {} certificate", role.name())
        }
        (FileContent::Plain(_), role) => format!("your copy of the {} certificate", role.name()),
    };
    let change = Change::File {
        content,
        mode,
        owner: Owner::parse(&file.owner)?,
    };
    Ok(DesiredPath {
        origin: Some(file.origin.clone()),
        ..DesiredPath::new(Volume::Root, path.to_owned(), change, &what)
    })
}
