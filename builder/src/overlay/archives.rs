//! `[[archive]]`: the content of archives as entries of a node.

use anyhow::Result;

use super::inputs::NodeInputs;
use super::tree::{Change, DesiredPath, FileContent, Owner};
use crate::fetch::{ArchiveEntry, ArchiveKind, UnpackedArchive};
use crate::inspect::Volume;
use crate::secret::Secret;
use crate::spec::{self, Archive, Invalid, Node};

/// How many refused paths of one archive are listed.
const MOST_LISTED: usize = 10;

/// Returns the entries of all archives of a node.
pub(super) fn entries(inputs: &NodeInputs<'_>, node: &Node) -> Result<Vec<DesiredPath>> {
    let (mut entries, mut complaints) = (Vec::new(), Vec::new());
    let archives = inputs.cluster.archives.iter().zip(inputs.archives);
    for (archive, unpacked) in archives.filter(|(archive, _)| is_on(archive, node)) {
        complaints.extend(refused_paths(
            archive,
            unpacked,
            &inputs.cluster.etcd.data_dir,
        ));
        let owner = Owner::parse(&archive.owner)?;
        let entry = |found| desired_archive_path(archive, found, &owner);
        entries.extend(unpacked.entries.iter().map(entry));
    }
    match complaints.is_empty() {
        true => Ok(entries),
        false => Err(Invalid {
            complaints,
            advice: None,
        }
        .into()),
    }
}

fn is_on(archive: &Archive, node: &Node) -> bool {
    archive.node.as_ref().is_none_or(|name| *name == node.name)
}

/// Returns the reasons against paths of an archive that the program writes itself or that a mount hides.
fn refused_paths(archive: &Archive, unpacked: &UnpackedArchive, data: &str) -> Vec<String> {
    let origin = &archive.origin;
    let paths = unpacked
        .entries
        .iter()
        .map(|found| target_path(archive, found));
    let mut reasons = paths.filter_map(|path| spec::check_unpacked(&path, data).err());
    let mut listed: Vec<_> = reasons
        .by_ref()
        .take(MOST_LISTED)
        .map(|reason| format!("{origin}: {reason}"))
        .collect();
    let rest = reasons.count();
    if rest > 0 {
        listed.push(format!(
            "{origin}: the same applies to {rest} more paths of the archive"
        ));
    }
    listed
}

fn target_path(archive: &Archive, found: &ArchiveEntry) -> String {
    format!("{}/{}", archive.path, found.path)
}

fn desired_archive_path(archive: &Archive, found: &ArchiveEntry, owner: &Owner) -> DesiredPath {
    let (mode, owner) = (found.mode, owner.clone());
    let change = match &found.kind {
        ArchiveKind::Folder => Change::MissingFolder { mode, owner },
        ArchiveKind::Link(target) => Change::Symlink {
            target: target.clone(),
        },
        ArchiveKind::File(bytes) => Change::File {
            content: match mode & 0o007 {
                0 => FileContent::Secret(Secret::new(bytes.to_vec())),
                _ => FileContent::Plain(bytes.clone()),
            },
            mode,
            owner,
        },
    };
    let path = target_path(archive, found);
    DesiredPath {
        origin: Some(archive.origin.clone()),
        ..DesiredPath::new(Volume::Root, path, change, "your own archive")
    }
}
