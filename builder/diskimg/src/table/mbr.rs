//! The MBR: boot code, disk id at byte 440, four entries of 16 bytes at byte 446, the signature at byte 510.
//!
//! It has no owner's specification; the layout is in the UEFI specification, "Legacy Master Boot Record". Extended
//! partitions are listed by their own entry, the logical ones inside are not.

use super::{Code, Partition, PartitionKind, SECTOR, check_places, sectors};
use crate::bytes::{array_at, len_u64, put, u8_at, u16_at, u32_at};
use crate::error::{Corrupt, Refused, Result};
use crate::storage::Storage;

const DISK_ID_AT: usize = 440;
const ENTRIES_AT: usize = 446;
const ENTRY_SIZE: usize = 16;
const SIGNATURE_AT: usize = 510;
const SIGNATURE: u16 = 0xAA55;
/// The type byte of the entry that says "look at the GPT".
const PROTECTIVE: u8 = 0xEE;
/// Cylinder, head and sector of what those fields cannot say; everything has used LBA for thirty years.
const NO_CHS: [u8; 3] = [0xFE, 0xFF, 0xFF];

/// Four partition entries and the disk id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mbr {
    disk_id: u32,
    entries: [Entry; 4],
}

/// One entry: its raw bytes, so that what is not changed stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry([u8; ENTRY_SIZE]);

impl Entry {
    fn kind(&self) -> u8 {
        u8_at(&self.0, 4)
    }

    fn is_used(&self) -> bool {
        self.kind() != 0
    }

    fn start(&self) -> u64 {
        u64::from(u32_at(&self.0, 8)).saturating_mul(SECTOR)
    }

    fn len(&self) -> u64 {
        u64::from(u32_at(&self.0, 12)).saturating_mul(SECTOR)
    }
}

impl Mbr {
    /// Reads the first sector; places are checked by [`Table::read`](super::Table::read).
    pub(super) fn parse(storage: &dyn Storage) -> Result<Self> {
        let mut sector = [0; 512];
        storage.read_at(0, &mut sector)?;
        Self::from_bytes(&sector)
    }

    fn from_bytes(sector: &[u8; 512]) -> Result<Self> {
        let found = u16_at(sector, SIGNATURE_AT);
        if found != SIGNATURE {
            return Err(Corrupt::NoTable { found }.into());
        }
        let entry = |index: usize| {
            let at = index.saturating_mul(ENTRY_SIZE).saturating_add(ENTRIES_AT);
            Entry(array_at(sector, at))
        };
        let mbr = Self {
            disk_id: u32_at(sector, DISK_ID_AT),
            entries: [entry(0), entry(1), entry(2), entry(3)],
        };
        for (number, entry) in mbr.used() {
            let found = u8_at(&entry.0, 0);
            if found & 0x7F != 0 {
                return Err(Corrupt::BootFlag { number, found }.into());
            }
        }
        Ok(mbr)
    }

    fn used(&self) -> impl Iterator<Item = (u32, &Entry)> {
        (1..)
            .zip(&self.entries)
            .filter(|(_, entry)| entry.is_used())
    }

    /// Whether an entry says that the table is a GPT.
    pub(super) fn is_protective(&self) -> bool {
        self.used().any(|(_, entry)| entry.kind() == PROTECTIVE)
    }

    /// The disk id ("disk signature"), from which Linux makes `PARTUUID`s.
    pub fn disk_id(&self) -> u32 {
        self.disk_id
    }

    /// Changes the disk id; the image changes with `write`.
    pub fn set_disk_id(&mut self, id: u32) {
        self.disk_id = id;
    }

    /// The used entries in the order of their numbers.
    pub fn partitions(&self) -> Vec<Partition> {
        self.used()
            .map(|(number, entry)| Partition {
                number,
                start: entry.start(),
                len: entry.len(),
                kind: kind(entry.kind()),
                name: None,
            })
            .collect()
    }

    /// Changes the length of partition `number` to `len` bytes, a multiple of 512.
    pub fn resize(&mut self, number: u32, len: u64) -> Result<()> {
        let entry = self.entry(number)?;
        if !entry.is_used() {
            return Err(Refused::NoPartition { number }.into());
        }
        let place = place(number, entry.start(), len)?;
        put(&mut entry.0, 5, &NO_CHS);
        put(&mut entry.0, 8, &place);
        Ok(())
    }

