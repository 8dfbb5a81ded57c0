//! The partition table, identical to pi-gen's in every sector number.
//!
//! ```text
//! LBA 0        16384 (8 MiB)             1064960 (520 MiB)            end, a multiple of 8 MiB
//! | MBR | gap  | bootfs, FAT32, 512 MiB  | rootfs, ext4               |
//! ```

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use anyhow::{Context as _, ensure};

const SECTOR: u64 = 512;
const BOOT_START: u32 = 16_384;
const BOOT_SECTORS: u32 = 1_048_576;
const ROOT_START: u32 = BOOT_START + BOOT_SECTORS;
const FAT32_LBA: u8 = 0x0c;
const LINUX: u8 = 0x83;
const DISK_ID: usize = 440;
const ENTRIES: usize = 446;
/// The cylinder, head and sector of addresses beyond their range.
const FAR: [u8; 3] = [0xfe, 0xff, 0xff];

/// Writes the table into the first sector of the image, whose size determines that of the second partition.
#[expect(
    clippy::disallowed_methods,
    reason = "creates the image in a work directory of the cache"
)]
pub(super) fn write(image: &Path, disk_id: [u8; 4]) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .open(image)
        .context("opening it")?;
    let size = file.seek(SeekFrom::End(0)).context("asking its size")?;
    let table = sector(
        disk_id,
        u32::try_from(size / SECTOR).context("fitting it into an MBR")?,
    )?;
    file.rewind().context("going to its start")?;
    file.write_all(&table).context("writing sector 0")?;
    file.sync_all().context("syncing it")
}

/// The place of the time of creation in the superblock of the root file system, which is the date of the newest package.
const MADE_AT: u64 = ROOT_START as u64 * SECTOR + 1024 + 0x108;

/// Returns the date of the newest package of an image in seconds since 1970, or `None` if the image is too short for one.
pub(in crate::fetch) fn made_at(image: &File) -> std::io::Result<Option<i64>> {
    let mut image = image;
    let mut bytes = [0; 4];
    image.seek(SeekFrom::Start(MADE_AT))?;
    Ok(match image.read_exact(&mut bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => None,
        read => read.map(|()| Some(i64::from(u32::from_le_bytes(bytes))))?,
    })
}

fn sector(disk_id: [u8; 4], sectors: u32) -> anyhow::Result<[u8; 512]> {
    ensure!(
        sectors > ROOT_START,
        "{sectors} sectors leave no space for the root partition at {ROOT_START}"
    );
    let mut table = [0; 512];
    table[DISK_ID..][..4].copy_from_slice(&disk_id);
    table[ENTRIES..][..16].copy_from_slice(&partition_entry(FAT32_LBA, BOOT_START, BOOT_SECTORS));
    table[ENTRIES + 16..][..16].copy_from_slice(&partition_entry(
        LINUX,
        ROOT_START,
        sectors - ROOT_START,
    ));
    table[510..].copy_from_slice(&[0x55, 0xaa]);
    Ok(table)
}

fn partition_entry(kind: u8, start: u32, sectors: u32) -> [u8; 16] {
    let mut entry = [0; 16];
    entry[1..4].copy_from_slice(&FAR);
    entry[4] = kind;
    entry[5..8].copy_from_slice(&FAR);
    entry[8..12].copy_from_slice(&start.to_le_bytes());
    entry[12..].copy_from_slice(&sectors.to_le_bytes());
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of Raspberry Pi OS Lite of 2026-06-18, whose table is known.
    const SECTORS: u32 = 5_816_320;

    #[test]
    fn partitions_lie_where_pi_gen_puts_them() {
        let table = sector([1, 2, 3, 4], SECTORS).unwrap();
        assert_eq!(table[440..446], [1, 2, 3, 4, 0, 0]);
        assert_eq!(
            table[446..462],
            [
                0, 0xfe, 0xff, 0xff, 0x0c, 0xfe, 0xff, 0xff, 0, 0x40, 0, 0, 0, 0, 0x10, 0
            ]
        );
        assert_eq!(table[466], LINUX);
        assert_eq!(table[470..474], 1_064_960_u32.to_le_bytes());
        assert_eq!(table[474..478], 4_751_360_u32.to_le_bytes());
        assert_eq!(table[510..], [0x55, 0xaa]);
    }

    #[test]
    fn refuses_an_image_without_room_for_a_root() {
        assert!(sector([0; 4], ROOT_START).is_err());
    }
}
