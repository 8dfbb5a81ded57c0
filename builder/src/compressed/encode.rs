//! Compresses one block.

use std::io::{self, Write as _};

use anyhow::{Context as _, Result};
use flate2::GzBuilder;
use zstd::bulk::Compressor;

use super::xz_block::XzBlock;
use crate::image_format::ImageFormat;

/// How the blocks of an image are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Xz,
    Zstd,
    Gzip,
}

impl Compression {
    /// The preset of `xz`.
    const XZ_PRESET: u32 = 6;
    /// The level of `zstd`.
    const ZSTD_LEVEL: i32 = 15;
    /// The level of `gzip`.
    const GZIP_LEVEL: u32 = 6;

    /// Returns the compression of a format, or `None` for a raw image.
    pub(crate) fn of(format: ImageFormat) -> Option<Self> {
        match format {
            ImageFormat::Img => None,
            ImageFormat::Xz => Some(Self::Xz),
            ImageFormat::Zstd => Some(Self::Zstd),
            ImageFormat::Gzip => Some(Self::Gzip),
        }
    }

    /// Returns the words that identify everything on which a compressed block depends, besides its content.
    pub(crate) fn parameters(self) -> String {
        match self {
            Self::Xz => format!(
                "xz {}, fitting dictionary, liblzma-sys 0.4.9",
                Self::XZ_PRESET
            ),
            Self::Zstd => format!(
                "zstd {} zstd {}",
                Self::ZSTD_LEVEL,
                zstd::zstd_safe::version_string()
            ),
            Self::Gzip => format!("gzip {} miniz_oxide 0.9.1", Self::GZIP_LEVEL),
        }
    }
}

/// Compresses the bytes of one block: to a block of xz, a frame of zstd or a member of gzip.
pub(crate) fn encode(compression: Compression, bytes: &[u8]) -> Result<Vec<u8>> {
    let encoded = match compression {
        Compression::Xz => XzBlock::encode(bytes, Compression::XZ_PRESET).map(XzBlock::into_bytes),
        Compression::Zstd => frame(bytes).map_err(Into::into),
        Compression::Gzip => gzip_member(bytes).map_err(Into::into),
    };
    encoded.context("compressing a block")
}

/// Returns a frame that states its size and has a checksum.
fn frame(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = Compressor::new(Compression::ZSTD_LEVEL)?;
    compressor.include_checksum(true)?;
    compressor.compress(bytes)
}

/// Returns a member without name and time.
fn gzip_member(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let level = flate2::Compression::new(Compression::GZIP_LEVEL);
    let mut writer = GzBuilder::new().write(Vec::new(), level);
    writer.write_all(bytes)?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_another_version_of_a_library_are_compressed_again() {
        let lock = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock"));
        for (compression, library) in [
            (Compression::Xz, "liblzma-sys"),
            (Compression::Gzip, "miniz_oxide"),
        ] {
            let parameters = compression.parameters();
            let version = parameters.rsplit_once(&format!("{library} ")).unwrap().1;
            let entry = format!("name = \"{library}\"\nversion = \"{version}\"\n");
            assert!(lock.contains(&entry), "{parameters}: correct the version");
        }
    }
}
