//! Detects the compression of a source by its first bytes and decompresses it.
//!
//! Names and content types are unreliable; magic numbers rarely are. Every decoder here reads several concatenated streams
//! and ends only at the end of the source, not at the end of a stream.

use std::io::{self, BufRead, Read};

use bzip2::bufread::MultiBzDecoder;

use super::gzip::GzipDecoder;
use super::xz::XzDecoder;

/// Compressions an image or archive may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PackedFormat {
    Xz,
    Zstd,
    Gzip,
    Bzip2,
    /// An archive whose directory is at its end, so that [`Decoder`] passes it through.
    Zip,
    /// Any other content, passed through unchanged.
    Raw,
}

impl PackedFormat {
    /// The number of bytes needed to detect a format.
    pub(super) const MAGIC: usize = 6;

    pub(super) fn sniff(start: &[u8]) -> Self {
        match start {
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            // A zstd frame, or a skippable frame (16 magic numbers) before one.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'P', b'K', 3, 4, ..] => Self::Zip,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            _ => Self::Raw,
        }
    }

    /// Returns the format of a file.
    pub(super) fn of(mut file: impl Read) -> io::Result<Self> {
        let mut start = Vec::with_capacity(Self::MAGIC);
        (&mut file)
            .take(Self::MAGIC as u64)
            .read_to_end(&mut start)?;
        Ok(Self::sniff(&start))
    }
}

/// A decompressing reader.
pub(super) enum Decoder<R: BufRead> {
    Xz(Box<XzDecoder<R>>),
    Zstd(zstd::stream::read::Decoder<'static, R>),
    Gzip(Box<GzipDecoder<R>>),
    Bzip2(Box<MultiBzDecoder<R>>),
    Raw(R),
}

impl<R: BufRead> Decoder<R> {
    /// Detects the format of the source, which must have a buffer of at least [`PackedFormat::MAGIC`] bytes.
    pub(super) fn new(mut source: R, threads: usize) -> io::Result<Self> {
        Ok(match PackedFormat::sniff(source.fill_buf()?) {
            PackedFormat::Xz => Self::Xz(Box::new(XzDecoder::new(source, threads)?)),
            PackedFormat::Zstd => Self::Zstd(zstd::stream::read::Decoder::with_buffer(source)?),
            PackedFormat::Gzip => Self::Gzip(Box::new(GzipDecoder::new(source))),
            PackedFormat::Bzip2 => Self::Bzip2(Box::new(MultiBzDecoder::new(source))),
            PackedFormat::Zip | PackedFormat::Raw => Self::Raw(source),
        })
    }

    pub(super) fn into_inner(self) -> R {
        match self {
            Self::Xz(decoder) => decoder.into_inner(),
            Self::Zstd(decoder) => decoder.finish(),
            Self::Gzip(decoder) => decoder.into_inner(),
            Self::Bzip2(decoder) => decoder.into_inner(),
            Self::Raw(source) => source,
        }
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Xz(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Bzip2(decoder) => decoder.read(buffer),
            Self::Raw(source) => source.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(data).unwrap();
        writer.finish().unwrap()
    }

    fn zstd(data: &[u8]) -> Vec<u8> {
        zstd::encode_all(data, 1).unwrap()
    }

    fn bzip2(data: &[u8]) -> Vec<u8> {
        let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        writer.write_all(data).unwrap();
        writer.finish().unwrap()
    }

    fn unpacked(source: &[u8]) -> io::Result<Vec<u8>> {
        let mut output = Vec::new();
        Decoder::new(source, 1)?.read_to_end(&mut output)?;
        Ok(output)
    }

    #[test]
    fn every_member_and_frame_is_decoded() {
        for pack in [gzip, zstd, bzip2] {
            assert_eq!(
                unpacked(&[pack(b"one"), pack(b"two")].concat()).unwrap(),
                b"onetwo"
            );
        }
    }

    #[test]
    fn truncation_and_garbage_are_errors() {
        for pack in [gzip, zstd, bzip2] {
            let whole = pack(b"some words, some words, some other words");
            unpacked(&whole[..whole.len() - 1]).expect_err("cut off");
            for garbage in [&b"garbage"[..], b"g", b"\0g", b"\0\x1f\x8b"] {
                unpacked(&[&whole[..], garbage].concat()).expect_err("garbage");
            }
        }
    }

    #[test]
    fn zeros_after_gzip_are_padding() {
        let padded = [gzip(b"one"), gzip(b"two"), vec![0; 600]].concat();
        assert_eq!(unpacked(&padded).unwrap(), b"onetwo");
    }

    #[test]
    fn anything_else_is_itself() {
        assert_eq!(unpacked(b"bytes").unwrap(), b"bytes");
        assert_eq!(unpacked(b"").unwrap(), b"");
    }
}
