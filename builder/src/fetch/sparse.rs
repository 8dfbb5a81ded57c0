//! Writes files with holes in place of zeros: images are mostly empty space.

use std::io::{self, Seek as _, SeekFrom, Write as _};

use fs_err::File;

/// The size of the aligned pieces that are checked for zeros; a multiple of every file system's block size.
pub(super) const PIECE: usize = 64 << 10;

static ZEROS: [u8; PIECE] = [0; PIECE];

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

    /// Writes the next bytes. All calls but the last should pass a multiple of [`PIECE`], or holes are missed.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        // A run of pieces with data is written at once.
        let zero = |piece: &[u8]| *piece == ZEROS[..piece.len()];
        let mut pieces = bytes.chunks(PIECE).peekable();
        let (mut start, mut end) = (0, 0);
        while let Some(piece) = pieces.next() {
            let skip = zero(piece);
            end += piece.len();
            if skip {
                start = end;
            } else if pieces.peek().is_none_or(|next| zero(next)) {
                self.write_at(self.size + start as u64, &bytes[start..end])?;
                start = end;
            }
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

    /// Writes `map`, which has one letter per piece (`.` for zeros), in calls of `step` pieces.
    #[track_caller]
    fn check(map: &str, tail: &[u8], step: usize) {
        let mut bytes: Vec<u8> = map
            .bytes()
            .flat_map(|letter| vec![if letter == b'.' { 0 } else { letter }; PIECE])
            .collect();
        bytes.extend(tail);
        let file = tempfile::NamedTempFile::new().unwrap();
        let written = File::from_parts(file.reopen().unwrap(), file.path());
        let mut writer = SparseWriter::new(&written);
        bytes
            .chunks(step * PIECE)
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
            let full = map.bytes().filter(|letter| *letter != b'.').count() * PIECE + 2 * PIECE;
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
