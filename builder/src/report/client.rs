//! The files with which the operator's machine finds the nodes, and authenticates them on its first connection.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use super::attachment::AttachmentRecord;
use super::manifest::Manifest;
use super::metrics;
use super::snippets;
use crate::description::{CLUSTER, ClusterDescription, MemberUrls};
use crate::overlay::NodeInputs;
use crate::pki::Certs;
use crate::spec::Cluster;

/// Returns the name and content of the public files that both the state directory and `client/` contain.
pub(crate) fn access(cluster: &Cluster, certs: &Certs) -> Result<[(&'static str, String); 2]> {
    let description = ClusterDescription::new(cluster).to_json()?;
    let known_hosts = known_hosts(cluster, certs);
    Ok([(CLUSTER, description), ("known_hosts", known_hosts)])
}

/// A file in `client/`: its name, content and permission bits.
pub(super) type ClientFile = (String, Vec<u8>, u32);

/// Returns whether an output directory has a `client/`.
pub(crate) fn is_in(folder: &Path) -> bool {
    folder.join("client").is_dir()
}

/// Reads the files in the `client/` of an output directory. Each must have the digest in its manifest.
pub(crate) fn read(folder: &Path, manifest: &Manifest) -> Result<Vec<ClientFile>> {
    let read = |record: &AttachmentRecord| {
        let bytes = record.read(folder)?;
        let is_key = Path::new(&record.name)
            .extension()
            .is_some_and(|end| end == "key");
        let mode = if is_key { 0o600 } else { 0o644 };
        Ok((record.name.clone(), bytes, mode))
    };
    manifest.client.iter().map(read).collect()
}

/// Returns the name, content and permission bits of every file in `client/`.
pub(super) fn files(inputs: &NodeInputs<'_>) -> Result<Vec<ClientFile>> {
    let (ca, admin) = (&inputs.certs.ca, &inputs.certs.admin);
    let public = |name: &str, text: String| (format!("client/{name}"), text.into_bytes(), 0o644);
    let shared = access(inputs.cluster, inputs.certs)?;
    let shared = shared.map(|(name, text)| public(name, text));
    let own = [
        public("ca.crt", ca.pem.clone()),
        public("admin.crt", admin.certificate.pem.clone()),
        (
            "client/admin.key".to_owned(),
            admin.key.reveal().to_vec(),
            0o600,
        ),
        public("etcdctl.env", etcdctl_env(inputs)),
        public("ssh_config", ssh_config(inputs)),
    ];
    let metrics = inputs.certs.metrics.as_ref();
    let metrics = metrics.map(|pair| metrics::files(inputs.cluster, pair));
    let metrics = metrics.unwrap_or_default();
    let examples = snippets::examples(inputs.cluster, &inputs.etcd.version);
    let examples = examples.into_iter();
    let examples = examples.map(|(name, text)| public(name, text));
    // Metrics on a port of their own have a configuration of their own for Prometheus.
    let is_replaced = |example: &ClientFile| metrics.iter().any(|(name, ..)| *name == example.0);
    let examples: Vec<_> = examples.filter(|it| !is_replaced(it)).collect();
    Ok(shared
        .into_iter()
        .chain(own)
        .chain(examples)
        .chain(metrics)
        .collect())
}

/// Returns the file for `. images/client/etcdctl.env`; its paths are relative to its own directory.
fn etcdctl_env(inputs: &NodeInputs<'_>) -> String {
    let endpoints: Vec<String> = inputs
        .cluster
        .nodes
        .iter()
        .map(|node| MemberUrls::by_address(inputs.cluster, node).client_url)
        .collect();
    let certificates = match inputs.cluster.etcd.insecure {
        true => "",
        false => {
            "export ETCDCTL_CACERT=client/ca.crt\n\
             export ETCDCTL_CERT=client/admin.crt\n\
             export ETCDCTL_KEY=client/admin.key\n"
        }
    };
    format!(
        "# Settings of etcdctl for this cluster. In a shell, from the directory above `client`:\n\
         #   . client/etcdctl.env && etcdctl member list\n\
         export ETCDCTL_API=3\n\
         export ETCDCTL_ENDPOINTS={}\n\
         {certificates}",
        endpoints.join(",")
    )
}

/// Returns one line per node: name, full name and address, then the host key (sshd(8), `SSH_KNOWN_HOSTS FILE FORMAT`).
fn known_hosts(cluster: &Cluster, certs: &Certs) -> String {
    let mut out = String::new();
    for node in &cluster.nodes {
        if let Some(identity) = certs.nodes.get(&node.name) {
            let mut names = vec![node.name.clone(), cluster.full_name(&node.name)];
            names.dedup();
            let _ = writeln!(
                out,
                "{},{} {}",
                names.join(","),
                node.address,
                identity.ssh_host_public
            );
        }
    }
    out
}

/// Returns the file for `ssh -F images/client/ssh_config etcd1`, run in the directory above `client`.
fn ssh_config(inputs: &NodeInputs<'_>) -> String {
    let mut out = String::new();
    for node in &inputs.cluster.nodes {
        let _ = writeln!(
            out,
            "Host {}\n    HostName {}\n    HostKeyAlias {0}",
            node.name, node.address
        );
    }
    let _ = writeln!(
        out,
        "Host *\n    User {}\n    UserKnownHostsFile client/known_hosts\n    StrictHostKeyChecking yes",
        inputs.cluster.ssh.user
    );
    out
}
