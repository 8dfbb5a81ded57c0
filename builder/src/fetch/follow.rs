//! Reads a download while it arrives, so that it can be unpacked meanwhile.
//!
//! What was read this way counts only if its digests are the expected ones. A download that started over is read again once it is complete.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};

use fs_err::File;

use super::decode::PackedFormat;

/// The bytes of a download that have arrived.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// The number of bytes in the file.
    len: u64,
    /// The number of times that the download started over after some bytes.
    beginning: u64,
    /// Whether no more bytes follow.
    has_ended: bool,
}

impl Arrived {
    /// Notes the number of bytes in the file so far.
    pub(super) fn note(&self, len: u64) {
        self.change(|state| state.len = len);
    }

    /// Notes that the download starts over.
    pub(super) fn restart(&self) {
        self.change(|state| {
            state.beginning += u64::from(state.len > 0);
            state.len = 0;
        });
    }

    /// Returns a value whose end is that of the download, also if it panics.
    pub(super) fn ending(&self) -> Ending<'_> {
        Ending(self)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits until there are more than `position` bytes, or the download has ended.
    fn beyond(&self, position: u64) -> State {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |state: &mut State| state.len <= position && !state.has_ended;
        let state = self.changed.wait_while(state, waits);
        *state.unwrap_or_else(PoisonError::into_inner)
    }
}

/// A download that goes on until this is dropped.
#[derive(Debug)]
pub(super) struct Ending<'a>(&'a Arrived);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.has_ended = true);
    }
}

/// A reader of a download's file that waits for bytes which have not arrived yet.
#[derive(Debug)]
pub(super) struct Follower<'a> {
    arrived: &'a Arrived,
    path: PathBuf,
    file: Option<File>,
    beginning: u64,
    position: u64,
}

impl<'a> Follower<'a> {
    pub(super) fn new(arrived: &'a Arrived, path: PathBuf) -> Self {
        Self {
            arrived,
            path,
            file: None,
            beginning: 0,
            position: 0,
        }
    }

    /// Waits until there is something to read; returns `false` if the download ends without.
    pub(super) fn has_begun(&self) -> bool {
        self.arrived.beyond(0).len > 0
    }

    fn file(&mut self) -> io::Result<&mut File> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(File::open(&self.path)?)),
        }
    }
}

impl Read for Follower<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A decoder detects the format by the first bytes that it gets.
        let state = self.arrived.beyond(match self.position {
            0 => PackedFormat::MAGIC as u64 - 1,
            position => position,
        });
        if self.position == 0 {
            self.beginning = state.beginning;
        }
        let left = state.len.saturating_sub(self.position);
        let most = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = match state.beginning == self.beginning {
            true if most == 0 => return Ok(0),
            true => self.file()?.read(&mut buffer[..most])?,
            false => 0,
        };
        self.position += count as u64;
        match count {
            0 => Err(io::Error::other("the download started over")),
            _ => Ok(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::thread;

    use super::*;

    #[test]
    fn a_follower_waits_for_bytes_and_for_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        let arrived = Arrived::default();
        let mut follower = Follower::new(&arrived, path.clone());
        let mut read = Vec::new();
        thread::scope(|scope| {
            let ending = arrived.ending();
            let reading = scope.spawn(|| follower.read_to_end(&mut read).map(drop));
            let mut file = File::create(&path).unwrap();
            for (bytes, len) in [("twe", 3), ("nty byte", 11), ("s or more", 20)] {
                file.write_all(bytes.as_bytes()).unwrap();
                arrived.note(len);
            }
            drop(ending);
            reading.join().unwrap().unwrap();
        });
        assert_eq!(read, b"twenty bytes or more");
    }

    #[test]
    fn what_began_anew_is_not_mixed_with_what_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        fs_err::write(&path, b"first bytes").unwrap();
        let arrived = Arrived::default();
        let mut follower = Follower::new(&arrived, path);
        // Nothing has been read from an empty file.
        arrived.restart();
        arrived.note(11);
        assert!(follower.has_begun());
        assert_eq!(follower.read(&mut [0; 20]).unwrap(), 11);
        arrived.restart();
        arrived.note(50);
        follower.read(&mut [0; 20]).unwrap_err();
    }

    #[test]
    fn a_download_that_ends_without_bytes_never_begins() {
        let arrived = Arrived::default();
        drop(arrived.ending());
        let mut follower = Follower::new(&arrived, PathBuf::new());
        assert!(!follower.has_begun());
        assert_eq!(follower.read(&mut [0; 20]).unwrap(), 0);
    }
}
