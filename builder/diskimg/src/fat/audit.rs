//! Compares the allocation tables with each other and with the directories.
//!
//! Directory entries are specified in Microsoft's "FAT: General Overview of On-Disk Format" (fatgen103), "FAT
//! Directory Structure".

use super::boot::{BootSector, FatKind};
use super::chains::{AllocationTable, Link, Marks};
use super::gate::load;
use super::names;
use crate::error::{Corrupt, Result};
use crate::record::Record;
use crate::storage::{Storage, read_vec};

/// Checks that the copies of the boot sector and of the table are equal, that no two files share a cluster, that every file
/// has as many clusters as its size needs, and that every used cluster belongs to a file or directory.
pub(crate) fn audit(storage: &dyn Storage) -> Result<()> {
    let (boot, table) = load(storage)?;
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
    if let Some(offset) = boot.backup
        && Record::<512>::read(storage, 0)? != Record::read(storage, offset)?
    {
        return Err(Corrupt::BackupBootSector { offset }.into());
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
    reached: Marks,
}

/// The fields of a directory entry that describe its clusters.
struct DirectoryEntry {
    path: String,
    is_directory: bool,
    first_cluster: u32,
    size: u32,
}

impl DirectoryWalk<'_> {
    fn walk(&mut self) -> Result<()> {
        let mut content = if let Some(cluster) = self.boot.root_cluster {
            self.directory(cluster)?
        } else {
            let (offset, len) = self.boot.root_area;
            read_vec(self.storage, offset, len)?
        };
        let mut ahead: Vec<DirectoryEntry> = self.entries(&content, "")?;
        while let Some(entry) = ahead.pop() {
            if entry.is_directory {
                content = self.directory(entry.first_cluster)?;
                ahead.extend(self.entries(&content, &entry.path)?);
            } else {
                self.check_file(entry)?;
            }
        }
        Ok(())
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

    fn check_file(&mut self, file: DirectoryEntry) -> Result<()> {
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

    /// Checks and parses the entries of a directory, without long names, labels, `.` and `..`.
    fn entries(&self, content: &[u8], folder: &str) -> Result<Vec<DirectoryEntry>> {
        const LABEL: u8 = 0x08;
        const DIRECTORY: u8 = 0x10;
        let (entries, _) = content.as_chunks::<32>();
        names::check(entries, folder)?;
        let entries = entries.iter().map(|bytes| Record(*bytes));
        let used = entries.take_while(|entry| entry.u8::<0>() != 0);
        Ok(used
            .filter(|entry| !matches!(entry.u8::<0>(), 0xE5 | b'.'))
            // Entries of long names have this bit as well.
            .filter(|entry| entry.u8::<11>() & LABEL == 0)
            .map(|entry| {
                let high = match self.boot.kind {
                    FatKind::Fat16 => 0,
                    FatKind::Fat32 => entry.u16::<20>(),
                };
                DirectoryEntry {
                    path: format!(
                        "{folder}/{}",
                        names::short_name(entry.bytes::<0, 8>(), entry.bytes::<8, 3>())
                    ),
                    is_directory: entry.u8::<11>() & DIRECTORY != 0,
                    first_cluster: (u32::from(high) << 16) | u32::from(entry.u16::<26>()),
                    size: entry.u32::<28>(),
                }
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
