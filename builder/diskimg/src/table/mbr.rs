//! The master boot record: boot code, disk id at byte 440, four entries of 16 bytes at byte 446, signature at byte 510.
//!
//! Specified in the UEFI specification, "Legacy Master Boot Record". An extended partition is listed as one
//! partition; the logical partitions inside it are not listed.

use super::{Partition, PartitionKind};
use crate::disk_structure::DiskStructure;
use crate::error::{Corrupt, Refused, Result};
use crate::signatures::found_instead;
use crate::storage::Storage;
use crate::units::Sectors;

/// What an image starts with.
const TABLE: &str = "a partition table";
const DISK_ID_AT: usize = 440;
/// The byte offset of the disk id in the image.
const DISK_ID_OFFSET: u64 = 440;
const SIGNATURE: u16 = 0xAA55;
/// The type byte of the entry that refers to a GPT.
const PROTECTIVE: u8 = 0xEE;

/// The first sector of a disk with an MBR.
#[derive(Debug)]
pub(super) struct Mbr {
    sector: DiskStructure<512>,
    /// The used entries with their numbers.
    entries: Vec<(u32, MbrEntry)>,
}

/// The fields of an entry that are used. Addresses of cylinders and heads are ignored.
#[derive(Debug)]
struct MbrEntry {
    /// Bit 7 marks the partition to boot from; the other bits are zero.
    boot_indicator: u8,
    /// `OSType`; zero marks an unused entry.
    os_type: u8,
    starting_lba: Sectors,
    size_in_lba: Sectors,
}

impl MbrEntry {
    fn from_bytes(bytes: [u8; 16]) -> Self {
        let entry = DiskStructure(bytes);
        Self {
            boot_indicator: entry.u8::<0>(),
            os_type: entry.u8::<4>(),
            starting_lba: Sectors(entry.u32::<8>()),
            size_in_lba: Sectors(entry.u32::<12>()),
        }
    }

    fn partition(&self, number: u32) -> Result<Partition> {
        let (start, len) = (self.starting_lba.bytes(), self.size_in_lba.bytes());
        if len == 0 {
            return Err(Corrupt::PartitionEmpty { number, start }.into());
        }
        let kind = match self.os_type {
            0x01 | 0x04 | 0x06 | 0x0B | 0x0C | 0x0E | 0xEF => PartitionKind::Fat,
            0x83 => PartitionKind::Linux,
            _ => PartitionKind::Other,
        };
        Ok(Partition {
            number,
            start,
            len,
            kind,
        })
    }
}

impl Mbr {
    /// Reads the first sector and checks the signature and the boot indicators.
    pub(super) fn read(storage: &dyn Storage) -> Result<Self> {
        let size = storage.size();
        if size < Sectors::SIZE {
            return Err(found_instead(storage, TABLE, Corrupt::TooShort { size }));
        }
        let sector = DiskStructure::<512>::read(storage, 0)?;
        let found = sector.u16::<510>();
        if found != SIGNATURE {
            let damage = Corrupt::NoTable { found };
            return Err(found_instead(storage, TABLE, damage));
        }
        let entries = [
            sector.bytes::<446, 16>(),
            sector.bytes::<462, 16>(),
            sector.bytes::<478, 16>(),
            sector.bytes::<494, 16>(),
        ];
        for (number, bytes) in (1..).zip(entries) {
            if DiskStructure(bytes).u8::<4>() == 0 && bytes != [0; 16] {
                return Err(Corrupt::UnusedPartition { number }.into());
            }
        }
        let entries: Vec<_> = (1..)
            .zip(entries.map(MbrEntry::from_bytes))
            .filter(|(_, entry)| entry.os_type != 0)
            .collect();
        for &(number, MbrEntry { boot_indicator, .. }) in &entries {
            if boot_indicator & 0x7F != 0 {
                let found = boot_indicator;
                return Err(Corrupt::BootFlag { number, found }.into());
            }
        }
        Ok(Self { sector, entries })
    }

    /// Returns whether the partition table of the disk is a GPT.
    pub(super) fn is_protective(&self) -> bool {
        self.entries
            .iter()
            .any(|(_, entry)| entry.os_type == PROTECTIVE)
    }

    /// Returns the disk id ("disk signature").
    pub(super) fn disk_id(&self) -> u32 {
        self.sector.u32::<DISK_ID_AT>()
    }

    /// Returns the used entries in the order of their numbers.
    pub(super) fn partitions(&self) -> Result<Vec<Partition>> {
        let entries = self.entries.iter();
        entries
            .map(|(number, entry)| entry.partition(*number))
            .collect()
    }
}

/// Changes the disk id of the MBR at the start of `storage`. Boot code and entries are left unchanged.
///
/// Fails with [`Refused::NotMbr`] if the table is a GPT.
pub fn set_mbr_disk_id(storage: &dyn Storage, id: u32) -> Result<()> {
    if Mbr::read(storage)?.is_protective() {
        return Err(Refused::NotMbr.into());
    }
    storage.write_at(DISK_ID_OFFSET, &id.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::set_mbr_disk_id;
    use crate::error::{Corrupt, Error};
    use crate::storage::Memory;
    use crate::table::{Partition, PartitionKind, PartitionTable};

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

    #[test]
    fn lists_the_partitions_and_the_disk_id() {
        let partition = |number, start, len, kind| Partition {
            number,
            start,
            len,
            kind,
        };
        let expected = PartitionTable {
            disk_id: Some(0x1234_5678),
            partitions: vec![
                partition(1, MIB, 4 * MIB, PartitionKind::Fat),
                partition(2, 5 * MIB, 8 * MIB, PartitionKind::Linux),
            ],
        };
        assert_eq!(PartitionTable::read(&Memory::new(valid())), Ok(expected));
    }

    #[test]
    fn rejects_an_invalid_table() {
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
                    start: 5 * MIB,
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
                    start: 5 * MIB,
                    len: 11 * MIB + 512,
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
            let error = PartitionTable::read(&Memory::new(image));
            assert_eq!(error, Err(Error::Corrupt(expected)));
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
}
