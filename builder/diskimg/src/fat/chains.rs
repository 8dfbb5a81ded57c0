//! The allocation table: how many clusters are free, and that every chain ends.

use super::boot::FatKind;
use crate::bytes::{u16_at, u32_at};
use crate::error::{Corrupt, Result};

/// The entries of one FAT, numbered like the clusters: 0 and 1 are not clusters.
pub(super) struct Table {
    kind: FatKind,
    bytes: Vec<u8>,
    /// One more than the highest cluster.
    end: u32,
}

/// What an entry says about its cluster.
enum Entry {
    Free,
    Next(u32),
    Last,
    Bad,
}

impl Table {
    pub(super) fn new(kind: FatKind, bytes: Vec<u8>, clusters: u32) -> Self {
        let end = clusters.saturating_add(2);
        Self { kind, bytes, end }
    }

    /// The entry numbered `cluster`, without the four reserved bits of FAT32.
    pub(super) fn value(&self, cluster: u32) -> u32 {
        let index = usize::try_from(cluster).unwrap_or(usize::MAX);
        match self.kind {
            FatKind::Fat16 => u16_at(&self.bytes, index.saturating_mul(2)).into(),
            FatKind::Fat32 => u32_at(&self.bytes, index.saturating_mul(4)) & 0x0FFF_FFFF,
        }
    }

    fn entry(&self, cluster: u32) -> Result<Entry> {
        let value = self.value(cluster);
        // FAT16 has the same special values with fewer bits.
        let special = match (self.kind, value) {
            (FatKind::Fat16, 0xFFF7..) => value | 0x0FFF_0000,
            _ => value,
        };
        match special {
            0 => Ok(Entry::Free),
            0x0FFF_FFF7 => Ok(Entry::Bad),
            0x0FFF_FFF8.. => Ok(Entry::Last),
            next if next >= 2 && next < self.end => Ok(Entry::Next(next)),
            _ => Err(Corrupt::FatEntry { cluster, value }.into()),
        }
    }

    /// Free clusters; refused when a chain branches, joins another or never ends.
    pub(super) fn check(&self) -> Result<u32> {
        let mut free = 0_u32;
        let mut used = Marks::new(self.end);
        let mut continued = Marks::new(self.end);
        for cluster in 2..self.end {
            match self.entry(cluster)? {
                Entry::Free => free = free.saturating_add(1),
                Entry::Next(next) => {
                    used.set(cluster);
                    if continued.set(next) {
                        return Err(Corrupt::FatCrossLink { cluster: next }.into());
                    }
                }
                Entry::Last | Entry::Bad => {
                    used.set(cluster);
                }
            }
        }
        self.check_ends(&used, &continued)?;
        Ok(free)
    }

    /// No cluster is the continuation of two, so what cannot be reached from a first cluster is a circle.
    fn check_ends(&self, used: &Marks, continued: &Marks) -> Result<()> {
        let mut reached = Marks::new(self.end);
        for first in (2..self.end).filter(|first| used.get(*first) && !continued.get(*first)) {
            reached.set(first);
            let mut cluster = first;
            while let Entry::Next(next) = self.entry(cluster)? {
                reached.set(next);
                cluster = next;
            }
        }
        match (2..self.end).find(|cluster| used.get(*cluster) && !reached.get(*cluster)) {
            Some(cluster) => Err(Corrupt::FatCycle { cluster }.into()),
            None => Ok(()),
        }
    }
}

/// One bit per cluster.
struct Marks(Vec<u64>);

impl Marks {
    fn new(end: u32) -> Self {
        let words = usize::try_from(end.div_ceil(64)).unwrap_or(0);
        Self(vec![0; words])
    }

    fn place(cluster: u32) -> (usize, u64) {
        let word = usize::try_from(cluster >> 6).unwrap_or(usize::MAX);
        (word, 1 << (cluster & 63))
    }

    fn get(&self, cluster: u32) -> bool {
        let (word, bit) = Self::place(cluster);
        self.0.get(word).is_some_and(|found| found & bit != 0)
    }

    /// Sets the mark; true when it was set already.
    fn set(&mut self, cluster: u32) -> bool {
        let (word, bit) = Self::place(cluster);
        let Some(found) = self.0.get_mut(word) else {
            return false;
        };
        let before = *found & bit != 0;
        *found |= bit;
        before
    }
}

#[cfg(test)]
mod tests {
    use super::{FatKind, Table};
    use crate::error::{Corrupt, Error, Result};

    const LAST: u32 = 0x0FFF_FFFF;

    /// Checks a FAT32 whose clusters 2, 3, … have these entries.
    fn check(entries: &[u32]) -> Result<u32> {
        let table = [0x0FFF_FFF8, LAST].iter().chain(entries);
        let bytes = table.flat_map(|entry| entry.to_le_bytes()).collect();
        Table::new(FatKind::Fat32, bytes, u32::try_from(entries.len()).unwrap()).check()
    }

    #[test]
    fn counts_free_clusters() {
        assert_eq!(check(&[4, 0, 5, LAST, 0, 0x0FFF_FFF7, 0xF000_0000]), Ok(3));
    }

    #[test]
    fn refuses_entries_that_name_no_cluster() {
        let error = |value| Err(Error::Corrupt(Corrupt::FatEntry { cluster: 3, value }));
        assert_eq!(check(&[LAST, 1]), error(1));
        assert_eq!(check(&[LAST, 4]), error(4));
        assert_eq!(check(&[LAST, 0x0FFF_FFF6]), error(0x0FFF_FFF6));
    }

    #[test]
    fn refuses_chains_that_join() {
        let error = Corrupt::FatCrossLink { cluster: 4 };
        assert_eq!(check(&[4, 4, LAST]), Err(Error::Corrupt(error)));
    }

    #[test]
    fn refuses_chains_that_never_end() {
        let error = |cluster| Err(Error::Corrupt(Corrupt::FatCycle { cluster }));
        assert_eq!(check(&[LAST, 3]), error(3));
        assert_eq!(check(&[LAST, 5, 3, 4]), error(3));
    }

    #[test]
    fn knows_the_special_values_of_fat16() {
        let entries: [u16; 6] = [0xFFF8, 0xFFFF, 3, 0xFFFF, 0xFFF7, 0];
        let bytes = entries.iter().flat_map(|entry| entry.to_le_bytes());
        let table = Table::new(FatKind::Fat16, bytes.collect(), 4);
        assert_eq!(table.check(), Ok(1));
    }
}
