//! Joins the manifests of the parts of a cluster, after checking that the parts fit together.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Joined;
use super::shards::Shards;
use crate::failure::Kind;
use crate::report::{ClusterRecord, Manifest, NodeRecord, read_manifests};

/// Returns the joined manifest of a cluster. Fails unless every image exists and all parts have the same origin.
pub(super) fn join(shards: &Shards<'_>, cluster: &ClusterRecord) -> Result<Joined> {
    let mut parts: Vec<(PathBuf, Manifest)> = Vec::new();
    let (mut nodes, mut sources) = (Vec::new(), Vec::new());
    for name in &cluster.nodes {
        let lost = || {
            let message = format!("the image of {}/{name} is missing", cluster.name);
            Kind::Usage.error(message, "build its shard again, and merge again")
        };
        let folder = shards.folder_of(&cluster.name, name).ok_or_else(lost)?;
        let folder = folder.join(&cluster.name);
        if !parts.iter().any(|(known, _)| *known == folder) {
            let manifest = only_manifest(&folder)?.ok_or_else(lost)?;
            shards.must_be_signed(&folder, &manifest)?;
            parts.push((folder.clone(), manifest));
        }
        let part = parts.iter().find(|(known, _)| *known == folder);
        let found =
            part.and_then(|(_, manifest)| manifest.nodes.iter().find(|it| it.name == *name));
        let node = found.ok_or_else(lost)?;
        if !node
            .outputs
            .iter()
            .all(|output| has_size(&folder.join(&output.name), output.size))
        {
            return Err(lost());
        }
        nodes.push(node.clone());
        sources.push(folder);
    }
    same_origin(&cluster.name, &parts, &nodes)?;
    shards.same_description(&cluster.name)?;
    let first = parts.first().map(|(_, manifest)| manifest.clone());
    let mut manifest = first.ok_or_else(|| {
        let message = format!("cluster {} has no nodes", cluster.name);
        Kind::Usage.error(message, "build the shards again")
    })?;
    manifest.nodes = nodes;
    manifest.attachments.clear();
    Ok(Joined {
        manifest,
        parts,
        sources,
    })
}

/// Returns the manifest of a finished build; `None` if there is none, or if a build was interrupted.
fn only_manifest(folder: &Path) -> Result<Option<Manifest>> {
    let mut manifests = read_manifests(folder, false)?;
    Ok(manifests.pop().filter(|_| manifests.is_empty()))
}

fn has_size(path: &Path, size: u64) -> bool {
    fs_err::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == size)
}

/// Checks that all parts have the same CA and members, and all nodes the same inputs.
fn same_origin(cluster: &str, parts: &[(PathBuf, Manifest)], nodes: &[NodeRecord]) -> Result<()> {
    let mut pairs = parts.iter().zip(parts.iter().skip(1));
    if let Some(((one, _), (other, _))) =
        pairs.find(|((_, one), (_, other))| one.certificates != other.certificates)
    {
        let message = format!(
            "{} and {} have different CAs for cluster {cluster}",
            one.display(),
            other.display()
        );
        let hint = "run `etcd-image state init` once, copy the state directory to every worker, and build the shards again";
        return Err(Kind::Verification.error(message, hint));
    }
    let mut pairs = parts.iter().zip(parts.iter().skip(1));
    if let Some(((one, _), (other, _))) =
        pairs.find(|((_, one), (_, other))| one.members != other.members)
    {
        let message = format!(
            "{} and {} have different members or addresses for cluster {cluster}",
            one.display(),
            other.display()
        );
        let hint =
            "build all shards from the same fleet.toml and the same descriptions of its clusters";
        return Err(Kind::Verification.error(message, hint));
    }
    let mut pairs = nodes.iter().zip(nodes.iter().skip(1));
    let inputs = |node: &NodeRecord| (node.base.sha256.clone(), node.etcd.sha256.clone());
    if let Some((one, other)) = pairs.find(|(one, other)| inputs(one) != inputs(other)) {
        let message = format!(
            "{cluster}/{} and {cluster}/{} were made from different bases or versions of etcd",
            one.name, other.name
        );
        let hint = "build all shards from the same cache, with the same options";
        return Err(Kind::Verification.error(message, hint));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_of_different_descriptions_are_refused() {
        let part = |folder: &str, address: &str| -> (PathBuf, Manifest) {
            let manifest = serde_json::json!({
                "format": 1, "version": "1", "cluster": "home", "certificates": [], "nodes": [],
                "members": [{"name": "etcd1", "address": address}],
            });
            (folder.into(), serde_json::from_value(manifest).unwrap())
        };
        let check =
            |address| same_origin("home", &[part("a", "10.0.0.1"), part("b", address)], &[]);
        check("10.0.0.1").unwrap();
        assert_eq!(
            check("10.0.0.2").unwrap_err().to_string(),
            "a and b have different members or addresses for cluster home"
        );
    }
}
