//! Refuses a build whose images would replace one of its inputs.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::failure::Kind;
use crate::spec::{Base, Cluster, Node};

/// Fails if the image of a node would get the path of the base, also through links.
pub(crate) fn refuse(cluster: &Cluster, nodes: &[&Node], out: &Path) -> Result<()> {
    let Base::Image(base) = &cluster.base else {
        return Ok(());
    };
    let real = |path: &Path| -> Option<PathBuf> { fs_err::canonicalize(path).ok() };
    for node in nodes {
        let image = out.join(format!("{}.img", node.name));
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
