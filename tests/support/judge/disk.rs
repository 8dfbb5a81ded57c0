//! The partition table as `sfdisk` sees it, and the partitions carved out for the other judges.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::NamedTempFile;

use super::Verdict;
use crate::support::fixture::window;
use crate::support::tool::tool;

/// Sector size of every image here.
const SECTOR: u64 = 512;

/// `sfdisk --verify` must find nothing: no overlap, nothing past the end.
pub(crate) fn table(image: &Path) -> Verdict {
    let said = tool("sfdisk", &["--verify".as_ref(), image.as_os_str()]);
    let clean = said.code == Some(0)
        && said.text().ends_with("No errors detected.\n")
        && said.err.is_empty();
    if clean { Ok(()) } else { Err(said.words()) }
}

/// A disk image with its partition table read by a stranger.
#[derive(Debug)]
pub(crate) struct Disk {
    path: PathBuf,
    /// The table's id, e.g. `0x5e1f0a37`.
    pub(crate) id: String,
    /// In the order of the table.
    pub(crate) partitions: Vec<Partition>,
}

/// One entry of the table, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    /// First byte.
    pub(crate) start: u64,
    /// Length.
    pub(crate) length: u64,
    /// Type as `sfdisk` writes it: `c`, `83` or a GUID.
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

    /// The boot partition's file system as a file of its own.
    pub(crate) fn boot(&self) -> NamedTempFile {
        self.carve(0)
    }

    /// The root's file system as a file of its own.
    pub(crate) fn root(&self) -> NamedTempFile {
        self.carve(1)
    }

    /// Every byte that belongs to no partition, in order: the MBR or GPT, the gaps, what lies behind.
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
