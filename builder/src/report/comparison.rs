//! What an image contains, against its record in the manifest or its own description.

use anyhow::Result;
use diskimg::{FileKind, Metadata, ReadFs};

use super::file_record::{FileRecord, RecordKind};
use super::node_record::NodeRecord;
use crate::description::NodeDescription;
use crate::hex;
use crate::inspect::{Files, Volume};

/// Compares every path of the manifest, and returns the number of files among them.
pub(super) fn compare_record(
    record: &NodeRecord,
    fs: &mut Files,
    problems: &mut Vec<String>,
) -> Result<u64> {
    let mut contents = 0;
    for file in &record.files {
        compare_file(fs.at(file.partition)?, file, problems)?;
        contents += u64::from(matches!(file.kind, RecordKind::File { .. }));
    }
    Ok(contents)
}

/// Compares every file whose digest is in the node's description, and returns their number.
pub(super) fn compare_description(
    node: &NodeDescription,
    fs: &mut Files,
    problems: &mut Vec<String>,
) -> Result<u64> {
    let mut contents = 0;
    for file in &node.files {
        let (fs, path) = (fs.at(file.partition)?, &file.path);
        let found = fs.metadata(path)?;
        if found.is_none_or(|found| found.kind != FileKind::File) {
            problems.push(format!("{path} is missing or not a file"));
            continue;
        }
        let Some(wanted) = &file.sha256 else { continue };
        contents += 1;
        if hex::sha256(fs.read(path)?) != *wanted {
            problems.push(format!("{path} is not what the node's description says"));
        }
    }
    Ok(contents)
}

fn compare_file(
    fs: &mut dyn ReadFs,
    record: &FileRecord,
    problems: &mut Vec<String>,
) -> Result<()> {
    let path = &record.path;
    let metadata = fs.metadata(path)?;
    let owned = |metadata: &Metadata, mode: &str, uid: u32, gid: u32| {
        let same = (format!("{:04o}", metadata.mode), metadata.uid, metadata.gid)
            == (mode.to_owned(), uid, gid);
        record.partition == Volume::Boot || same
    };
    let same = match (&record.kind, &metadata) {
        (RecordKind::Absent, None) => true,
        (RecordKind::Link { target }, Some(m)) => {
            m.kind == FileKind::Symlink && fs.read_link(path)? == *target
        }
        (RecordKind::Folder { mode, uid, gid }, Some(m)) => {
            m.kind == FileKind::Directory && owned(m, mode, *uid, *gid)
        }
        (
            RecordKind::File {
                mode,
                uid,
                gid,
                sha256,
                ..
            },
            Some(m),
        ) => {
            let content = m.kind == FileKind::File && hex::sha256(fs.read(path)?) == *sha256;
            content && owned(m, mode, *uid, *gid)
        }
        _ => false,
    };
    if !same {
        problems.push(format!("{path} is not what the manifest says"));
    }
    Ok(())
}

/// Limit on names, above that of any valid image of this size: directories that contain each other would never end.
const MOST_NAMES: u64 = 1 << 20;

/// Reads every directory and the metadata of its entries, but not their contents; the readers verify checksums on the way.
pub(super) fn walk(fs: &mut dyn ReadFs, problems: &mut Vec<String>) -> u64 {
    let mut count = 0;
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let listed = fs.read_dir(if folder.is_empty() { "/" } else { &folder });
        let names = listed.unwrap_or_else(|error| {
            problems.push(format!("reading {folder}/: {error}"));
            Vec::new()
        });
        for name in names {
            count += 1;
            if count > MOST_NAMES {
                problems.push("directories are nested without end".to_owned());
                return count;
            }
            let path = format!("{folder}/{name}");
            match fs.metadata(&path) {
                Ok(Some(metadata)) if metadata.kind == FileKind::Directory => folders.push(path),
                Ok(Some(_)) => {}
                Ok(None) => problems.push(format!("{path} is listed but missing")),
                Err(error) => problems.push(format!("reading {path}: {error}")),
            }
        }
    }
    count
}
