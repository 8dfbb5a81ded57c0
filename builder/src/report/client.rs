//! `client/`: the files with which the operator's machine authenticates the nodes on its first connection.

use std::fmt::Write as _;

use super::manifest::Sources;
use crate::description::Member;

/// Returns the name, content and permission bits of every file.
pub(super) fn files(sources: &Sources<'_>) -> Vec<(&'static str, Vec<u8>, u32)> {
    let (ca, admin) = (&sources.certs.ca, &sources.certs.admin);
    let public = |name, text: String| (name, text.into_bytes(), 0o644);
    vec![
        public("client/ca.crt", ca.pem.clone()),
        public("client/admin.crt", admin.certificate.pem.clone()),
        ("client/admin.key", admin.key.reveal().to_vec(), 0o600),
        public("client/etcdctl.env", etcdctl_env(sources)),
        public("client/known_hosts", known_hosts(sources)),
        public("client/ssh_config", ssh_config(sources)),
    ]
}

/// Returns the file for `. images/client/etcdctl.env`; its paths are relative to its own directory.
fn etcdctl_env(sources: &Sources<'_>) -> String {
    let endpoints: Vec<String> = sources
        .cluster
        .nodes
        .iter()
        .map(|node| Member::new(&node.name, node.address).client_url)
        .collect();
    format!(
        "# Settings of etcdctl for this cluster. In a shell, from the folder above `client`:\n\
         #   . client/etcdctl.env && etcdctl member list\n\
         export ETCDCTL_API=3\n\
         export ETCDCTL_ENDPOINTS={}\n\
         export ETCDCTL_CACERT=client/ca.crt\n\
         export ETCDCTL_CERT=client/admin.crt\n\
         export ETCDCTL_KEY=client/admin.key\n",
        endpoints.join(",")
    )
}

/// Returns one line per node: name, full name and address, then the host key (sshd(8), `SSH_KNOWN_HOSTS FILE FORMAT`).
fn known_hosts(sources: &Sources<'_>) -> String {
    let mut out = String::new();
    for node in &sources.cluster.nodes {
        if let Some(identity) = sources.certs.nodes.get(&node.name) {
            let (name, domain, address) = (&node.name, &sources.cluster.domain, node.address);
            let _ = writeln!(
                out,
                "{name},{name}.{domain},{address} {}",
                identity.ssh_host_public
            );
        }
    }
    out
}

/// Returns the file for `ssh -F images/client/ssh_config etcd1`, run in the directory above `client`.
fn ssh_config(sources: &Sources<'_>) -> String {
    let mut out = String::new();
    for node in &sources.cluster.nodes {
        let _ = writeln!(
            out,
            "Host {}\n    HostName {}\n    HostKeyAlias {0}",
            node.name, node.address
        );
    }
    let _ = writeln!(
        out,
        "Host *\n    User {}\n    UserKnownHostsFile client/known_hosts\n    StrictHostKeyChecking yes",
        sources.cluster.ssh.user
    );
    out
}
