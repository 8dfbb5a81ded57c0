//! Unpacks the one image of a zip archive, whose directory is at its end.

use std::borrow::Cow;
use std::io::{BufReader, Read as _, Seek as _};
use std::path::Path;

use anyhow::Result;
use fs_err::File;
use zip::ZipArchive;
use zip::result::ZipError;

use super::digest::DigestReader;
use super::pump::{HINT, pump, unreadable};
use super::verified::SourceDigests;
use crate::failure::Kind;
use crate::progress::Task;

const BY_HAND: &str = "unpack it and name the image in it";

/// Unpacks at most `limit` bytes and one more of the image into `target`. The whole archive is read for its digest.
pub(super) fn unpack(
    source: &Path,
    target: &File,
    limit: u64,
    task: &mut dyn Task,
) -> Result<SourceDigests> {
    let mut file = File::open(source)?;
    let packed = DigestReader::watched(&file, task).drain()?;
    file.rewind()?;
    let failed = |error| unusable(source, error);
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(failed)?;
    let names: Result<Vec<_>, _> = archive.file_names().collect();
    let name = image(source, &names.map_err(failed)?)?;
    let entry = archive.by_name(&name).map_err(failed)?;
    let raw = pump(&mut entry.take(limit + 1), target, |error| {
        unreadable(source, error)
    })?;
    Ok(SourceDigests { packed, raw })
}

/// Returns the name of the only image. macOS adds files of the same name in a directory of its own.
fn image(source: &Path, names: &[Cow<'_, str>]) -> Result<String> {
    let is_image = |name: &&str| {
        let ending = Path::new(name).extension();
        ending.is_some_and(|ending| ending.eq_ignore_ascii_case("img"))
            && !name.starts_with("__MACOSX/")
    };
    let mut images: Vec<_> = names.iter().map(AsRef::as_ref).filter(is_image).collect();
    images.sort_unstable();
    let what = match images.as_slice() {
        [only] => return Ok((*only).to_owned()),
        [] => "no image (*.img)".to_owned(),
        several => format!("several images: {}", several.join(", ")),
    };
    let what = format!("{}: the zip archive contains {what}", source.display());
    Err(Kind::Unsupported.error(what, BY_HAND))
}

fn unusable(source: &Path, error: ZipError) -> anyhow::Error {
    let what = |what: &dyn std::fmt::Display| format!("unpacking {}: {what}", source.display());
    match error {
        ZipError::Io(error) => unreadable(source, error),
        ZipError::UnsupportedArchive(reason) => Kind::Unsupported.error(what(&reason), BY_HAND),
        other => Kind::Corrupt.error(what(&other), HINT),
    }
}
