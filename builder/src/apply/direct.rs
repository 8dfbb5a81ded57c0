//! Transfers that bypass the system's page cache. Gigabytes of images that are not read soon would evict everything else from
//! memory, and a build that waits for memory takes several times as long. The disk also starts immediately.

use std::borrow::Borrow;
use std::fs::File;
use std::io;

/// The alignment of addresses, offsets and lengths of direct transfers: a multiple of every disk's block size.
const ALIGN: usize = 4096;

/// A file that is accessed without the page cache if the system and its file system support that. Several threads can use it
/// at the same time.
#[derive(Debug)]
pub(crate) struct DirectFile<F: Borrow<File>> {
    file: F,
    direct: bool,
}

impl<F: Borrow<File>> DirectFile<F> {
    pub(crate) fn new(file: F) -> Self {
        let direct = set_direct(file.borrow(), true);
        Self { file, direct }
    }

    /// Returns the file.
    #[cfg(target_os = "linux")]
    pub(crate) fn file(&self) -> &File {
        self.file.borrow()
    }

    /// Writes all the bytes at `offset`.
    pub(crate) fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match write_bytes(self.file.borrow(), offset, bytes) {
            // The piece is not a multiple of the block size, like an odd image's last one, or the file system does not
            // support it after all.
            Err(error) if self.ends_direct_mode(&error) => {
                write_bytes(self.file.borrow(), offset, bytes)
            }
            done => done,
        }
    }

    /// Fills the bytes from `offset` on.
    #[cfg(target_os = "linux")]
    pub(crate) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        use std::os::unix::fs::FileExt as _;
        match self.file().read_exact_at(bytes, offset) {
            Err(error) if self.ends_direct_mode(&error) => self.file().read_exact_at(bytes, offset),
            done => done,
        }
    }

    /// Leaves direct mode if an error may come from it, and returns whether that is so. Another thread may have left it before.
    fn ends_direct_mode(&self, error: &io::Error) -> bool {
        let ends = self.direct && error.kind() == io::ErrorKind::InvalidInput;
        if ends {
            set_direct(self.file.borrow(), false);
        }
        ends
    }
}

impl<F: Borrow<File>> Drop for DirectFile<F> {
    fn drop(&mut self) {
        if self.direct {
            set_direct(self.file.borrow(), false);
        }
    }
}

#[cfg(unix)]
fn write_bytes(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(not(unix))]
fn write_bytes(mut file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    use std::io::{Seek as _, SeekFrom, Write as _};
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}

/// Sets or clears direct mode; returns whether that succeeded.
#[cfg(target_os = "linux")]
fn set_direct(file: &File, on: bool) -> bool {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let set = |mut flags: OFlags| {
        flags.set(OFlags::DIRECT, on);
        fcntl_setfl(file, flags)
    };
    fcntl_getfl(file).and_then(set).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn set_direct(_file: &File, _on: bool) -> bool {
    false
}

/// Memory whose address is aligned for direct transfers.
pub(crate) struct DirectBuffer {
    memory: Vec<u8>,
    start: usize,
}

impl DirectBuffer {
    pub(crate) fn new(len: usize) -> Self {
        let memory = vec![0; len + ALIGN];
        // At most the alignment less one; without a known offset, any start works.
        let start = memory.as_ptr().align_offset(ALIGN).min(ALIGN);
        Self { memory, start }
    }

    pub(crate) fn first(&mut self, len: usize) -> &mut [u8] {
        &mut self.memory[self.start..][..len]
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom};

    use super::*;

    #[test]
    fn what_suits_no_block_is_written_and_read_all_the_same() {
        // Next to this program, not in /tmp: a memory file system may not support direct writes.
        let program = std::env::current_exe().unwrap();
        let file = tempfile::tempfile_in(program.parent().unwrap()).unwrap();
        file.set_len(3 * 4096 + 5).unwrap();
        let mut buffer = DirectBuffer::new(8192);
        buffer.first(8192).fill(7);
        let direct = DirectFile::new(&file);
        direct.write_at(4096, buffer.first(8192)).unwrap();
        direct
            .write_at(3 * 4096, &buffer.first(8192)[1..6])
            .unwrap();
        drop(direct);
        let mut whole = vec![0; 4096];
        whole.resize(3 * 4096 + 5, 7);
        let mut seen = Vec::new();
        (&file).seek(SeekFrom::Start(0)).unwrap();
        std::io::Read::read_to_end(&mut &file, &mut seen).unwrap();
        assert!(seen == whole);

        #[cfg(target_os = "linux")]
        {
            let direct = DirectFile::new(&file);
            direct.read_at(4096, buffer.first(8192)).unwrap();
            assert!(*buffer.first(8192) == whole[4096..][..8192]);
            let odd = &mut buffer.first(8192)[1..6];
            direct.read_at(3 * 4096, odd).unwrap();
            assert_eq!(odd, [7; 5]);
        }
    }
}
