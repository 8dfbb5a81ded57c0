//! Decodes xz on all cores, reading every stream of the source to its last byte.
//!
//! liblzma decodes blocks in parallel if their headers contain their sizes, as `xz -T` and pi-gen write them; it decodes other
//! files on one core. It stops at the end of a stream. This module handles what may follow, that is, padding and more
//! streams, and refuses anything else. Format: <https://tukaani.org/xz/xz-file-format.txt>.

use std::io::{self, BufRead, ErrorKind, Read};

use liblzma::stream::{Action, Error, MtStreamBuilder, Status, Stream};

/// The memory limit for all decoding threads together; a whole build stays below twice this.
const MEMORY: u64 = 256 << 20;

/// The unit of stream padding: zero bytes fill a stream up to a multiple of this.
const PADDING: u64 = 4;

const TRUNCATED: &str = "the xz data is cut off";
const GARBAGE: &str = "data that is not xz follows the xz data";
const DAMAGED: &str = "the xz data is damaged";
const UNKNOWN: &str = "the xz data uses a filter or check this program does not know";
const TOO_BIG: &str = "decoding the xz data needs more than 256 MiB of memory";

/// A decoder of one or more concatenated xz streams.
pub(super) struct XzDecoder<R> {
    source: R,
    stream: Stream,
    state: XzState,
    threads: u32,
    /// The number of bytes of the source used so far.
    offset: u64,
}

enum XzState {
    Inside,
    /// After a stream: padding, another stream, or the end.
    Between,
    Done,
}

impl<R: BufRead> XzDecoder<R> {
    pub(super) fn new(source: R, threads: usize) -> io::Result<Self> {
        let threads = u32::try_from(threads.max(1)).unwrap_or(u32::MAX);
        let stream = new_stream(threads)?;
        Ok(Self {
            source,
            stream,
            state: XzState::Inside,
            threads,
            offset: 0,
        })
    }

    pub(super) fn into_inner(self) -> R {
        self.source
    }

    /// Decodes some bytes; returns 0 only at the end of the stream or if liblzma needs more input first.
    fn decode(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let input = self.source.fill_buf()?;
        let (at_end, total) = (
            input.is_empty(),
            (self.stream.total_in(), self.stream.total_out()),
        );
        let action = if at_end { Action::Finish } else { Action::Run };
        let status = self.stream.process(input, output, action);
        let used = self.stream.total_in() - total.0;
        self.source
            .consume(usize::try_from(used).unwrap_or(usize::MAX));
        self.offset += used;
        match status.map_err(|error| self.wrong(error))? {
            Status::StreamEnd => self.state = XzState::Between,
            Status::MemNeeded if at_end => return Err(invalid(TRUNCATED, self.offset)),
            _ => {}
        }
        Ok(usize::try_from(self.stream.total_out() - total.1).unwrap_or(usize::MAX))
    }

    /// Skips padding up to the next stream or the end.
    fn pass_padding(&mut self) -> io::Result<()> {
        let start = self.offset;
        loop {
            let input = self.source.fill_buf()?;
            let zeros = input.iter().take_while(|byte| **byte == 0).count();
            let next = input.get(zeros).copied();
            let at_end = input.is_empty();
            self.source.consume(zeros);
            self.offset += zeros as u64;
            match next {
                None if !at_end => continue,
                _ if !(self.offset - start).is_multiple_of(PADDING) => {
                    return Err(invalid(GARBAGE, start));
                }
                None => self.state = XzState::Done,
                // The first byte of every stream.
                Some(0xfd) => {
                    self.stream = new_stream(self.threads)?;
                    self.state = XzState::Inside;
                }
                Some(_) => return Err(invalid(GARBAGE, self.offset)),
            }
            return Ok(());
        }
    }

    fn wrong(&self, error: Error) -> io::Error {
        match error {
            // The magic number of the first stream was already checked.
            Error::Format => invalid(GARBAGE, self.offset),
            Error::MemLimit | Error::Mem => {
                self::error(ErrorKind::Unsupported, TOO_BIG, self.offset)
            }
            Error::Options | Error::UnsupportedCheck => {
                self::error(ErrorKind::Unsupported, UNKNOWN, self.offset)
            }
            _ => invalid(DAMAGED, self.offset),
        }
    }
}

