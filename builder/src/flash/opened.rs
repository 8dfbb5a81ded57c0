//! Whether the file of an image changed since it was opened.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;

/// An open file, and when it was changed last.
#[derive(Debug)]
pub(super) struct Opened {
    file: File,
    change: Change,
}

/// The length of a file, and the times of its last modification and of its last change in seconds and nanoseconds. Nobody can set the last
/// one, unlike that of the modification.
type Change = (u64, [i64; 4]);

impl Opened {
    /// Notes the last change of an open file.
    pub(super) fn new(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        let change = last_change(&file)?;
        Ok(Self { file, change })
    }

    /// Returns whether somebody has changed the file, also to what it was before. A new name or another mode is a change as well.
    pub(super) fn is_changed(&self) -> io::Result<bool> {
        Ok(last_change(&self.file)? != self.change)
    }
}

fn last_change(file: &File) -> io::Result<Change> {
    let it = file.metadata()?;
    let times = [it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec()];
    Ok((it.len(), times))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn a_file_that_is_written_and_dated_back_is_changed() {
        let place = tempfile::NamedTempFile::new().unwrap();
        let file = place.as_file();
        file.write_all_at(b"image", 0).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        let opened = Opened::new(file).unwrap();
        // The times of a file are those of the last tick of the system's clock. Only a write after the next one shows.
        let newest = || last_change(tempfile::NamedTempFile::new().unwrap().as_file()).unwrap();
        while newest().1 == opened.change.1 {}
        assert_eq!(fs_err::read(place.path()).unwrap(), b"image");
        assert!(!opened.is_changed().unwrap());
        file.write_all_at(b"IMAGE", 0).unwrap();
        file.set_modified(modified).unwrap();
        assert!(opened.is_changed().unwrap());
    }
}
