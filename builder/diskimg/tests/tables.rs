//! Partition tables of other programs are read, and refused if they are damaged.

use std::sync::Arc;

use diskimg::table::set_mbr_disk_id;
use diskimg::{
    Corrupt, Error, Memory, Partition, PartitionKind, PartitionTable, Refused, Storage, Unsupported,
};

use crate::support::checkers;
use crate::support::images::{MIB, bytes, gpt, mbr, patched};

fn partition(number: u32, mib: u64, len: u64, kind: PartitionKind) -> Partition {
    Partition {
        number,
        start: mib * MIB,
        len: len * MIB,
        kind,
    }
}

/// Returns the first `mib` MiB of an image.
fn cut(image: &dyn Storage, mib: u64) -> Memory {
    let mut bytes = bytes(image);
    bytes.truncate(usize::try_from(mib * MIB).unwrap());
    Memory::new(bytes)
}

#[test]
fn an_mbr_of_sfdisk_is_read() {
    let expected = PartitionTable {
        disk_id: Some(0x1234_ABCD),
        partitions: vec![
            partition(1, 8, 16, PartitionKind::Fat),
            partition(2, 24, 20, PartitionKind::Linux),
        ],
    };
    assert_eq!(PartitionTable::read(mbr().as_ref()), Ok(expected));
}

#[test]
fn an_unused_entry_that_names_sectors_is_refused() {
    let damaged = patched(mbr().as_ref(), 446 + 2 * 16 + 12, &[1]);
    let expected = Corrupt::UnusedPartition { number: 3 };
    assert_eq!(
        PartitionTable::read(damaged.as_ref()),
        Err(Error::Corrupt(expected))
    );
}

#[test]
fn a_disk_id_changes_four_bytes() {
    let (image, before) = (mbr(), mbr());
    set_mbr_disk_id(image.as_ref(), 0x0BAD_CAFE).unwrap();
    let expected = patched(before.as_ref(), 440, &0x0BAD_CAFE_u32.to_le_bytes());
    assert!(bytes(image.as_ref()) == bytes(expected.as_ref()));
    checkers::table(image.as_ref());
    let refused = set_mbr_disk_id(gpt().as_ref(), 1);
    assert_eq!(refused, Err(Error::Refused(Refused::NotMbr)));
}

#[test]
fn a_gpt_of_sfdisk_is_read() {
    let expected = PartitionTable {
        disk_id: None,
        partitions: vec![
            partition(1, 20, 20, PartitionKind::Linux),
            partition(15, 1, 16, PartitionKind::Fat),
        ],
    };
    assert_eq!(PartitionTable::read(gpt().as_ref()), Ok(expected));
}

#[test]
fn a_partition_past_the_end_of_a_cut_image_is_an_error() {
    for (image, number, start) in [(mbr(), 2, 24 * MIB), (gpt(), 1, 20 * MIB)] {
        let (len, size) = (20 * MIB, 39 * MIB);
        let expected = Corrupt::PartitionPastEnd {
            number,
            start,
            len,
            size,
        };
        let found = PartitionTable::read(&cut(image.as_ref(), 39));
        assert_eq!(found, Err(Error::Corrupt(expected)));
    }
}

#[test]
fn a_damaged_gpt_is_an_error() {
    let image = gpt();
    let header = 512;
    let cases: [(u64, &[u8], Corrupt); 5] = [
        (header, b"X", Corrupt::GptSignature { offset: 512 }),
        (header + 12, &[91], Corrupt::GptChecksum { offset: 512 }),
        (header + 56, &[0x77], Corrupt::GptChecksum { offset: 512 }),
        (1024, &[0x77], Corrupt::GptChecksum { offset: 1024 }),
        (1024 + 32, &[0x77], Corrupt::GptChecksum { offset: 1024 }),
    ];
    for (offset, bytes, expected) in cases {
        let damaged = patched(image.as_ref(), offset, bytes);
        let found = PartitionTable::read(damaged.as_ref());
        assert_eq!(found, Err(Error::Corrupt(expected)));
    }
}

/// Returns a GPT whose header has other bytes at `at`, and correct checksums.
fn with_header(at: usize, field: &[u8]) -> Arc<dyn Storage> {
    let mut header = bytes(gpt().as_ref())[512..604].to_vec();
    header[at..at + field.len()].copy_from_slice(field);
    header[16..20].fill(0);
    let sum = crc32(&header).to_le_bytes();
    header[16..20].copy_from_slice(&sum);
    patched(gpt().as_ref(), 512, &header)
}

/// Returns a GPT whose first entry has other bytes at `at`, and correct checksums.
fn with_entry(at: usize, field: &[u8]) -> Arc<dyn Storage> {
    let mut entries = bytes(gpt().as_ref())[1024..1024 + 128 * 128].to_vec();
    entries[at..at + field.len()].copy_from_slice(field);
    let image = with_header(88, &crc32(&entries).to_le_bytes());
    patched(image.as_ref(), 1024, &entries)
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[test]
fn a_gpt_with_correct_checksums_and_impossible_fields_is_an_error() {
    let field = |field, value| Error::Corrupt(Corrupt::GptField { field, value });
    let (max, count) = ([0xFF; 8], [0xFF; 4]);
    let entries = |count, size| Error::Unsupported(Unsupported::GptEntries { count, size });
    let cases = [
        (with_header(24, &[2]), field("MyLBA", 2)),
        (with_header(40, &[1, 0]), field("FirstUsableLBA", 1)),
        (with_header(72, &max), field("PartitionEntryLBA", u64::MAX)),
        (with_header(80, &count), entries(u32::MAX, 128)),
        (with_header(84, &[0, 1]), entries(128, 256)),
    ];
    for (image, expected) in cases {
        assert_eq!(PartitionTable::read(image.as_ref()), Err(expected));
    }
}

#[test]
fn a_gpt_entry_without_a_valid_place_is_an_error() {
    let (number, first) = (1, 40960);
    let last = 40959_u64;
    let expected = Corrupt::GptEntry {
        number,
        first,
        last,
    };
    let found = PartitionTable::read(with_entry(40, &last.to_le_bytes()).as_ref());
    assert_eq!(found, Err(Error::Corrupt(expected)));
    let expected = Corrupt::PartitionOverTable {
        number,
        start: 33 * 512,
    };
    let found = PartitionTable::read(with_entry(32, &33_u64.to_le_bytes()).as_ref());
    assert_eq!(found, Err(Error::Corrupt(expected)));
}

#[test]
fn an_image_without_a_table_is_an_error() {
    let nothing = Memory::new(vec![0; 4096]);
    let expected = Corrupt::NoTable { found: 0 };
    let found = PartitionTable::read(&nothing);
    assert_eq!(found, Err(Error::Corrupt(expected)));
    let expected = Corrupt::TooShort { size: 100 };
    let found = PartitionTable::read(&Memory::new(vec![0; 100]));
    assert_eq!(found, Err(Error::Corrupt(expected)));
}
