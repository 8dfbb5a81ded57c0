//! The file allocation table: how many clusters are free, and that every cluster chain ends.
//!
//! Specified in Microsoft's "FAT: General Overview of On-Disk Format" (fatgen103), "FAT Data Structure".

use super::boot::FatKind;
use crate::error::{Corrupt, Result};
use crate::units::index;

/// The number of the first cluster.
pub(super) const FIRST_CLUSTER: u32 = 2;

/// An allocation table. Its entries have the numbers of the clusters they describe; the first two describe none.
pub(super) struct AllocationTable {
    kind: FatKind,
    /// The entries without the four reserved bits of FAT32.
    entries: Vec<u32>,
}

/// The state of a cluster according to its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Free,
    Next(u32),
    Last,
    Bad,
}

impl AllocationTable {
    /// Parses a table that describes the clusters from 2 to `end` - 1.
    pub(super) fn from_bytes(kind: FatKind, bytes: &[u8], end: u32) -> Self {
        let entries: Vec<u32> = match kind {
            FatKind::Fat16 => {
                let (entries, _) = bytes.as_chunks();
                entries
                    .iter()
                    .map(|entry| u16::from_le_bytes(*entry).into())
                    .take(index(end))
                    .collect()
            }
            FatKind::Fat32 => {
                let (entries, _) = bytes.as_chunks();
                entries
                    .iter()
                    .map(|entry| u32::from_le_bytes(*entry) & 0x0FFF_FFFF)
                    .take(index(end))
                    .collect()
            }
        };
        Self { kind, entries }
    }

    /// Returns a mark for each cluster, none of them set.
    pub(super) fn marks(&self) -> ClusterMarks {
        ClusterMarks(vec![false; self.entries.len()])
    }

    /// Returns the clusters with their entries.
    pub(super) fn clusters(&self) -> impl Iterator<Item = (u32, u32)> {
        (0..)
            .zip(self.entries.iter().copied())
            .skip(index(FIRST_CLUSTER))
    }

    /// Returns the entry of `cluster`. A cluster without an entry is an error.
    pub(super) fn entry(&self, cluster: u32) -> Result<u32> {
        let entry = self.entries.get(index(cluster)).copied();
        Ok(entry.ok_or(Corrupt::NoFatEntry { cluster })?)
    }

    /// Returns what the entry of `cluster` states.
    pub(super) fn state(&self, cluster: u32) -> Result<Link> {
        self.link(cluster, self.entry(cluster)?)
    }

    fn link(&self, cluster: u32, entry: u32) -> Result<Link> {
        // FAT16 has the same special values with fewer bits.
        let special = match (self.kind, entry) {
            (FatKind::Fat16, 0xFFF7..) => entry | 0x0FFF_0000,
            _ => entry,
        };
        match special {
            0 => Ok(Link::Free),
            0x0FFF_FFF7 => Ok(Link::Bad),
            0x0FFF_FFF8.. => Ok(Link::Last),
            next if next >= FIRST_CLUSTER && index(next) < self.entries.len() => {
                Ok(Link::Next(next))
            }
            value => Err(Corrupt::FatEntry { cluster, value }.into()),
        }
    }

    /// Checks the first entry, which repeats the medium of the boot sector below bits that are all set.
    pub(super) fn check_start(&self) -> Result<()> {
        let set = match self.kind {
            FatKind::Fat16 => 0xFFF0,
            FatKind::Fat32 => 0x0FFF_FFF0,
        };
        let (cluster, value) = (0, self.entry(0)?);
        match value & set == set {
            true => Ok(()),
            false => Err(Corrupt::FatEntry { cluster, value }.into()),
        }
    }

    /// Returns the number of free clusters, after checking that no chain joins another and that every chain ends.
    pub(super) fn check(&self) -> Result<u32> {
        let mut free = 0..u32::MAX;
        let mut used = self.marks();
        let mut continued = self.marks();
        for (cluster, entry) in self.clusters() {
            match self.link(cluster, entry)? {
                Link::Free => drop(free.next()),
                Link::Next(next) => {
                    used.set(cluster)?;
                    if continued.set(next)? {
                        return Err(Corrupt::FatCrossLink { cluster: next }.into());
                    }
                }
                Link::Last | Link::Bad => drop(used.set(cluster)?),
            }
        }
        self.check_ends(&used, &continued)?;
        Ok(free.start)
    }