    /// Fills the free entry with the partition's number. Start and length are multiples of 512; the name is ignored.
    pub fn add(&mut self, partition: &Partition) -> Result<()> {
        let (number, start, len) = (partition.number, partition.start, partition.len);
        let code = match partition.kind {
            PartitionKind::Fat => 0x0C,
            PartitionKind::Linux => 0x83,
            PartitionKind::Other(Code::Mbr(code)) if code != 0 && code != PROTECTIVE => code,
            PartitionKind::Other(_) => {
                return Err(Refused::PartitionPlace { number, start, len }.into());
            }
        };
        let entry = self.entry(number)?;
        if entry.is_used() {
            return Err(Refused::PartitionNumber { number }.into());
        }
        let place = place(number, start, len)?;
        put(&mut entry.0, 1, &NO_CHS);
        put(&mut entry.0, 4, &[code]);
        put(&mut entry.0, 5, &NO_CHS);
        put(&mut entry.0, 8, &place);
        Ok(())
    }

    fn entry(&mut self, number: u32) -> Result<&mut Entry> {
        let index = usize::try_from(number).unwrap_or(0).checked_sub(1);
        index
            .and_then(|index| self.entries.get_mut(index))
            .ok_or_else(|| Refused::PartitionNumber { number }.into())
    }

    /// Checks the places against the size of the image, then writes the disk id and the four entries; boot code and
    /// signature stay.
    pub fn write(&self, storage: &dyn Storage) -> Result<()> {
        check_places(&self.partitions(), SECTOR, storage.size())?;
        let entries = self.entries.map(|entry| entry.0).concat();
        debug_assert_eq!(len_u64(&entries), 64);
        set_mbr_disk_id(storage, self.disk_id)?;
        storage.write_at(446, &entries)
    }
}

/// Start and length as the last eight bytes of an entry.
fn place(number: u32, start: u64, len: u64) -> Result<[u8; 8]> {
    let (first, count) = sectors(number, start, len)?;
    match (u32::try_from(first), u32::try_from(count)) {
        (Ok(first), Ok(count)) => {
            let mut bytes = [0; 8];
            put(&mut bytes, 0, &first.to_le_bytes());
            put(&mut bytes, 4, &count.to_le_bytes());
            Ok(bytes)
        }
        _ => Err(Refused::PartitionPlace { number, start, len }.into()),
    }
}

fn kind(code: u8) -> PartitionKind {
    match code {
        0x01 | 0x04 | 0x06 | 0x0B | 0x0C | 0x0E | 0xEF => PartitionKind::Fat,
        0x83 => PartitionKind::Linux,
        _ => PartitionKind::Other(Code::Mbr(code)),
    }
}

