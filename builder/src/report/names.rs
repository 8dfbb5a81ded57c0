//! The names of the files of a finished build.

use std::path::Path;

use anyhow::Result;

use super::manifest::Manifest;
use super::stored_manifest::read_manifests;
use super::{MANIFEST, SIGNATURE, SUMS};

/// Returns the names of the files that the manifest of an output directory lists, and of the manifest and its digest list, sorted. They
/// do not include those of the operator, nor what an earlier build has left.
pub(crate) fn file_names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for manifest in read_manifests(folder, true)? {
        let outputs = manifest.nodes.iter().flat_map(|node| &node.outputs);
        names.extend(outputs.map(|output| output.name.clone()));
        names.extend(Manifest::attachments(&manifest).map(|it| it.name.clone()));
    }
    for name in [MANIFEST, SUMS, SIGNATURE] {
        if fs_err::exists(folder.join(name))? {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}