    /// Checks that every used cluster can be reached from the first cluster of a chain. No cluster continues two
    /// others, so that a cluster which cannot be reached is part of a cycle.
    fn check_ends(&self, used: &ClusterMarks, continued: &ClusterMarks) -> Result<()> {
        let mut reached = self.marks();
        for (first, entry) in self.clusters() {
            if !used.get(first)? || continued.get(first)? {
                continue;
            }
            reached.set(first)?;
            let mut link = self.link(first, entry)?;
            while let Link::Next(next) = link {
                reached.set(next)?;
                link = self.state(next)?;
            }
        }
        for (cluster, _) in self.clusters() {
            if used.get(cluster)? && !reached.get(cluster)? {
                return Err(Corrupt::FatCycle { cluster }.into());
            }
        }
        Ok(())
    }
}

/// A mark for each cluster.
pub(super) struct ClusterMarks(Vec<bool>);

impl ClusterMarks {
    pub(super) fn get(&self, cluster: u32) -> Result<bool> {
        let found = self.0.get(index(cluster)).copied();
        Ok(found.ok_or(Corrupt::NoFatEntry { cluster })?)
    }

    /// Sets a mark and returns whether it was set before.
    pub(super) fn set(&mut self, cluster: u32) -> Result<bool> {
        let found = self.0.get_mut(index(cluster));
        let found = found.ok_or(Corrupt::NoFatEntry { cluster })?;
        Ok(std::mem::replace(found, true))
    }
}

#[cfg(test)]
mod tests {
    use super::{AllocationTable, FatKind};
    use crate::error::{Corrupt, Error, Result};

    const LAST: u32 = 0x0FFF_FFFF;

    /// Checks a FAT32 whose clusters 2, 3, … have these entries.
    fn check(entries: &[u32]) -> Result<u32> {
        let table = [0x0FFF_FFF8, LAST].iter().chain(entries);
        let bytes: Vec<u8> = table.flat_map(|entry| entry.to_le_bytes()).collect();
        let end = u32::try_from(entries.len()).unwrap() + 2;
        AllocationTable::from_bytes(FatKind::Fat32, &bytes, end).check()
    }

    #[test]
    fn counts_free_clusters() {
        assert_eq!(check(&[4, 0, 5, LAST, 0, 0x0FFF_FFF7, 0xF000_0000]), Ok(3));
    }

    #[test]
    fn rejects_entries_without_a_cluster() {
        let error = |value| Err(Error::Corrupt(Corrupt::FatEntry { cluster: 3, value }));
        assert_eq!(check(&[LAST, 1]), error(1));
        assert_eq!(check(&[LAST, 4]), error(4));
        assert_eq!(check(&[LAST, 0x0FFF_FFF6]), error(0x0FFF_FFF6));
    }

    #[test]
    fn rejects_chains_that_join() {
        let error = Corrupt::FatCrossLink { cluster: 4 };
        assert_eq!(check(&[4, 4, LAST]), Err(Error::Corrupt(error)));
    }

    #[test]
    fn rejects_chains_that_never_end() {
        let error = |cluster| Err(Error::Corrupt(Corrupt::FatCycle { cluster }));
        assert_eq!(check(&[LAST, 3]), error(3));
        assert_eq!(check(&[LAST, 5, 3, 4]), error(3));
    }

    #[test]
    fn reads_the_special_values_of_fat16() {
        let entries: [u16; 6] = [0xFFF8, 0xFFFF, 3, 0xFFFF, 0xFFF7, 0];
        let bytes = entries.map(u16::to_le_bytes).concat();
        let table = AllocationTable::from_bytes(FatKind::Fat16, &bytes, 6);
        assert_eq!(table.check(), Ok(1));
    }
}
