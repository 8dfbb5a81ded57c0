//! Images of earlier builds: those that the manifest no longer lists, and those that list other members than the cluster has.

use std::path::Path;

use super::manifest::Manifest;
use crate::description::DescribedMember;
use crate::image_format::ImageFormat;
use crate::spec::{BaseChoice, Cluster};

/// Returns a note for each image in the directory that lists other members than the cluster has, and for each that the manifest
/// does not list, unless it is the base of the build.
pub(crate) fn outdated(manifest: &Manifest, cluster: &Cluster, folder: &Path) -> Vec<String> {
    let mut notes: Vec<String> = manifest.nodes.iter().filter_map(|node| {
        let listed = names(node.outdated_members.as_deref()?);
        let (path, name) = (folder.join(&node.image), &node.name);
        Some(format!(
            "note: {} is outdated, because it lists the members {listed}: build it again with `--only {name}` before you \
             flash it",
            path.display()
        ))
    }).collect();
    notes.extend(unlisted(manifest, cluster, folder));
    notes
}

/// Returns the names and addresses of members.
pub(super) fn names(members: &[DescribedMember]) -> String {
    let name = |member: &DescribedMember| format!("{} ({})", member.name, member.address);
    let names: Vec<String> = members.iter().map(name).collect();
    names.join(", ")
}

fn unlisted(manifest: &Manifest, cluster: &Cluster, folder: &Path) -> Vec<String> {
    let base = match &cluster.base {
        BaseChoice::Image(path) => fs_err::canonicalize(path).ok(),
        BaseChoice::Recipe(_) => None,
    };
    let mut names = names_in(folder);
    names.sort();
    let notes = names.iter().filter_map(|name| {
        let path = folder.join(name);
        let (node, format) = ImageFormat::split(name)?;
        let listed = manifest.nodes.iter().any(|node| node.has_output(name));
        let is_base = base.is_some() && fs_err::canonicalize(&path).ok() == base;
        let is_image = path.is_file() && !listed && !is_base;
        is_image.then(|| note(manifest, cluster, &path, (node, format)))
    });
    notes.collect()
}

/// Returns the names of the visible files in a directory. A directory that cannot be read has no images to report.
pub(super) fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| !name.starts_with('.')).collect()
}

fn note(
    manifest: &Manifest,
    cluster: &Cluster,
    path: &Path,
    (node, format): (&str, ImageFormat),
) -> String {
    let path = path.display();
    let was_built = manifest.nodes.iter().any(|known| known.name == node);
    let is_node = cluster.nodes.iter().any(|known| known.name == node);
    match (was_built, is_node) {
        (true, _) => format!(
            "note: {path} is an older image of node {node}: delete it, or build it again with `--format {}`",
            format.suffix()
        ),
        (false, true) => format!(
            "note: {path} is an image of node {node} with another CA: build it again with `--only {node}` before you flash it"
        ),
        (false, false) => format!(
            "note: {path} is not an image of this cluster: delete it if it is left over from a node that you removed"
        ),
    }
}
