//! Lists the metadata of a base, structure by structure, with the help of e2fsprogs.

use std::fs;
use std::path::Path;

use tempfile::NamedTempFile;

use super::fat_directories::Volume;
use crate::support::checker::Disk;
use crate::support::tool::tool;

/// The size of a sector.
pub(super) const SECTOR: u64 = 512;
/// The size of a block of the fixtures' ext4.
const BLOCK: u64 = 4096;

/// The sectors of one kind of structure that are not empty.
#[derive(Debug)]
pub(super) struct Structure {
    pub(super) name: &'static str,
    /// The offsets in the image, ascending.
    pub(super) sectors: Vec<u64>,
}

/// Returns every structure of a base's partition table and file systems.
pub(super) fn structures(base: &Path) -> Vec<Structure> {
    let disk = Disk::open(base);
    let [boot, root] = [0, 1].map(|index| disk.partitions[index].start);
    let mut found = vec![Structure {
        name: "partition table",
        sectors: vec![0],
    }];
    let volume = fs::read(disk.boot().path()).unwrap();
    found.extend(fat(&volume, boot));
    found.extend(ext4(disk.root().path(), root));
    for structure in &found {
        assert!(!structure.sectors.is_empty(), "{structure:?}");
    }
    found
}

fn fat(bytes: &[u8], start: u64) -> [Structure; 3] {
    let volume = Volume::new(bytes);
    let used = used(bytes);
    let within = |from: usize, to: usize| {
        let range = from as u64..to as u64;
        let inside = used.iter().filter(|offset| range.contains(offset));
        inside.map(|offset| start + offset).collect()
    };
    let directories = volume.directories().into_iter();
    [
        Structure {
            name: "FAT boot sectors",
            sectors: within(0, volume.table),
        },
        Structure {
            name: "FAT allocation tables",
            sectors: within(volume.table, volume.data),
        },
        Structure {
            name: "FAT directories",
            sectors: directories.map(|offset| start + offset as u64).collect(),
        },
    ]
}

fn ext4(partition: &Path, start: u64) -> Vec<Structure> {
    let metadata = NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let arguments = [
        "-r".as_ref(),
        partition.as_os_str(),
        metadata.path().as_os_str(),
    ];
    tool("e2image", &arguments).done();
    let used = used(&fs::read(metadata.path()).unwrap());
    let layout = tool("dumpe2fs", &[partition]).done().text();
    let mut structures: Vec<Structure> = KINDS
        .map(|(name, _)| Structure {
            name,
            sectors: Vec::new(),
        })
        .into();
    for offset in used {
        let kind = kind(&layout, offset / BLOCK);
        structures[kind].sectors.push(start + offset);
    }
    structures
}

/// The structures of ext4 and the label of their blocks in the output of dumpe2fs. The last one is everything else:
/// directories, extents, attributes and the journal.
const KINDS: [(&str, &str); 6] = [
    ("ext4 superblocks", "uperblock at "),
    ("ext4 group descriptors", "Group descriptors at "),
    ("ext4 block bitmaps", "Block bitmap at "),
    ("ext4 inode bitmaps", "Inode bitmap at "),
    ("ext4 inode tables", "Inode table at "),
    ("ext4 directories and extents", "\0"),
];

/// Returns the index of the structure that a block belongs to.
fn kind(layout: &str, block: u64) -> usize {
    let belongs = |label: &str| {
        let places = layout.split(label).skip(1).filter_map(range);
        places
            .into_iter()
            .any(|(first, last)| (first..=last).contains(&block))
    };
    let found = KINDS.iter().position(|(_, label)| belongs(label));
    found.unwrap_or(KINDS.len() - 1)
}

/// Returns the numbers of `7` or `7-9` at the start of a text.
fn range(text: &str) -> Option<(u64, u64)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '-')?;
    let (first, last) = text[..end]
        .split_once('-')
        .unwrap_or((&text[..end], &text[..end]));
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// Returns the offsets of the sectors that are not empty.
fn used(bytes: &[u8]) -> Vec<u64> {
    let sectors = (0..).step_by(512).zip(bytes.chunks(512));
    let filled = sectors.filter(|(_, sector)| sector.iter().any(|byte| *byte != 0));
    filled.map(|(offset, _)| offset).collect()
}
