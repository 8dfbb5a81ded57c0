//! A reader that gives up on a connection which brings almost nothing: each read succeeds, and the file would never end.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use indicatif::BinaryBytes;

use super::policy::Policy;

/// Reads from a connection as long as it keeps the pace of the policy.
#[derive(Debug)]
pub(super) struct Paced<R> {
    inner: R,
    least: u64,
    within: Duration,
    since: Instant,
    bytes: u64,
}

impl<R> Paced<R> {
    pub(super) fn new(inner: R, policy: &Policy) -> Self {
        Self {
            inner,
            least: policy.headway,
            within: policy.headway_interval,
            since: Instant::now(),
            bytes: 0,
        }
    }
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        if count > 0 && self.since.elapsed() >= self.within {
            if self.bytes < self.least {
                let (bytes, within) = (BinaryBytes(self.bytes), self.within);
                return Err(io::Error::other(format!(
                    "only {bytes} arrived in {within:.0?}"
                )));
            }
            (self.since, self.bytes) = (Instant::now(), 0);
        }
        Ok(count)
    }
}
