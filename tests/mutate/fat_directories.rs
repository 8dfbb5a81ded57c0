//! Finds the sectors of a FAT32 volume's directories, which no tool lists.

/// The size of a sector and of a cluster of the fixtures' FAT.
const SECTOR: usize = 512;
/// The size of a directory entry.
const ENTRY: usize = 32;
/// The attribute of a directory.
const DIRECTORY: u8 = 0x10;
/// The first cluster number that ends a chain.
const END: u32 = 0x0FFF_FFF8;

/// A FAT32 volume with one sector per cluster.
pub(super) struct Volume<'a> {
    bytes: &'a [u8],
    /// The offset of the first allocation table.
    pub(super) table: usize,
    /// The offset of cluster 2.
    pub(super) data: usize,
}

impl<'a> Volume<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        assert_eq!(bytes[13], 1, "one sector per cluster");
        let table = usize::from(u16::from_le_bytes([bytes[14], bytes[15]])) * SECTOR;
        let tables = usize::from(bytes[16]);
        let sectors = usize::try_from(number(bytes, 36)).unwrap();
        Self {
            bytes,
            table,
            data: table + tables * sectors * SECTOR,
        }
    }

    /// Returns the offsets of all sectors of all directories.
    pub(super) fn directories(&self) -> Vec<usize> {
        let mut found = Vec::new();
        let mut ahead = vec![number(self.bytes, 44)];
        while let Some(first) = ahead.pop() {
            for sector in self.chain(first) {
                let content = &self.bytes[sector..sector + SECTOR];
                ahead.extend(content.chunks(ENTRY).filter_map(subdirectory));
                found.push(sector);
            }
        }
        found
    }

    fn chain(&self, first: u32) -> Vec<usize> {
        let index = |cluster: u32| usize::try_from(cluster).unwrap();
        let next = |cluster: &u32| {
            let next = number(self.bytes, self.table + 4 * index(*cluster));
            (next < END).then_some(next)
        };
        let clusters = std::iter::successors(Some(first), next);
        let offset = |cluster| self.data + (index(cluster) - 2) * SECTOR;
        clusters.map(offset).collect()
    }
}

/// Returns the first cluster of a subdirectory, if the entry is one.
fn subdirectory(entry: &[u8]) -> Option<u32> {
    let is_directory = entry[11] == DIRECTORY && entry[0] != b'.' && entry[0] != 0xE5;
    let [low, high] = [26, 20].map(|at| u32::from(u16::from_le_bytes([entry[at], entry[at + 1]])));
    is_directory.then_some(high << 16 | low)
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}
