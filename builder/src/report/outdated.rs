//! Images of earlier builds that are no longer those of the manifest.

use std::path::Path;

use super::manifest::Manifest;
use crate::image_format::ImageFormat;
use crate::spec::Base;

/// Returns a note for each image in the directory that the manifest does not list, unless it is the base of the build.
pub(crate) fn outdated(manifest: &Manifest, base: &Base, folder: &Path) -> Vec<String> {
    let base = match base {
        Base::Image(path) => fs_err::canonicalize(path).ok(),
        Base::Recipe(_) => None,
    };
    let mut names = names_in(folder);
    names.sort();
    let notes = names.iter().filter_map(|name| {
        let path = folder.join(name);
        let (node, format) = ImageFormat::split(name)?;
        let listed = manifest.nodes.iter().any(|node| node.has_output(name));
        let is_base = base.is_some() && fs_err::canonicalize(&path).ok() == base;
        let is_image = path.is_file() && !listed && !is_base;
        is_image.then(|| note(manifest, &path, node, format))
    });
    notes.collect()
}

/// Returns the names of the visible files in a directory. A directory that cannot be read has no outdated images to report.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| !name.starts_with('.')).collect()
}

fn note(manifest: &Manifest, path: &Path, node: &str, format: ImageFormat) -> String {
    let path = path.display();
    let known = manifest.nodes.iter().any(|known| known.name == node);
    match known {
        true => format!(
            "note: {path} is an older image of node {node}: delete it, or build it again with `--format {}`",
            format.suffix()
        ),
        false => format!(
            "note: {path} is not an image of this cluster: delete it if it is left over from a node that you removed"
        ),
    }
}
