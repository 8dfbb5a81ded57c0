//! Records of what was read, stored beside it, so that a warm build need not read gigabytes again.
//!
//! A record is valid as long as the file's state is the one recorded: size, change times and, if the system has them, device
//! and inode number. After any difference, the file is read and hashed again.

use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::verified::SourceDigests;
use crate::digest::Digested;
use crate::hex;

/// The extension of a record in the cache.
pub(super) const RECORD: &str = "toml";

/// A record as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    packed: Digested,
    raw: Digested,
    /// The state of the file when it was read; `None` until the file has its final name.
    state: Option<String>,
    /// In a file, the SHA-256 of the record without this value; records of earlier versions lack it. Otherwise `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<String>,
}

impl Record {
    pub(super) fn new(seen: &SourceDigests, state: Option<FileState>) -> Self {
        let SourceDigests { packed, raw } = seen.clone();
        Self {
            packed,
            raw,
            state: state.map(|state| state.0),
            check: None,
        }
    }

    /// Reads the record in that file; returns `None` if it is unreadable or damaged.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let mut record: Self = toml::from_str(&fs_err::read_to_string(path).ok()?).ok()?;
        let check = record.check.take();
        let is_intact = check.is_none() || check == record.digest().ok();
        is_intact.then_some(record)
    }

    pub(super) fn to_text(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(&Self {
            check: Some(self.digest()?),
            ..self.clone()
        })
    }

    fn digest(&self) -> Result<String, toml::ser::Error> {
        Ok(hex::sha256(toml::to_string(self)?))
    }

    /// Returns whether the file has not changed since it was read.
    pub(super) fn holds(&self, now: &FileState) -> bool {
        self.state.as_ref() == Some(&now.0)
    }

    pub(super) fn seen(&self) -> SourceDigests {
        SourceDigests {
            packed: self.packed.clone(),
            raw: self.raw.clone(),
        }
    }
}

/// The state of a file, which compares equal as long as the file is unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileState(String);

impl FileState {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs_err::metadata(path)?;
        let modified = metadata
            .modified()?
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos());
        Ok(Self(format!(
            "size {} modified {modified}{}",
            metadata.len(),
            identity(&metadata)
        )))
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt as _;
    let (seconds, nanoseconds) = (metadata.ctime(), metadata.ctime_nsec());
    format!(
        " changed {seconds}.{nanoseconds:09} device {} inode {}",
        metadata.dev(),
        metadata.ino()
    )
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> String {
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_changes_with_content_of_the_same_length() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs_err::write(&path, "one").unwrap();
        let before = FileState::of(&path).unwrap();
        assert_eq!(before, FileState::of(&path).unwrap());
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs_err::write(&path, "two").unwrap();
        assert_ne!(before, FileState::of(&path).unwrap());
    }

    fn seen() -> SourceDigests {
        let digested = Digested {
            sha256: "a".into(),
            size: 1,
        };
        SourceDigests {
            packed: digested.clone(),
            raw: digested,
        }
    }

    #[test]
    fn record_without_a_state_never_holds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        let record = Record::new(&seen(), None);
        fs_err::write(&path, record.to_text().unwrap()).unwrap();
        let read = Record::read(&path).unwrap();
        assert_eq!(read, record);
        assert_eq!(read.seen(), seen());
        assert!(!read.holds(&FileState(String::new())));
    }

    #[test]
    fn a_flipped_bit_never_gives_another_record() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        let record = Record::new(&seen(), Some(FileState("size 1".into())));
        let text = record.to_text().unwrap();
        for place in 0..text.len() * 8 {
            let mut damaged = text.clone().into_bytes();
            damaged[place / 8] ^= 1 << (place % 8);
            fs_err::write(&path, &damaged).unwrap();
            let read = Record::read(&path);
            let shown = String::from_utf8_lossy(&damaged);
            assert!(read.is_none_or(|read| read == record), "{shown}");
        }
    }

    #[test]
    fn a_record_of_an_earlier_version_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        let record = Record::new(&seen(), Some(FileState("size 1".into())));
        fs_err::write(&path, toml::to_string(&record).unwrap()).unwrap();
        assert_eq!(Record::read(&path), Some(record));
    }
}
