//! Writes a file with holes where the data is zero: images are mostly empty space.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};

/// Zero runs are looked for in aligned pieces of this size; a multiple of any file system's block.
pub(super) const PIECE: usize = 64 << 10;

static ZEROS: [u8; PIECE] = [0; PIECE];

/// Writes to a file that was empty.
#[derive(Debug)]
pub(super) struct SparseWriter<'a> {
    file: &'a File,
    /// Where the file's own cursor is.
    cursor: u64,
    /// Bytes taken, written or skipped.
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

    /// Takes the next bytes. All but the last call should bring a multiple of [`PIECE`], or holes are missed.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Runs of pieces that hold something go out in one write.
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

    /// Gives the file its full length, holes at the end included.
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

    /// `map` is one letter per piece: `.` for zeros. Written in calls of `step` pieces.
    #[track_caller]
    fn check(map: &str, tail: &[u8], step: usize) {
        let mut bytes: Vec<u8> = map
            .bytes()
            .flat_map(|letter| vec![if letter == b'.' { 0 } else { letter }; PIECE])
            .collect();
        bytes.extend(tail);
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = SparseWriter::new(file.as_file());
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
