//! Images of any format, opened as raw images.

use std::io::{self, ErrorKind};
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result};
use fs_err::File;

use super::decode::PackedFormat;
use super::unnamed;
use super::unpack::unpack;
use crate::failure::Kind;
use crate::file;
use crate::progress::Silent;

/// A raw image: a file as it is, or the unpacked contents of a compressed one.
#[derive(Debug)]
pub(crate) struct OpenedImage {
    /// The raw image. Unpacked contents lie in a file without a name, which ends with this value, however the program ends.
    pub(crate) file: std::fs::File,
    /// The SHA-256 of the unpacked contents; `None` for a file as it is.
    pub(crate) unpacked_sha256: Option<String>,
}

impl OpenedImage {
    /// Opens an image, whatever its name. A disk is never unpacked.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if file::is_pipe(path) {
            let hint = "copy the image into a file and name that";
            let message = format!("{} is a pipe, not an image", path.display());
            return Err(Kind::Usage.error(message, hint));
        }
        let mut file = File::open(path)?;
        let is_raw =
            !file.metadata()?.is_file() || PackedFormat::of(&mut file)? == PackedFormat::Raw;
        match is_raw {
            true => Ok(Self {
                file: file.into_file(),
                unpacked_sha256: None,
            }),
            false => unpacked(path),
        }
    }
}

/// Unpacks a whole image.
fn unpacked(path: &Path) -> Result<OpenedImage> {
    let (file, folder) = unnamed::file_beside(path).with_context(|| {
        let what = format!("allocating space for the contents of {}", path.display());
        Kind::Storage.context(
            what,
            "set TMPDIR to a directory with enough free space for the unpacked image",
        )
    })?;
    let target = File::from_parts(file, folder.join("(unpacked image)"));
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let seen = unpack(path, &target, None, threads, &mut Silent)
        .map_err(|error| without_room(error, path, &folder))?;
    Ok(OpenedImage {
        file: target.into_file(),
        unpacked_sha256: Some(seen.raw.sha256),
    })
}

/// Replaces the error of a full disk: the disk that receives the contents is full, and the image may be sound.
fn without_room(error: anyhow::Error, path: &Path, folder: &Path) -> anyhow::Error {
    let full = [
        ErrorKind::StorageFull,
        ErrorKind::QuotaExceeded,
        ErrorKind::FileTooLarge,
    ];
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref());
    match causes.any(|cause: &io::Error| full.contains(&cause.kind())) {
        false => error,
        true => Kind::Storage.error(
            format!(
                "unpacking {}: {} has not enough free space for the contents",
                path.display(),
                folder.display()
            ),
            "free some space there, or copy the image to a directory with more",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _};

    use super::*;
    use crate::failure::explain;

    fn written(folder: &Path, bytes: &[u8]) -> std::path::PathBuf {
        let path = folder.join("packed");
        fs_err::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn contents_of_a_compressed_image_are_a_file_without_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(
            folder.path(),
            &zstd::encode_all(&b"an image"[..], 1).unwrap(),
        );
        let mut opened = OpenedImage::open(&path).unwrap();
        opened.file.rewind().unwrap();
        let mut contents = String::new();
        opened.file.read_to_string(&mut contents).unwrap();
        assert_eq!(contents, "an image");
        assert_eq!(opened.unpacked_sha256, Some(crate::hex::sha256("an image")));
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_truncated_image_is_corrupt() {
        let folder = tempfile::tempdir().unwrap();
        let whole = zstd::encode_all(&b"an image"[..], 1).unwrap();
        let path = written(folder.path(), &whole[..whole.len() - 1]);
        let error = OpenedImage::open(&path).unwrap_err();
        assert_eq!(explain(&error).0, Kind::Corrupt);
        let expected = format!("unpacking {}: incomplete frame", path.display());
        assert_eq!(error.to_string(), expected);
    }
}
