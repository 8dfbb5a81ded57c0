//! Partition tables of foreign programs are understood, and ours by them.

use std::sync::Arc;

use diskimg::table::{Code, Guid, Table, set_mbr_disk_id};
use diskimg::{Corrupt, Error, Memory, Partition, PartitionKind, Refused, Storage};

use crate::support::images::{MIB, bytes, gpt, mbr, patched};
use crate::support::judges;

fn partition(
    number: u32,
    mib: u64,
    len: u64,
    kind: PartitionKind,
    name: Option<&str>,
) -> Partition {
    Partition {
        number,
        start: mib * MIB,
        len: len * MIB,
        kind,
        name: name.map(str::to_owned),
    }
}

/// The same image with `mib` MiB.
fn resized(image: &dyn Storage, mib: u64) -> Arc<dyn Storage> {
    let mut bytes = bytes(image);
    bytes.resize(usize::try_from(mib * MIB).unwrap(), 0);
    Arc::new(Memory::new(bytes))
}

#[test]
fn an_mbr_of_sfdisk_is_understood() {
    let table = Table::read(mbr().as_ref()).unwrap();
    assert_eq!(table.disk_id(), Some(0x1234_ABCD));
    let expected = [
        partition(1, 8, 16, PartitionKind::Fat, None),
        partition(2, 24, 20, PartitionKind::Linux, None),
    ];
    assert_eq!(table.partitions(), expected);
}

#[test]
fn a_grown_mbr_with_a_data_partition_is_accepted() {
    let image = mbr();
    let before = bytes(image.as_ref());
    let Table::Mbr(mut table) = Table::read(image.as_ref()).unwrap() else {
        panic!("not an MBR");
    };
    table.resize(2, 30 * MIB).unwrap();
    let data = partition(3, 54, 10, PartitionKind::Linux, None);
    table.add(&data).unwrap();
    table.set_disk_id(0xFEED_0001);
    table.write(image.as_ref()).unwrap();
    judges::table(image.as_ref());
    let after = bytes(image.as_ref());
    assert!(after[..440] == before[..440] && after[510..] == before[510..]);

    let read = mbrman::MBR::read_from(&mut std::io::Cursor::new(after), 512);
    let read = read.unwrap();
    assert_eq!(read.header.disk_signature, 0xFEED_0001_u32.to_le_bytes());
    let places: Vec<_> = read
        .iter()
        .map(|(number, entry)| (number, entry.starting_lba, entry.sectors, entry.sys))
        .collect();
    assert_eq!(
        places,
        [
            (1, 16384, 32768, 0x0C),
            (2, 49152, 61440, 0x83),
            (3, 110_592, 20480, 0x83),
            (4, 0, 0, 0),
        ]
    );
}

#[test]
fn a_disk_id_changes_four_bytes() {
    let (image, before) = (mbr(), mbr());
    set_mbr_disk_id(image.as_ref(), 0x0BAD_CAFE).unwrap();
    let expected = patched(before.as_ref(), 440, &0x0BAD_CAFE_u32.to_le_bytes());
    assert!(bytes(image.as_ref()) == bytes(expected.as_ref()));
    judges::table(image.as_ref());
    let refused = set_mbr_disk_id(gpt().as_ref(), 1);
    assert_eq!(refused, Err(Error::Refused(Refused::NotMbr)));
}

#[test]
fn a_gpt_of_sfdisk_is_understood() {
    let Table::Gpt(table) = Table::read(gpt().as_ref()).unwrap() else {
        panic!("not a GPT");
    };
    let expected = [
        partition(1, 20, 20, PartitionKind::Linux, Some("root")),
        partition(15, 1, 16, PartitionKind::Fat, Some("EFI")),
    ];
    assert_eq!(table.partitions(), expected);
    let own = Guid::of(0xAAAA_AAAA_0000_0000_0000_0000_0000_0015);
    assert_eq!(table.partition_guid(15), Ok(own));
    let none = Refused::NoPartition { number: 2 };
    assert_eq!(table.partition_guid(2), Err(Error::Refused(none)));
}

#[test]
fn a_gpt_grows_with_its_image_and_keeps_its_numbers() {
    let image = resized(gpt().as_ref(), 80);
    let Table::Gpt(mut table) = Table::read(image.as_ref()).unwrap() else {
        panic!("not a GPT");
    };
    table.resize(1, 50 * MIB).unwrap();
    let kind = PartitionKind::Other(Code::Gpt(Guid::of(
        0x4D21_B016_B534_45C2_A9FB_5C16_E091_FD2D,
    )));
    let data = partition(2, 70, 9, kind, Some("etcd-data"));
    table.add(&data, Guid::of(2)).unwrap();
    table.write(image.as_ref()).unwrap();
    judges::table(image.as_ref());
    assert_eq!(
        Table::read(image.as_ref()).unwrap().partitions(),
        [
            partition(1, 20, 50, PartitionKind::Linux, Some("root")),
            data,
            partition(15, 1, 16, PartitionKind::Fat, Some("EFI")),
        ]
    );

    let config = gpt::GptConfig::new().only_valid_headers(true);
    let disk = config
        .open_from_device(std::io::Cursor::new(bytes(image.as_ref())))
        .unwrap();
    let found: Vec<_> = disk
        .partitions()
        .iter()
        .map(|(number, entry)| {
            (
                *number,
                entry.first_lba,
                entry.last_lba,
                entry.name.as_str(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (1, 40960, 143_359, "root"),
            (2, 143_360, 161_791, "etcd-data"),
            (15, 2048, 34815, "EFI"),
        ]
    );
}

#[test]
fn writing_an_unchanged_table_changes_nothing() {
    for image in [mbr(), gpt()] {
        let before = bytes(image.as_ref());
        let table = Table::read(image.as_ref()).unwrap();
        table.write(image.as_ref()).unwrap();
        assert!(bytes(image.as_ref()) == before);
    }
}

#[test]
fn a_partition_past_a_cut_image_is_an_error() {
    let end = 44 * MIB;
    for (image, number, end) in [(mbr(), 2, end), (gpt(), 1, 40 * MIB)] {
        let cut = resized(image.as_ref(), 39);
        let expected = Corrupt::PartitionPastEnd {
            number,
            end,
            size: 39 * MIB,
        };
        assert_eq!(Table::read(cut.as_ref()), Err(Error::Corrupt(expected)));
    }
}

#[test]
fn a_spoiled_gpt_is_refused() {
    let image = gpt();
    let read = |offset, bytes: &[u8]| Table::read(patched(image.as_ref(), offset, bytes).as_ref());
    assert_eq!(
        read(512, b"X"),
        Err(Error::Corrupt(Corrupt::GptSignature { offset: 512 }))
    );
    let field = Corrupt::GptField {
        field: "HeaderSize",
        value: 91,
    };
    assert_eq!(read(512 + 12, &[91]), Err(Error::Corrupt(field)));
    for offset in [512 + 56, 1024, 1024 + 32] {
        let found = read(offset, &[0x77]);
        assert!(
            matches!(found, Err(Error::Corrupt(Corrupt::GptChecksum { .. }))),
            "{found:?}"
        );
    }
}

#[test]
fn what_is_no_disk_image_has_no_table() {
    let nothing = Memory::new(vec![0; 4096]);
    let expected = Corrupt::NoTable { found: 0 };
    assert_eq!(Table::read(&nothing), Err(Error::Corrupt(expected)));
}
