//! The copies of certificates outside etcd's own files, for the node's program that puts renewed certificates in place.

use serde_json::{Value, json};

use super::inputs::NodeInputs;
use super::paths::Paths;
use crate::shell::quoted;
use crate::spec::{CertificateRole, Node};

/// Returns the kind of each certificate besides etcd's own files, and the paths of it and its key, in quotes for the shell.
pub(super) fn copies(inputs: &NodeInputs<'_>, node: &Node) -> Vec<Value> {
    let cluster = inputs.cluster;
    let copy = |kind: &str, certificate: &str, key: &str| json!({ "kind": quoted(kind), "certificate": quoted(certificate), "key": quoted(key) });
    let of_user = cluster.ssh.etcdctl.map(|user| {
        let client = Paths::of(inputs.system, cluster, &node.name).client;
        let file = |name: &str| format!("{client}/{name}");
        copy(
            &format!("client.{user}"),
            &file("client.crt"),
            &file("client.key"),
        )
    });
    let of_tables = inputs.certificate_files(node).filter_map(|file| {
        let kind = match file.role {
            CertificateRole::Ca => return None,
            CertificateRole::Server | CertificateRole::Node => "server".to_owned(),
            CertificateRole::Peer if cluster.pki.layout.has_one_certificate() => {
                "server".to_owned()
            }
            CertificateRole::Peer => "peer".to_owned(),
            CertificateRole::Admin => "admin".to_owned(),
            CertificateRole::Client => {
                match file.common_name(&node.name, &cluster.domain).as_str() {
                    "" => "client".to_owned(),
                    name => format!("client.{name}"),
                }
            }
        };
        Some(copy(
            &kind,
            &file.path,
            file.key.as_deref().unwrap_or_default(),
        ))
    });
    of_user.into_iter().chain(of_tables).collect()
}

/// Returns the paths of the CA's certificate besides etcd's own, in quotes for the shell.
pub(super) fn authorities(inputs: &NodeInputs<'_>, node: &Node) -> Vec<String> {
    let ssh = &inputs.cluster.ssh;
    let of_user = ssh.etcdctl.map(|_| {
        let client = Paths::of(inputs.system, inputs.cluster, &node.name).client;
        format!("{client}/ca.crt")
    });
    let of_tables = inputs.certificate_files(node);
    let of_tables = of_tables.filter(|file| file.role == CertificateRole::Ca);
    let all = of_user
        .into_iter()
        .chain(of_tables.map(|file| file.path.clone()));
    all.map(|path| quoted(&path)).collect()
}
