//! Reads the partition table with `sfdisk`, and extracts the partitions for the other checkers.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::NamedTempFile;

use super::Verdict;
use crate::support::fixture::window;
use crate::support::tool::tool;

/// The sector size of every image here.
const SECTOR: u64 = 512;

/// Checks that `sfdisk --verify` finds nothing: no overlap, nothing past the end.
pub(crate) fn table(image: &Path) -> Verdict {
    let said = tool("sfdisk", &["--verify".as_ref(), image.as_os_str()]);
    let clean = said.code == Some(0)
        && said.text().ends_with("No errors detected.\n")
        && said.err.is_empty();
    if clean { Ok(()) } else { Err(said.words()) }
}

/// A disk image with its partition table as `sfdisk` reads it.
#[derive(Debug)]
pub(crate) struct Disk {
    path: PathBuf,
    /// The ID of the table, e.g. `0x5e1f0a37`.
    pub(crate) id: String,
    /// The partitions in the order of the table.
    pub(crate) partitions: Vec<Partition>,
}

/// An entry of the table, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    /// The offset of the first byte.
    pub(crate) start: u64,
    /// The length.
    pub(crate) length: u64,
    /// The type as `sfdisk` writes it: `c`, `83` or a GUID.
    pub(crate) kind: String,
}

impl Disk {
    /// Reads the table.
    #[track_caller]
    pub(crate) fn open(path: &Path) -> Self {
        let said = tool("sfdisk", &["--json".as_ref(), path.as_os_str()]).done();
        let table = &serde_json::from_slice::<Value>(&said.out).unwrap()["partitiontable"];
        let partitions = table["partitions"]
            .as_array()
            .unwrap()
            .iter()
            .map(partition);
        Self {
            path: path.to_owned(),
            id: table["id"].as_str().unwrap().to_owned(),
            partitions: partitions.collect(),
        }
    }

    /// Extracts the boot partition's file system to a file.
    pub(crate) fn boot(&self) -> NamedTempFile {
        self.carve(0)
    }

    /// Extracts the root's file system to a file.
    pub(crate) fn root(&self) -> NamedTempFile {
        self.carve(1)
    }

    /// Returns all bytes outside the partitions, in order: the MBR or GPT, the gaps and the end of the disk.
    pub(crate) fn gaps(&self) -> Vec<u8> {
        let file = File::open(&self.path).unwrap();
        let mut bytes = Vec::new();
        let mut at = 0;
        for part in &self.partitions {
            bytes.extend(read(&file, at, part.start));
            at = part.start + part.length;
        }
        bytes.extend(read(&file, at, file.metadata().unwrap().len()));
        bytes
    }

    fn carve(&self, index: usize) -> NamedTempFile {
        let part = &self.partitions[index];
        let carved = NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        window(
            &File::open(&self.path).unwrap(),
            part.start,
            part.length,
            carved.path(),
        );
        carved
    }
}

fn partition(entry: &Value) -> Partition {
    Partition {
        start: entry["start"].as_u64().unwrap() * SECTOR,
        length: entry["size"].as_u64().unwrap() * SECTOR,
        kind: entry["type"].as_str().unwrap().to_owned(),
    }
}

fn read(file: &File, from: u64, to: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
    file.read_exact_at(&mut bytes, from).unwrap();
    bytes
}
