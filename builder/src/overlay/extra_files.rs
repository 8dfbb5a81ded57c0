//! The user's own files.

use anyhow::Result;

use super::inputs::NodeInputs;
use super::tree::{Change, DesiredPath, FileContent, Owner};
use crate::inspect::Volume;
use crate::secret::Secret;
use crate::spec::{ExtraContent, ExtraFile, Node};

/// Returns the entries of the files that the user puts on a node.
pub(super) fn entries(inputs: &NodeInputs<'_>, node: &Node) -> Result<Vec<DesiredPath>> {
    let wanted = |file: &&ExtraFile| file.node.as_ref().is_none_or(|name| *name == node.name);
    let files = inputs.cluster.files.iter().filter(wanted);
    files.map(extra_file).collect()
}

/// Returns the entry of a user's file. `plan` does not print a file whose mode gives other users no access.
fn extra_file(file: &ExtraFile) -> Result<DesiredPath> {
    let (mode, owner) = (file.mode, Owner::parse(&file.owner)?);
    let change = match &file.content {
        ExtraContent::Folder => Change::MissingFolder { mode, owner },
        ExtraContent::Link(target) => Change::Symlink {
            target: target.clone(),
        },
        ExtraContent::File(bytes) => Change::File {
            content: match mode & 0o007 {
                0 => FileContent::Secret(Secret::new(bytes.clone())),
                _ => FileContent::Plain(bytes.clone().into()),
            },
            mode,
            owner,
        },
    };
    Ok(DesiredPath {
        origin: Some(file.origin.clone()),
        ..DesiredPath::new(Volume::Root, file.path.clone(), change, "your own file")
    })
}
