//! Writes files with holes in place of zeros: images are mostly empty space.

use std::io::{self, Seek as _, SeekFrom, Write as _};

use fs_err::File;

use crate::holes;

/// A sparse writer to a file that was empty.
#[derive(Debug)]
pub(super) struct SparseWriter<'a> {
    file: &'a File,
    /// The position of the file's own cursor.
    cursor: u64,
    /// The number of bytes accepted, written or skipped.
    size: u64,
}

impl<'a> SparseWriter<'a> {
    pub(super) fn new(file: &'a File) -> Self {
        Self {
            file,
            cursor: 0,
            size: 0,
        }
    }

    /// Writes the next bytes. All calls but the last should pass a multiple of [`holes::HOLE`], or holes are missed.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for part in holes::data(bytes) {
            self.write_at(self.size + part.start as u64, &bytes[part])?;
        }
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Gives the file its full length, including holes at the end.
    pub(super) fn finish(self) -> io::Result<()> {
        self.file.set_len(self.size)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.file;
        if self.cursor != offset {
            file.seek(SeekFrom::Start(offset))?;
        }
        file.write_all(bytes)?;
        self.cursor = offset + bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holes::HOLE;

    /// Writes `map`, which has one letter per piece (`.` for zeros), in calls of `step` pieces.
    #[track_caller]
    fn check(map: &str, tail: &[u8], step: usize) {
        let mut bytes: Vec<u8> = map
            .bytes()
            .flat_map(|letter| vec![if letter == b'.' { 0 } else { letter }; HOLE])
            .collect();
        bytes.extend(tail);
        let file = tempfile::NamedTempFile::new().unwrap();
        let written = File::from_parts(file.reopen().unwrap(), file.path());
        let mut writer = SparseWriter::new(&written);
        bytes
            .chunks(step * HOLE)
            .for_each(|chunk| writer.write(chunk).unwrap());
        writer.finish().unwrap();
        assert!(
            fs_err::read(file.path()).unwrap() == bytes,
            "{map} by {step}"
        );
        #[cfg(unix)]
        {
            let used =
                std::os::unix::fs::MetadataExt::blocks(&file.as_file().metadata().unwrap()) * 512;
            let full = map.bytes().filter(|letter| *letter != b'.').count() * HOLE + 2 * HOLE;
            assert!(used <= full as u64, "{map}: {used} bytes used");
        }
    }

    #[test]
    fn content_is_kept_and_zeros_are_holes() {
        for map in [
            "",
            "a",
            ".",
            "a.",
            ".a",
            "ab..c....d",
            "....",
            "..ab",
            "a.b.c.d.",
        ] {
            for step in 1..4 {
                check(map, b"", step);
                check(map, b"tail", step);
                check(map, &[0; 5], step);
            }
        }
    }
}
