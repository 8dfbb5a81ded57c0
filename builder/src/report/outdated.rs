//! Images of earlier builds that are no longer those of the manifest.

use std::path::Path;

use clap::ValueEnum as _;

use super::manifest::Manifest;
use crate::image_format::ImageFormat;

/// Returns a note for each file in the directory that has the name of a node's image and is not in the manifest.
pub(crate) fn outdated(manifest: &Manifest, folder: &Path) -> Vec<String> {
    let mut notes = Vec::new();
    for node in &manifest.nodes {
        let listed =
            |format: ImageFormat| node.outputs.iter().any(|output| output.format == format);
        let formats = ImageFormat::value_variants().iter().copied();
        for format in formats.filter(|format| !listed(*format)) {
            let path = folder.join(format.file_name(&node.name));
            if path.is_file() {
                let path = path.display();
                notes.push(format!(
                    "note: {path} is an older image of node {}: delete it, or build it again with `--format {}`",
                    node.name,
                    format.suffix()
                ));
            }
        }
    }
    notes
}
