//! A cpio archive in the format "newc", which the kernel unpacks over the preceding archives of an initramfs
//! (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).

use std::collections::BTreeSet;

/// Mode bits of a directory and of a file.
const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_644;

/// An archive under construction.
#[derive(Debug, Default)]
pub(super) struct CpioArchive {
    bytes: Vec<u8>,
    folders: BTreeSet<String>,
}

impl CpioArchive {
    /// Adds a file and its parent directories; `path` has no leading `/`.
    pub(super) fn file(&mut self, path: &str, content: &[u8]) {
        for (end, _) in path.match_indices('/') {
            let folder = &path[..end];
            if self.folders.insert(folder.to_owned()) {
                self.entry(folder, FOLDER, &[]);
            }
        }
        self.entry(path, FILE, content);
    }

    /// Returns the complete archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) {
        let (size, name) = (content.len(), path.len() + 1);
        // inode, mode, uid, gid, links, time, size, four device numbers, length of the name, checksum
        let head = format!(
            "070701{:08x}{mode:08x}{:016x}{:08x}{:08x}{size:08x}{:032x}{name:08x}{:08x}",
            0, 0, 1, 0, 0, 0
        );
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    /// Adds zeros up to a multiple of four, where names and contents must begin.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_as_the_format_says() {
        let mut archive = CpioArchive::default();
        archive.file("a/b", b"xyz");
        let bytes = archive.finish();
        let text = String::from_utf8_lossy(&bytes);
        let entries: Vec<_> = text.split("070701").skip(1).collect();
        assert_eq!(entries.len(), 3);
        let field = |entry: usize, number: usize| &entries[entry][8 * number..8 * number + 8];
        assert_eq!([field(0, 1), field(1, 1)], ["000041ed", "000081a4"]);
        assert_eq!([field(1, 6), field(1, 11)], ["00000003", "00000004"]);
        assert_eq!(&entries[1][104..], "a/b\0\0\0xyz\0");
        assert_eq!(&entries[2][104..], "TRAILER!!!\0\0\0\0");
        assert_eq!(bytes.len() % 4, 0);
    }

    #[test]
    fn a_folder_comes_once_and_before_its_files() {
        let mut archive = CpioArchive::default();
        archive.file("a/b", b"");
        archive.file("a/c", b"");
        let bytes = archive.finish();
        assert_eq!(
            String::from_utf8_lossy(&bytes).matches("000041ed").count(),
            1
        );
    }
}
