//! Writes the description of a node, which every image contains and every later command reads.

use anyhow::Result;

use super::inputs::NodeInputs;
use super::paths::Paths;
use super::tree::{Change, DesiredPath, FileContent, Owner};
use crate::description::{
    DescribedFile, EtcdFacts, IssuedFile, LoginUser, MemberUrls, NetworkFacts, NodeDescription,
    location, without_control_characters,
};
use crate::inspect::Volume;
use crate::spec::{CertificateFile, Named as _, Node};

/// Returns the entry of the file that describes a node with these entries.
pub(super) fn entry(
    inputs: &NodeInputs<'_>,
    node: &Node,
    entries: &[DesiredPath],
) -> Result<DesiredPath> {
    let json = describe(inputs, node, entries)?.to_json()?;
    let (volume, path) = location(inputs.system);
    let change = Change::File {
        content: FileContent::Plain(json.into_bytes().into()),
        mode: 0o644,
        owner: Owner::root(),
    };
    let why = "describes the node to `inspect`, `verify`, `boot` and later commands";
    Ok(DesiredPath::new(volume, path, change, why))
}

fn describe(
    inputs: &NodeInputs<'_>,
    node: &Node,
    entries: &[DesiredPath],
) -> Result<NodeDescription> {
    let (cluster, identity) = (inputs.cluster, inputs.identity(node)?);
    let member = |node: &Node| MemberUrls::of(cluster, node);
    let issued: Vec<_> = inputs.certificate_files(node).collect();
    let sets_machine_id = entries.iter().any(|entry| entry.path == "/etc/machine-id");
    Ok(NodeDescription {
        format: NodeDescription::current_format(),
        written_by: concat!("etcd-image ", env!("CARGO_PKG_VERSION")).to_owned(),
        cluster: cluster.name.clone(),
        node: node.name.clone(),
        domain: cluster.domain.clone(),
        network: NetworkFacts {
            address: node.address,
            prefix: cluster.network.prefix,
            gateway: cluster.network.gateway,
            dhcp: cluster.network.dhcp,
            wifi: cluster.network.wifi.is_some(),
        },
        members: cluster.nodes.iter().map(member).collect(),
        base: inputs.base.clone(),
        etcd: EtcdFacts {
            version: inputs.etcd.version.clone(),
            sha256: inputs.etcd.sha256.clone(),
        },
        time: inputs.certs.time,
        machine_id: sets_machine_id.then(|| identity.machine_id.clone()),
        insecure: cluster.etcd.insecure,
        data_dir: Some(
            Paths::of(inputs.system, cluster, &node.name)
                .data()
                .to_owned(),
        ),
        data_start: inputs.appliance().data_start(),
        login: LoginUser {
            user: cluster.ssh.user.clone(),
            authorized_keys: cluster
                .ssh
                .authorized_keys
                .iter()
                .map(|key| without_control_characters(key))
                .collect(),
            host_key: identity.ssh_host_public.clone(),
        },
        files: entries
            .iter()
            .filter_map(|entry| described(entry, &issued))
            .collect(),
    })
}

/// Describes a completely written file, without the digest of a secret, which would help to guess the secret.
fn described(entry: &DesiredPath, issued: &[&CertificateFile]) -> Option<DescribedFile> {
    let Change::File { content, mode, .. } = &entry.change else {
        return None;
    };
    Some(DescribedFile {
        partition: entry.volume,
        path: entry.path.clone(),
        role: entry.role,
        sha256: match content {
            FileContent::Plain(bytes) => Some(bytes.sha256().to_owned()),
            FileContent::Secret(_) => None,
        },
        mode: matches!(content, FileContent::Secret(_)).then(|| format!("{mode:04o}")),
        issued: issued
            .iter()
            .find(|file| entry.volume == Volume::Root && file.path == entry.path)
            .map(|file| IssuedFile {
                role: file.role.name().to_owned(),
                key: file.key.clone(),
            }),
    })
}