/// Changes the 32-bit disk id of the MBR at the start of `storage`; boot code and entries are unchanged.
pub fn set_mbr_disk_id(storage: &dyn Storage, id: u32) -> Result<()> {
    if Mbr::parse(storage)?.is_protective() {
        return Err(Refused::NotMbr.into());
    }
    storage.write_at(440, &id.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::{Mbr, set_mbr_disk_id};
    use crate::error::{Corrupt, Error, Refused};
    use crate::storage::{Memory, Storage};
    use crate::table::{Partition, PartitionKind, Table};

    const MIB: u64 = 1 << 20;

    /// A 16 MiB image with boot code, FAT at 1 MiB (4 MiB) and Linux at 5 MiB (8 MiB), as `sfdisk` writes it.
    fn valid() -> Vec<u8> {
        let mut image = vec![0; 16 << 20];
        image[..440].fill(0x90);
        image[440..444].copy_from_slice(&0x1234_5678_u32.to_le_bytes());
        image[446..462].copy_from_slice(&[
            0x80, 0, 0x21, 2, 0x0C, 0x82, 0x29, 0, 0, 8, 0, 0, 0, 0x20, 0, 0,
        ]);
        image[462..478].copy_from_slice(&[
            0, 0x82, 0x2A, 0, 0x83, 4, 0x14, 2, 0, 0x28, 0, 0, 0, 0x40, 0, 0,
        ]);
        image[510..512].copy_from_slice(&[0x55, 0xAA]);
        image
    }

    fn partition(number: u32, start: u64, len: u64, kind: PartitionKind) -> Partition {
        let name = None;
        Partition {
            number,
            start,
            len,
            kind,
            name,
        }
    }

    fn mbr(storage: &dyn Storage) -> Mbr {
        let Table::Mbr(mbr) = Table::read(storage).unwrap() else {
            unreachable!()
        };
        mbr
    }

    #[test]
    fn lists_the_partitions_and_the_disk_id() {
        let table = mbr(&Memory::new(valid()));
        assert_eq!(table.disk_id(), 0x1234_5678);
        assert_eq!(
            table.partitions(),
            [
                partition(1, MIB, 4 * MIB, PartitionKind::Fat),
                partition(2, 5 * MIB, 8 * MIB, PartitionKind::Linux),
            ]
        );
    }

    #[test]
    fn refuses_a_spoiled_table() {
        let cases: [(usize, &[u8], Corrupt); 6] = [
            (510, &[0, 0], Corrupt::NoTable { found: 0 }),
            (
                462,
                &[1],
                Corrupt::BootFlag {
                    number: 2,
                    found: 1,
                },
            ),
            (
                474,
                &[0, 0, 0, 0],
                Corrupt::PartitionEmpty {
                    number: 2,
                    first: 0x2800,
                },
            ),
            (
                454,
                &[0, 0],
                Corrupt::PartitionOverTable {
                    number: 1,
                    start: 0,
                },
            ),
            (
                474,
                &[1, 0x58],
                Corrupt::PartitionPastEnd {
                    number: 2,
                    end: 16 * MIB + 512,
                    size: 16 * MIB,
                },
            ),
            (
                458,
                &[1, 0x20],
                Corrupt::PartitionOverlap {
                    first: 1,
                    second: 2,
                    offset: 5 * MIB,
                },
            ),
        ];
        for (at, bytes, expected) in cases {
            let mut image = valid();
            image[at..at + bytes.len()].copy_from_slice(bytes);
            let error = Table::read(&Memory::new(image)).unwrap_err();
            assert_eq!(error, Error::Corrupt(expected));
        }
    }

    #[test]
    fn changes_the_disk_id_and_nothing_else() {
        let memory = Memory::new(valid());
        set_mbr_disk_id(&memory, 0xCAFE_F00D).unwrap();
        let mut expected = valid();
        expected[440..444].copy_from_slice(&[0x0D, 0xF0, 0xFE, 0xCA]);
        assert!(memory.into_bytes() == expected);
    }

    #[test]
    fn refuses_changes_that_cannot_be() {
        let memory = Memory::new(valid());
        let mut table = mbr(&memory);
        let cases = [
            (table.resize(3, MIB), Refused::NoPartition { number: 3 }),
            (table.resize(5, MIB), Refused::PartitionNumber { number: 5 }),
            (table.resize(0, MIB), Refused::PartitionNumber { number: 0 }),
            (
                table.resize(1, 513),
                Refused::PartitionPlace {
                    number: 1,
                    start: MIB,
                    len: 513,
                },
            ),
            (
                table.add(&partition(2, 0, MIB, PartitionKind::Fat)),
                Refused::PartitionNumber { number: 2 },
            ),
            (
                table.add(&partition(3, 3 << 41, MIB, PartitionKind::Linux)),
                Refused::PartitionPlace {
                    number: 3,
                    start: 3 << 41,
                    len: MIB,
                },
            ),
        ];
        for (result, expected) in cases {
            assert_eq!(result, Err(Error::Refused(expected)));
        }
        table.resize(1, 5 * MIB).unwrap();
        let overlap = Corrupt::PartitionOverlap {
            first: 1,
            second: 2,
            offset: 5 * MIB,
        };
        assert_eq!(table.write(&memory), Err(Error::Corrupt(overlap)));
        assert!(memory.into_bytes() == valid());
    }
}
