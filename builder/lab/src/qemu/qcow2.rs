//! An empty disk in QEMU's format qcow2 that reads from an image and stores all writes itself.
//!
//! Format: <https://www.qemu.org/docs/master/interop/qcow2.html>. The file has a header, a table of reference counts for its
//! own clusters, and a first-level table without entries: every cluster is still read from the image. Numbers are big-endian.

use std::fs::File;
use std::io::{self, Error, ErrorKind, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The size of a cluster: 64 KiB, QEMU's default.
const CLUSTER_BITS: u32 = 16;
const CLUSTER: u64 = 1 << CLUSTER_BITS;

/// The bytes of the disk behind one entry of the first-level table: a cluster of 8-byte entries, one per cluster.
const PER_ENTRY: u64 = CLUSTER * (CLUSTER / 8);

/// The length of the header of version 3 without optional fields.
const HEADER: u32 = 104;

/// The longest file name of a backing image that the format allows.
const LONGEST_NAME: usize = 1023;

/// The places of the table and the block of reference counts, after the header; the first-level table follows.
const COUNTS_TABLE: u64 = CLUSTER;
const COUNTS_BLOCK: u64 = 2 * CLUSTER;
const FIRST_LEVEL: u64 = 3 * CLUSTER;

/// Writes a disk of `size` bytes into the empty `file`, over the raw image at an absolute path.
pub(super) fn create_overlay(file: &mut File, image: &Path, size: u64) -> io::Result<()> {
    let name = image.as_os_str().as_bytes();
    let invalid = |reason| Err(Error::new(ErrorKind::InvalidInput, reason));
    if !image.is_absolute() || name.len() > LONGEST_NAME {
        return invalid("qcow2 stores absolute image paths of at most 1023 bytes");
    }
    let entries = size.div_ceil(PER_ENTRY);
    let table_clusters = (entries * 8).div_ceil(CLUSTER).max(1);
    let clusters = FIRST_LEVEL / CLUSTER + table_clusters;
    if clusters > CLUSTER / 2 {
        return invalid("the disk is too large for one block of reference counts");
    }
    // An extension states that the image is raw, so that QEMU does not guess its format from its contents.
    let name_at = HEADER + 8 + 8 + 8;
    let (name_length, entries) = (narrow(name.len() as u64)?, narrow(entries)?);
    let mut head = Vec::new();
    head.extend(b"QFI\xfb");
    push_u32(&mut head, 3);
    push_u64(&mut head, name_at.into());
    push_u32(&mut head, name_length);
    push_u32(&mut head, CLUSTER_BITS);
    push_u64(&mut head, size);
    push_u32(&mut head, 0); // not encrypted
    push_u32(&mut head, entries);
    push_u64(&mut head, FIRST_LEVEL);
    push_u64(&mut head, COUNTS_TABLE);
    push_u32(&mut head, 1); // clusters of the table of reference counts
    push_u32(&mut head, 0); // snapshots
    push_u64(&mut head, 0); // where their table is
    head.extend([0; 24]); // incompatible, compatible and autoclear features
    push_u32(&mut head, 4); // a reference count has 1 << 4 bits
    push_u32(&mut head, HEADER);
    push_u32(&mut head, 0xe279_2aca); // extension: format of the backing file
    push_u32(&mut head, 3);
    head.extend(b"raw\0\0\0\0\0");
    push_u64(&mut head, 0); // end of the extensions
    head.extend(name);
    let counts = [0, 1].repeat(usize::try_from(clusters).map_err(Error::other)?);
    file.write_all(&head)?;
    file.set_len(clusters * CLUSTER)?;
    write_at(file, COUNTS_TABLE, &COUNTS_BLOCK.to_be_bytes())?;
    write_at(file, COUNTS_BLOCK, &counts)
}

fn write_at(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

fn narrow(number: u64) -> io::Result<u32> {
    u32::try_from(number).map_err(Error::other)
}

fn push_u32(head: &mut Vec<u8>, number: u32) {
    head.extend(number.to_be_bytes());
}

fn push_u64(head: &mut Vec<u8>, number: u64) {
    head.extend(number.to_be_bytes());
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "QEMU's own tools check the file")]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// Returns the output of a QEMU program, which must succeed.
    fn said(program: &str, words: &[&str]) -> String {
        let output = Command::new(program)
            .args(words)
            .stdin(Stdio::null())
            .output();
        let output = output.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{program} {words:?}: {text}");
        text
    }

    #[test]
    fn qemu_reads_the_image_through_a_sound_overlay_and_writes_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("a node.img");
        std::fs::write(&image, vec![7; 3 << 16]).unwrap();
        for size in [3 << 16, 16 << 30, (16 << 30) + 512, 2 << 40] {
            let overlay = folder.path().join(format!("{size}.qcow2"));
            create_overlay(&mut File::create(&overlay).unwrap(), &image, size).unwrap();
            let overlay = overlay.to_str().unwrap();
            let check = said("qemu-img", &["check", "-f", "qcow2", overlay]);
            assert!(
                check.starts_with("No errors were found on the image."),
                "{check}"
            );
            let info = said("qemu-img", &["info", "--output=json", overlay]);
            for wanted in [
                format!("\"virtual-size\": {size}"),
                format!("\"backing-filename\": \"{}\"", image.display()),
                "\"backing-filename-format\": \"raw\"".to_owned(),
            ] {
                assert!(info.contains(&wanted), "no {wanted} in {info}");
            }
            let requests = [
                "read -P 7 0 192k",
                "write -P 9 64k 4k",
                "read -P 9 64k 4k",
                "read -P 7 68k 4k",
            ];
            let requests = requests.iter().flat_map(|request| ["-c", request]);
            let words: Vec<_> = ["-f", "qcow2"]
                .into_iter()
                .chain(requests)
                .chain([overlay])
                .collect();
            said("qemu-io", &words);
            let last = if size == 3 << 16 { 7 } else { 0 };
            let end = format!("read -P {last} {} 512", size - 512);
            said("qemu-io", &["-f", "qcow2", "-c", &end, overlay]);
            said("qemu-img", &["check", "-f", "qcow2", overlay]);
            assert_eq!(std::fs::read(&image).unwrap(), vec![7; 3 << 16]);
        }
    }

    #[test]
    fn a_name_that_the_format_cannot_hold_is_refused() {
        let mut file = tempfile::tempfile().unwrap();
        let long = format!("/{}", "n".repeat(1023));
        for name in ["relative.img", &long] {
            let error = create_overlay(&mut file, name.as_ref(), 1 << 30).unwrap_err();
            assert_eq!(
                error.to_string(),
                "qcow2 stores absolute image paths of at most 1023 bytes"
            );
        }
        assert_eq!(file.metadata().unwrap().len(), 0);
    }
}
