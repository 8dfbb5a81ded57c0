//! Where a file has data and where it has holes, and copying the data without reading it.

use std::fs::File;
use std::ops::Range;

/// The parts of a file that are not holes, in order. Where holes cannot be told, all of it is one part.
pub(super) fn data(file: &File, size: u64) -> Vec<Range<u64>> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(part) = next_data(file, at, size) {
        at = part.end;
        parts.push(part);
    }
    parts
}

/// The first part with data at or after `at`.
#[cfg(target_os = "linux")]
fn next_data(file: &File, at: u64, size: u64) -> Option<Range<u64>> {
    use rustix::fs::{SeekFrom, seek};
    use rustix::io::Errno;

    if at >= size {
        return None;
    }
    // Absolute positions: that other threads seek in the same file does not matter.
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

/// Copies those parts inside the kernel, sharing their blocks on file systems that can (Btrfs, XFS). `false` means
/// that this is not possible here; the target may then hold some of them.
#[cfg(target_os = "linux")]
pub(super) fn copy(source: &File, target: &File, parts: &[Range<u64>]) -> bool {
    for part in parts {
        let (mut from, mut to) = (part.start, part.start);
        while from < part.end {
            let rest = usize::try_from(part.end - from).unwrap_or(usize::MAX);
            match rustix::fs::copy_file_range(source, Some(&mut from), target, Some(&mut to), rest)
            {
                Ok(0) | Err(_) => return false,
                Ok(_) => {}
            }
        }
    }
    true
}

/// Other systems copy by reading and writing.
#[cfg(not(target_os = "linux"))]
pub(super) fn copy(_source: &File, _target: &File, _parts: &[Range<u64>]) -> bool {
    false
}
