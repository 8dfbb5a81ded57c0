//! The images to boot: named on the command line or found in a directory, complete and without duplicates.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use lab::qemu::Machine;

use super::node::BootNode;
use crate::count::count;
use crate::failure::Kind;
use crate::image_format;

/// Returns the nodes of the images, in the order of their cluster, and the directory of the images.
pub(super) fn read(targets: &[PathBuf], machine: Machine) -> Result<(Vec<BootNode>, PathBuf)> {
    let paths = paths(targets)?;
    let folder = paths
        .first()
        .and_then(|path| path.parent())
        .map(Path::to_owned);
    let nodes: Result<Vec<_>> = paths
        .iter()
        .map(|path| BootNode::read(path, machine))
        .collect();
    let mut nodes = nodes?;
    must_be_complete(&nodes)?;
    let place = |node: &BootNode| node.members.iter().position(|name| *name == node.name);
    nodes.sort_by_key(place);
    Ok((nodes, folder.unwrap_or_default()))
}

/// Returns the paths of the named images and of one image for each node in a named directory.
fn paths(targets: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for target in targets {
        if !target.is_dir() {
            paths.push(existing_image(target)?.to_owned());
            continue;
        }
        let images = image_format::images_in(target).context("looking for images")?;
        paths.extend(images.into_values());
    }
    paths.sort();
    match paths.is_empty() {
        false => Ok(paths),
        true => Err(Kind::Usage.error(
            format!("no image in {}", listed_targets(targets)),
            "write some with `etcd-image build --nodes 3`, or name a directory or images",
        )),
    }
}

/// Returns the path of a named image, which must exist.
fn existing_image(target: &Path) -> Result<&Path> {
    match target.is_file() {
        true => Ok(target),
        false => Err(Kind::Usage.error(
            format!("there is no image {}", target.display()),
            "name images, or the directory that `etcd-image build` wrote",
        )),
    }
}

/// Checks that every member of the cluster occurs exactly once, and no other node.
fn must_be_complete(nodes: &[BootNode]) -> Result<()> {
    let mut names = BTreeSet::new();
    if let Some(double) = nodes.iter().find(|node| !names.insert(&node.name)) {
        return Err(Kind::Usage.error(
            format!("two images are node {}", double.name),
            "name one image per node",
        ));
    }
    let members: BTreeSet<_> = nodes.iter().flat_map(|node| &node.members).collect();
    let missing: Vec<_> = members
        .difference(&names)
        .map(|name| name.as_str())
        .collect();
    if !missing.is_empty() {
        return Err(Kind::Usage.error(format!(
                "the cluster has {}, but there is no image of {}",
                count(members.len(), "member"),
                missing.join(", ")
            ),
            "name the images of all nodes, or build the missing ones with `etcd-image build --only`",
        ));
    }
    match nodes
        .iter()
        .find(|node| node.members.len() != members.len())
    {
        None => Ok(()),
        Some(other) => Err(Kind::Usage.error(
            format!(
                "{} belongs to another cluster: its members are {}",
                other.name,
                other.members.join(", ")
            ),
            "name images of one cluster; build them again if the cluster has changed",
        )),
    }
}

fn listed_targets(targets: &[PathBuf]) -> String {
    let targets: Vec<_> = targets
        .iter()
        .map(|target| target.display().to_string())
        .collect();
    targets.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::node::tests::node;

    fn nodes(names: &[&str], members: &[&str]) -> Vec<BootNode> {
        let members: Vec<_> = members.iter().map(|&name| name.to_owned()).collect();
        let node = |name: &&str| BootNode {
            members: members.clone(),
            ..node(name, "10.0.0.1/8")
        };
        names.iter().map(node).collect()
    }

    fn refused(nodes: &[BootNode]) -> String {
        must_be_complete(nodes).unwrap_err().to_string()
    }

    #[test]
    fn a_whole_cluster_is_accepted() {
        must_be_complete(&nodes(&["a", "b", "c"], &["a", "b", "c"])).unwrap();
    }

    #[test]
    fn a_missing_node_is_named() {
        let said = refused(&nodes(&["a"], &["a", "b", "c"]));
        assert_eq!(
            said,
            "the cluster has 3 members, but there is no image of b, c"
        );
    }

    #[test]
    fn a_second_image_of_a_node_is_refused() {
        assert_eq!(
            refused(&nodes(&["a", "a"], &["a"])),
            "two images are node a"
        );
    }

    #[test]
    fn a_node_of_another_cluster_is_refused() {
        let mut mixed = nodes(&["a", "b"], &["a", "b"]);
        mixed.extend(nodes(&["c"], &["c"]));
        assert!(refused(&mixed).starts_with("a belongs to another cluster"));
    }
}
