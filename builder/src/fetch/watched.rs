//! A reader that reports its progress.

use std::io::{self, Read};

use crate::progress::Task;

/// A reader that passes through to `inner` and reports to the task after every read.
pub(super) struct Watched<'a, R> {
    inner: R,
    task: &'a mut dyn Task,
    position: u64,
}

impl<'a, R> Watched<'a, R> {
    pub(super) fn new(inner: R, task: &'a mut dyn Task) -> Self {
        Self {
            inner,
            task,
            position: 0,
        }
    }
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.position += count as u64;
        self.task.at(self.position);
        Ok(count)
    }
}