impl<R: BufRead> Read for XzDecoder<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.state {
                XzState::Done => return Ok(0),
                XzState::Between => self.pass_padding()?,
                XzState::Inside => match self.decode(output)? {
                    0 if !output.is_empty() => {}
                    count => return Ok(count),
                },
            }
        }
    }
}

fn new_stream(threads: u32) -> io::Result<Stream> {
    let mut builder = MtStreamBuilder::new();
    builder
        .threads(threads)
        .memlimit_threading(MEMORY)
        .memlimit_stop(MEMORY);
    builder
        .decoder()
        .map_err(|error| io::Error::other(format!("starting the xz decoder: {error}")))
}

/// Creates the error for invalid data at this offset of the source.
fn invalid(what: &str, offset: u64) -> io::Error {
    error(ErrorKind::InvalidData, what, offset)
}

fn error(kind: ErrorKind, what: &str, offset: u64) -> io::Error {
    io::Error::new(kind, format!("{what} (offset {offset})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// Packs data into four blocks, as `xz -T` writes them.
    fn packed(data: &[u8]) -> Vec<u8> {
        let mut builder = MtStreamBuilder::new();
        builder
            .threads(2)
            .block_size(data.len().div_ceil(4).max(1) as u64)
            .preset(0);
        builder.check(liblzma::stream::Check::Crc64);
        let mut writer =
            liblzma::write::XzEncoder::new_stream(Vec::new(), builder.encoder().unwrap());
        writer.write_all(data).unwrap();
        writer.finish().unwrap()
    }

    fn data() -> Vec<u8> {
        (0..200_000_u32)
            .flat_map(|number| (number / 7).to_le_bytes())
            .collect()
    }

    #[track_caller]
    fn unpacked(source: &[u8]) -> Result<Vec<u8>, String> {
        let source = io::BufReader::with_capacity(1000, source);
        let mut output = Vec::new();
        match XzDecoder::new(source, 2).unwrap().read_to_end(&mut output) {
            Ok(_) => Ok(output),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidData);
                let text = error.to_string();
                let (what, offset) = text.split_once(" (offset ").expect("an offset");
                assert!(
                    offset.trim_end_matches(')').parse::<u64>().is_ok(),
                    "{offset}"
                );
                Err(what.to_owned())
            }
        }
    }

    #[test]
    fn decodes_blocks_side_by_side() {
        assert!(unpacked(&packed(&data())).unwrap() == data());
    }

    #[test]
    fn decodes_empty() {
        assert_eq!(unpacked(&packed(b"")), Ok(Vec::new()));
    }

    #[test]
    fn decodes_concatenated_and_padded_streams() {
        let (one, two) = (packed(b"one"), packed(b"two"));
        assert_eq!(unpacked(&[&one[..], &two].concat()).unwrap(), b"onetwo");
        assert_eq!(
            unpacked(&[&one[..], &[0; 8], &two, &[0; 4000]].concat()).unwrap(),
            b"onetwo"
        );
    }

    #[test]
    fn refuses_what_follows_the_stream() {
        let one = packed(b"one");
        for tail in [
            &b"x"[..],
            b"garbage after the end",
            &[0; 3],
            &[0, 0, 0, 0, 7],
            b"\xfdnot a stream header",
        ] {
            assert_eq!(
                unpacked(&[&one[..], tail].concat()),
                Err(GARBAGE.to_owned()),
                "{tail:?}"
            );
        }
    }

    #[test]
    fn refuses_truncation_anywhere() {
        let whole = packed(&data());
        for length in [
            6,
            12,
            40,
            whole.len() / 3,
            whole.len() - 40,
            whole.len() - 12,
            whole.len() - 1,
        ] {
            assert_eq!(
                unpacked(&whole[..length]),
                Err(TRUNCATED.to_owned()),
                "{length} of {}",
                whole.len()
            );
        }
    }

    #[test]
    fn refuses_one_flipped_bit() {
        let mut whole = packed(&data());
        let middle = whole.len() / 2;
        whole[middle] ^= 1;
        assert_eq!(unpacked(&whole), Err(DAMAGED.to_owned()));
    }
}
