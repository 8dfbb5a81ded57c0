//! `client/`: the files with which the operator's machine authenticates the nodes on its first connection.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::manifest::Sources;

/// Returns the name, content and permission bits of every file.
pub(super) fn files(sources: &Sources<'_>) -> Vec<(String, Vec<u8>, u32)> {
    let certs = sources.certs;
    vec![
        (
            "client/ca.crt".to_owned(),
            certs.ca.pem.clone().into_bytes(),
            0o644,
        ),
        (
            "client/admin.crt".to_owned(),
            certs.admin.certificate.pem.clone().into_bytes(),
            0o644,
        ),
        (
            "client/admin.key".to_owned(),
            certs.admin.key.reveal().to_vec(),
            0o600,
        ),
        (
            "client/etcdctl.env".to_owned(),
            etcdctl_env(sources).into_bytes(),
            0o644,
        ),
        (
            "client/known_hosts".to_owned(),
            known_hosts(sources).into_bytes(),
            0o644,
        ),
        (
            "client/ssh_config".to_owned(),
            ssh_config(sources).into_bytes(),
            0o644,
        ),
    ]
}

/// Returns the file for `. images/client/etcdctl.env`; its paths are relative to its own directory.
fn etcdctl_env(sources: &Sources<'_>) -> String {
    let endpoints: Vec<String> = sources
        .cluster
        .nodes
        .iter()
        .map(|node| url(node.address))
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

fn url(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("https://{address}:2379"),
        IpAddr::V6(address) => format!("https://[{address}]:2379"),
    }
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
