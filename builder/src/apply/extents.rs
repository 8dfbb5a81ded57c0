//! The data and the holes of a file, and sharing of its blocks.

use std::fs::File;
use std::ops::Range;

/// Returns the parts of a file that are not holes, in order; the whole file if holes cannot be detected.
pub(super) fn data(file: &File, size: u64) -> Vec<Range<u64>> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(part) = next_data(file, at, size) {
        at = part.end;
        parts.push(part);
    }
    parts
}

/// Returns the first part with data at or after `at`.
#[cfg(target_os = "linux")]
fn next_data(file: &File, at: u64, size: u64) -> Option<Range<u64>> {
    use rustix::fs::{SeekFrom, seek};
    use rustix::io::Errno;

    if at >= size {
        return None;
    }
    // The positions are absolute, so other threads may seek in the same file.
    match seek(file, SeekFrom::Data(at)) {
        Ok(start) => {
            let end = seek(file, SeekFrom::Hole(start)).unwrap_or(size);
            Some(start..end.min(size))
        }
        Err(Errno::NXIO) => None,
        Err(_) => Some(at..size),
    }
}

#[cfg(not(target_os = "linux"))]
fn next_data(_file: &File, at: u64, size: u64) -> Option<Range<u64>> {
    (at < size).then_some(at..size)
}

/// Makes the target share all blocks of the source, which takes neither time nor space, on file systems that support it
/// (Btrfs, XFS, bcachefs). Returns `false` if nothing was done.
#[cfg(target_os = "linux")]
pub(super) fn share(source: &File, target: &File) -> bool {
    rustix::fs::ioctl_ficlone(target, source).is_ok()
}

/// Returns `false`: other systems write a copy.
#[cfg(not(target_os = "linux"))]
pub(super) fn share(_source: &File, _target: &File) -> bool {
    false
}
