//! The places of snapshots: a directory of this machine, or a prefix in a bucket.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::super::output::{self, NewFile};
use super::rotation;
use crate::cli;
use crate::cli::{AwsVariables, BackupOptions};
use crate::failure::Kind;
use crate::store::{SnapshotBucket, SnapshotWriter};

/// The directory of backups if none is named.
const DIRECTORY: &str = "backups";

/// Where to save a snapshot.
#[derive(Debug)]
pub struct BackupTarget(TargetKind);

#[derive(Debug)]
enum TargetKind {
    /// A directory, or a file in one.
    Path(PathBuf),
    Bucket(Box<SnapshotBucket>),
}

impl BackupTarget {
    /// Returns the target that the options name. Opens no connection yet.
    pub fn of(options: &BackupOptions, variables: &AwsVariables) -> Result<Self> {
        let target = match SnapshotBucket::of(options, variables)? {
            Some(bucket) => TargetKind::Bucket(Box::new(bucket)),
            None => TargetKind::Path(options.target.clone().unwrap_or(DIRECTORY.into())),
        };
        Ok(Self(target))
    }

    /// Returns the place and the name of a new snapshot there.
    pub(super) fn place(&self, cluster: &str, now: i64) -> Result<(SnapshotPlace<'_>, String)> {
        let name = rotation::name(cluster, now);
        let (place, name) = match &self.0 {
            TargetKind::Bucket(bucket) => (SnapshotPlace::Bucket(bucket), bucket.object(name)),
            TargetKind::Path(path) if path.is_dir() || path == Path::new(DIRECTORY) => {
                (SnapshotPlace::Directory(path), name)
            }
            TargetKind::Path(path) => {
                let folder = path.parent().unwrap_or(Path::new(""));
                let name = path.file_name().unwrap_or_default();
                (
                    SnapshotPlace::File(folder),
                    name.to_string_lossy().into_owned(),
                )
            }
        };
        match place.has(&name)? {
            false => Ok((place, name)),
            true => Err(Kind::Usage.error(
                format!("{} exists already", place.of(&name).display()),
                "name another file, or a directory",
            )),
        }
    }
}

/// A place that is ready for a snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) enum SnapshotPlace<'a> {
    /// A directory for snapshots.
    Directory(&'a Path),
    /// The directory of a file that the user named.
    File(&'a Path),
    Bucket(&'a SnapshotBucket),
}

impl<'a> SnapshotPlace<'a> {
    /// Returns whether the names of snapshots are those that [`rotation::name`] gives.
    pub(super) fn names_snapshots(self) -> bool {
        !matches!(self, Self::File(_))
    }

    pub(super) fn is_encrypted(self) -> bool {
        matches!(self, Self::Bucket(bucket) if bucket.is_encrypted())
    }

    /// Returns the path or the address of a file.
    pub(super) fn of(self, name: &str) -> PathBuf {
        match self {
            Self::Directory(folder) | Self::File(folder) => folder.join(name),
            Self::Bucket(bucket) => bucket.place(name).into(),
        }
    }

    fn has(self, name: &str) -> Result<bool> {
        match self {
            Self::Directory(_) | Self::File(_) => Ok(fs_err::exists(self.of(name))?),
            Self::Bucket(bucket) => bucket.has(name),
        }
    }

    /// Begins a snapshot, which has its name only after it is published.
    pub(super) fn begin(self, name: &str) -> Result<NewSnapshot<'a>> {
        if let Self::Directory(folder) = self {
            output::create_folder(folder)?;
        }
        match self {
            Self::Directory(_) | Self::File(_) => {
                NewFile::create(&self.of(name)).map(NewSnapshot::File)
            }
            Self::Bucket(bucket) => {
                let writer = bucket.begin(name)?;
                Ok(NewSnapshot::Object(Box::new(writer)))
            }
        }
    }

    /// Writes the facts about a snapshot beside it.
    pub(super) fn describe(self, name: &str, facts: &str) -> Result<()> {
        let name = rotation::facts(name);
        match self {
            Self::Directory(_) | Self::File(_) => cli::replace(&self.of(&name), facts),
            Self::Bucket(bucket) => bucket.write(&name, facts),
        }
    }

    /// Returns the names of the files there.
    pub(super) fn names(self) -> Result<Vec<String>> {
        match self {
            Self::Directory(folder) | Self::File(folder) => output::names(folder),
            Self::Bucket(bucket) => bucket.names(),
        }
    }

    /// Removes a snapshot and the facts about it.
    pub(super) fn remove(self, name: &str) -> Result<()> {
        for name in [&rotation::facts(name), name] {
            match self {
                Self::Directory(_) | Self::File(_) => output::remove(&self.of(name))?,
                Self::Bucket(bucket) => bucket.remove(name)?,
            }
        }
        Ok(())
    }
}

/// A snapshot without a name yet. It is removed unless it is published.
pub(super) enum NewSnapshot<'a> {
    File(NewFile),
    Object(Box<SnapshotWriter<'a>>),
}

impl NewSnapshot<'_> {
    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Object(object) => object.write(bytes),
        }
    }

    /// Gives the snapshot its name.
    pub(super) fn publish(self) -> Result<()> {
        match self {
            Self::File(file) => file.publish(),
            Self::Object(object) => object.finish(),
        }
    }
}
