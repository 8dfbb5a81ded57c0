//! Compares the allocation tables with each other and with the directories.
//!
//! Directory entries are specified in Microsoft's "FAT: General Overview of On-Disk Format" (fatgen103), "FAT
//! Directory Structure".

use super::boot::{BootSector, FatKind};
use super::chains::{AllocationTable, ClusterMarks, FIRST_CLUSTER, Link};
use super::dots::{DirectoryPosition, after_dots};
use super::entry::{EntryContent, FatDirectoryEntry};
use super::gate::{check_clean, load};
use super::{labels, names};
use crate::disk_structure::DiskStructure;
use crate::error::{Corrupt, Result};
use crate::storage::{Storage, read_vec};

/// Checks that the volume is clean, that the copies of the boot sector and of the table are equal, that the entries of
/// every directory are valid, that no two files share a cluster, that every file has as many clusters as its size needs, and
/// that every used cluster belongs to a file or directory.
///
/// `fsck.vfat` finds nothing wrong with what is accepted, except numbers that [`FatWriter`](super::FatWriter) corrects.
pub(crate) fn audit(storage: &dyn Storage) -> Result<()> {
    let (boot, table) = load(storage)?;
    check_clean(&boot, &table)?;
    table.check_start()?;
    table.check()?;
    compare_copies(storage, &boot)?;
    let mut audit = DirectoryWalk {
        storage,
        reached: table.marks(),
        boot,
        table,
    };
    audit.walk()?;
    audit.find_lost_clusters()
}

fn compare_copies(storage: &dyn Storage, boot: &BootSector) -> Result<()> {
    match boot.backup {
        None if boot.kind == FatKind::Fat32 => return Err(Corrupt::NoBackupBootSector.into()),
        Some(offset)
            if DiskStructure::<512>::read(storage, 0)? != DiskStructure::read(storage, offset)? =>
        {
            return Err(Corrupt::BackupBootSector { offset }.into());
        }
        _ => {}
    }
    let Some(second) = boot.second_fat else {
        return Ok(());
    };
    let first = read_vec(storage, boot.fat_start, boot.fat_len)?;
    let second = read_vec(storage, second, boot.fat_len)?;
    let places = (boot.fat_start..).zip(first.iter().zip(&second));
    match places
        .into_iter()
        .find(|(_, (first, second))| first != second)
    {
        Some((offset, _)) => Err(Corrupt::FatsDiffer { offset }.into()),
        None => Ok(()),
    }
}

/// A walk through all directories.
struct DirectoryWalk<'a> {
    storage: &'a dyn Storage,
    boot: BootSector,
    table: AllocationTable,
    /// The clusters of the files and directories found.
    reached: ClusterMarks,
}

/// A file or directory that was found.
struct AuditedPath {
    path: String,
    is_directory: bool,
    first_cluster: u32,
    /// The first cluster of the directory that contains it; zero for the root.
    parent: u32,
    size: u32,
}

impl DirectoryWalk<'_> {
    fn walk(&mut self) -> Result<()> {
        let root = if let Some(cluster) = self.boot.root_cluster {
            self.directory(cluster)?
        } else {
            let (offset, len) = self.boot.root_area;
            read_vec(self.storage, offset, len)?
        };
        let (root, _) = root.as_chunks();
        let mut ahead = self.entries(root, "", 0)?;
        labels::compare(self.boot.stored_label, root)?;
        while let Some(found) = ahead.pop() {
            if found.is_directory {
                ahead.extend(self.subdirectory(&found)?);
            } else {
                self.check_file(found)?;
            }
        }
        Ok(())
    }

    /// Checks a directory other than the root and returns what it contains.
    fn subdirectory(&mut self, found: &AuditedPath) -> Result<Vec<AuditedPath>> {
        let content = self.directory(found.first_cluster)?;
        let (entries, _) = content.as_chunks();
        let (path, own) = (found.path.as_str(), found.first_cluster);
        let parent = found.parent;
        let entries = after_dots(
            entries,
            self.boot.kind,
            &DirectoryPosition { path, own, parent },
        )?;
        self.entries(entries, path, own)
    }

    /// Reads a directory.
    fn directory(&mut self, first: u32) -> Result<Vec<u8>> {
        let mut content = vec![];
        for cluster in self.chain(first)? {
            let offset = self.boot.offset(cluster)?;
            content.extend(read_vec(self.storage, offset, self.boot.bytes(1))?);
        }
        Ok(content)
    }

    /// Returns the clusters of the chain that starts at `first`. Each cluster can be reached only once.
    fn chain(&mut self, first: u32) -> Result<Vec<u32>> {
        let mut chain = vec![];
        let mut cluster = first;
        loop {
            if cluster < FIRST_CLUSTER {
                return Err(Corrupt::NoFatEntry { cluster }.into());
            }
            if self.reached.set(cluster)? {
                return Err(Corrupt::FatCrossLink { cluster }.into());
            }
            chain.push(cluster);
            match self.table.state(cluster)? {
                Link::Next(next) => cluster = next,
                Link::Last => return Ok(chain),
                Link::Free | Link::Bad => {
                    let value = self.table.entry(cluster)?;
                    return Err(Corrupt::FatEntry { cluster, value }.into());
                }
            }
        }
    }

    fn check_file(&mut self, file: AuditedPath) -> Result<()> {
        let chain = match file.first_cluster {
            0 => vec![],
            first => self.chain(first)?,
        };
        let needed = file.size.div_ceil(self.boot.cluster_size);
        match u32::try_from(chain.len()) {
            Ok(clusters) if clusters != needed => Err(Corrupt::FatFileSize {
                path: file.path,
                size: file.size,
                clusters,
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// Checks the entries of the directory with this first cluster and returns its files and directories.
    fn entries(&self, entries: &[[u8; 32]], folder: &str, parent: u32) -> Result<Vec<AuditedPath>> {
        names::check(entries, folder)?;
        let files = entries.iter().map(FatDirectoryEntry::from_bytes);
        let files = files.filter(|entry| entry.content() == EntryContent::File);
        Ok(files
            .map(|entry| AuditedPath {
                path: format!("{folder}/{}", entry.short_name()),
                is_directory: entry.is_directory(),
                first_cluster: entry.cluster(self.boot.kind),
                parent,
                size: entry.size(),
            })
            .collect())
    }

    fn find_lost_clusters(&self) -> Result<()> {
        for (cluster, _) in self.table.clusters() {
            let is_used = matches!(self.table.state(cluster)?, Link::Next(_) | Link::Last);
            if is_used && !self.reached.get(cluster)? {
                return Err(Corrupt::FatLostCluster { cluster }.into());
            }
        }
        Ok(())
    }
}
