//! Transfers that bypass the system's page cache. Gigabytes of images that are not read soon would evict everything else from
//! memory, and a build that waits for memory takes several times as long. The disk also starts immediately.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};

/// The alignment of addresses, offsets and lengths of direct transfers: a multiple of every disk's block size.
const ALIGN: usize = 4096;

/// A file that is accessed without the page cache if the system and its file system support that.
pub(crate) struct DirectFile<'a> {
    file: &'a File,
    direct: bool,
}

impl<'a> DirectFile<'a> {
    pub(crate) fn new(file: &'a File) -> Self {
        Self {
            file,
            direct: set_direct(file, true),
        }
    }

    /// Writes all the bytes at `offset`.
    pub(crate) fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match self.write(offset, bytes) {
            // The piece is not a multiple of the block size, like an odd image's last one, or the file system does not
            // support it after all.
            Err(error) if self.direct && error.kind() == io::ErrorKind::InvalidInput => {
                self.direct = false;
                set_direct(self.file, false);
                self.write(offset, bytes)
            }
            done => done,
        }
    }

    /// Fills the bytes from `offset` on. Several threads can read at the same time.
    #[cfg(target_os = "linux")]
    pub(crate) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        use std::os::unix::fs::FileExt as _;
        match self.file.read_exact_at(bytes, offset) {
            // As for writes. Another thread may already have left direct mode.
            Err(error) if self.direct && error.kind() == io::ErrorKind::InvalidInput => {
                set_direct(self.file, false);
                self.file.read_exact_at(bytes, offset)
            }
            done => done,
        }
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.write_all(bytes)
    }
}

impl Drop for DirectFile<'_> {
    fn drop(&mut self) {
        if self.direct {
            set_direct(self.file, false);
        }
    }
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
    use super::*;

    #[test]
    fn what_suits_no_block_is_written_and_read_all_the_same() {
        // Next to this program, not in /tmp: a memory file system may not support direct writes.
        let program = std::env::current_exe().unwrap();
        let file = tempfile::tempfile_in(program.parent().unwrap()).unwrap();
        file.set_len(3 * 4096 + 5).unwrap();
        let mut buffer = DirectBuffer::new(8192);
        buffer.first(8192).fill(7);
        let mut direct = DirectFile::new(&file);
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
