//! Names formats that this crate does not read, so that a refusal says what an image or a partition holds instead.
//!
//! The signatures are those of `file(1)` and `blkid(8)`.

use crate::error::Foreign::{self, Other, Packed, VirtualDisk, Volume};
use crate::error::{Corrupt, Error, Result, Unsupported};
use crate::storage::Storage;

/// Signatures: offset in bytes, bytes, format. The first match counts.
const SIGNATURES: &[(u64, &[u8], Foreign)] = &[
    (0, b"LUKS\xba\xbe", Volume("an encrypted volume (LUKS)")),
    (0, b"-FVE-FS-", Volume("an encrypted volume (BitLocker)")),
    (0x0218, b"LVM2 001", Volume("an LVM physical volume")),
    (
        0x1000,
        b"\xfc\x4e\x2b\xa9",
        Volume("a member of a software RAID"),
    ),
    (0x1_0040, b"_BHRfS_M", Volume("a Btrfs file system")),
    (0x400, b"\x10\x20\xf5\xf2", Volume("an F2FS file system")),
    (0, b"XFSB", Volume("an XFS file system")),
    (0, b"hsqs", Volume("a SquashFS file system")),
    (0x400, b"\xe2\xe1\xf5\xe0", Volume("an EROFS file system")),
    (3, b"NTFS    ", Volume("an NTFS file system")),
    (3, b"EXFAT   ", Volume("an exFAT file system")),
    (0xff6, b"SWAPSPACE2", Volume("swap space")),
    (
        0x438,
        b"\x53\xef",
        Volume("an ext2, ext3 or ext4 file system"),
    ),
    (0x36, b"FAT1", Volume("a FAT file system")),
    (0x52, b"FAT32   ", Volume("a FAT file system")),
    (
        0x8001,
        b"CD001",
        Other("an ISO 9660 image, which boots PCs"),
    ),
    (0, b"QFI\xfb", VirtualDisk("qcow2")),
    (0, b"KDMV", VirtualDisk("VMDK")),
    (0, b"vhdxfile", VirtualDisk("VHDX")),
    (0, b"conectix", VirtualDisk("VHD")),
    (0x40, b"\x7f\x10\xda\xbe", VirtualDisk("VDI")),
    (0x101, b"ustar", Packed("a tar archive")),
    (0, b"7z\xbc\xaf\x27\x1c", Packed("a 7z archive")),
    (0, b"Rar!\x1a\x07", Packed("a RAR archive")),
    (0, b"PK\x03\x04", Packed("a zip archive")),
    (0, b"BZh", Packed("a bzip2 file")),
    (0, b"\x5d\x00\x00", Packed("an lzma file")),
    (0, b"\x04\x22\x4d\x18", Packed("an lz4 file")),
    (0, b"\x1f\x8b", Packed("a gzip file")),
    (0, b"\xfd7zXZ\x00", Packed("an xz file")),
    (0, b"\x28\xb5\x2f\xfd", Packed("a zstd file")),
    (0, b"<!DOCTYPE", Other("a web page")),
    (0, b"<!doctype", Other("a web page")),
    (0, b"<html", Other("a web page")),
];

/// Returns the format whose signature `storage` has.
fn recognize(storage: &dyn Storage) -> Result<Option<Foreign>> {
    for (offset, signature, format) in SIGNATURES {
        let mut found = vec![0; signature.len()];
        match storage.read_at(*offset, &mut found) {
            Ok(()) if found == *signature => return Ok(Some(*format)),
            Ok(()) | Err(Error::Storage(crate::StorageError::OutOfRange { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Returns the error for `storage`, which is not `wanted`: what it is instead, or else `damage`. A damaged file system
/// still has its own signature.
pub(crate) fn found_instead(storage: &dyn Storage, wanted: &'static str, damage: Corrupt) -> Error {
    match recognize(storage) {
        Ok(Some(found)) if found.to_string() != wanted => {
            Unsupported::Foreign { found, wanted }.into()
        }
        Ok(_) => damage.into(),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Memory;

    #[test]
    fn every_signature_is_recognized() {
        for (offset, signature, format) in SIGNATURES {
            let start = usize::try_from(*offset).unwrap();
            let mut bytes = vec![0; start];
            bytes.extend_from_slice(signature);
            let found = recognize(&Memory::new(bytes));
            assert_eq!(found, Ok(Some(*format)));
        }
        assert_eq!(recognize(&Memory::new(vec![0; 1 << 17])), Ok(None));
        assert_eq!(recognize(&Memory::new(Vec::new())), Ok(None));
    }
}
