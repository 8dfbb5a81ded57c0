//! Decodes gzip files of several members. Zeros after the last one are padding, as on a tape, and are skipped.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// A decoder that ends only at the end of its source.
pub(super) struct GzipDecoder<R> {
    /// `None` only while a member is replaced by the next one.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> GzipDecoder<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            member: Some(GzDecoder::new(source)),
        }
    }

    pub(super) fn into_inner(self) -> R {
        self.member.expect(PRESENT).into_inner()
    }

    /// Returns whether another member follows the current one, which has ended.
    fn next_member(&mut self) -> io::Result<bool> {
        let source = self.member.as_mut().expect(PRESENT).get_mut();
        let mut padded = false;
        loop {
            let buffer = source.fill_buf()?;
            match buffer.iter().position(|byte| *byte != 0) {
                Some(0) if !padded && buffer.first() == Some(&MAGIC) => return Ok(true),
                Some(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, FOLLOWED)),
                None if buffer.is_empty() => return Ok(false),
                None => {
                    let zeros = buffer.len();
                    source.consume(zeros);
                    padded = true;
                }
            }
        }
    }
}

/// The first byte of a member.
const MAGIC: u8 = 0x1f;
const FOLLOWED: &str = "extra data follows the compressed data";
const PRESENT: &str = "a decoder has a member between two reads";

impl<R: BufRead> Read for GzipDecoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.member.as_mut().expect(PRESENT).read(buffer)?;
            if count > 0 || buffer.is_empty() || !self.next_member()? {
                return Ok(count);
            }
            let source = self.member.take().expect(PRESENT).into_inner();
            self.member = Some(GzDecoder::new(source));
        }
    }
}
