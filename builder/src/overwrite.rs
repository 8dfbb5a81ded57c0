//! Refuses a build whose images would replace one of its inputs.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cli::OutputOptions;
use crate::failure::Kind;
use crate::spec::{Base, Cluster, Node};

/// Fails if the image of a node would get the path of the base, also through links.
pub(crate) fn refuse(cluster: &Cluster, nodes: &[&Node], output: &OutputOptions) -> Result<()> {
    let Base::Image(base) = &cluster.base else {
        return Ok(());
    };
    let real = |path: &Path| -> Option<PathBuf> { fs_err::canonicalize(path).ok() };
    let formats = &output.formats;
    let images = nodes
        .iter()
        .flat_map(|node| formats.iter().map(move |format| (node, format)));
    for (node, format) in images {
        let image = output.out.join(format.file_name(&node.name));
        if real(base).is_some_and(|base| Some(base) == real(&image)) {
            return Err(Kind::Usage.error(
                format!(
                    "the image of node {} would replace the base: {}",
                    node.name,
                    base.display()
                ),
                "name another folder with `--out`, or rename the base",
            ));
        }
    }
    Ok(())
}
