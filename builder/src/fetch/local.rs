//! Images on this machine, raw or compressed. Any digest is accepted unless a `.sha256` file beside the image gives the
//! expected one.

use std::io;
use std::path::Path;

use anyhow::Result;
use fs_err::File;

use super::Options;
use super::cache::{Cache, with_ending};
use super::decode::PackedFormat;
use super::image;
use super::record::{FileState, RECORD, Record};
use super::sums::digest_beside;
use super::verified::{ExpectedDigests, Pin, SourceDigests, Verified};
use crate::digest::Digested;
use crate::failure::Kind;
use crate::{file, hex};

/// Returns a raw image in place; unpacks a compressed one into the cache under its digest.
pub(super) fn local(path: &Path, options: &Options<'_>) -> Result<Verified> {
    let format = format(path)?;
    let cache = Cache::open(options.cache)?;
    let mut expected = ExpectedDigests {
        packed: sidecar(path)?,
        raw: Pin::default(),
    };
    let packed = cached_digest(path, &cache, options)?;
    let source = path.display().to_string();
    if format == PackedFormat::Raw {
        return Verified::new(
            path.to_owned(),
            source,
            &expected,
            SourceDigests::unpacked(packed),
        );
    }
    expected.packed.check(&source, &packed)?;
    // The unpacked file must be the hashed one; otherwise the entry would have the wrong name.
    let entry = cache.entry(&packed.sha256, options.progress)?;
    expected.packed = Pin::from(packed);
    // A damaged entry can be replaced without a network.
    let replaceable = Options {
        offline: false,
        ..*options
    };
    match image::cached(&entry, &source, &expected, &replaceable)? {
        Some(verified) => Ok(verified),
        None => image::unpacked(&entry, path, &source, &expected, options),
    }
}

fn format(path: &Path) -> Result<PackedFormat> {
    let metadata = fs_err::metadata(path).map_err(|error| given(path, error))?;
    if metadata.is_dir() {
        let hint = "give the image file itself, or the name of a recipe (`etcd-image recipes`)";
        return Err(Kind::Usage.error(
            format!("{} is a directory, not an image", path.display()),
            hint,
        ));
    }
    // A device has no size of its own, and a pipe can be read only once.
    if !metadata.is_file() {
        return Err(Kind::Usage.error(
            format!("{} is not a file", path.display()),
            "copy the image into a file, for example with `dd if=DEVICE of=base.img bs=4M`, and name that file",
        ));
    }
    Ok(PackedFormat::of(File::open(path)?)?)
}

/// Creates the error for an unreadable path from the user: a usage error if the file is missing, a storage error otherwise.
pub(super) fn given(path: &Path, error: io::Error) -> anyhow::Error {
    if error.kind() != io::ErrorKind::NotFound {
        return error.into();
    }
    Kind::Usage.error(
        format!("{} does not exist", path.display()),
        match (file::is_for_a_shell(path), file::is_url(path)) {
            (true, _) => file::FOR_A_SHELL,
            (_, true) => "download it, for example with `curl -LO`, and give the path of the file",
            _ => "check the path or the name",
        },
    )
}

/// Returns the digest of the file, from the record of an earlier run if the file has not changed since.
fn cached_digest(path: &Path, cache: &Cache, options: &Options<'_>) -> Result<Digested> {
    let entry = cache.entry(&record_key(path)?, options.progress)?;
    let before = FileState::of(path)?;
    if entry.is_ours(RECORD)?
        && let Some(known) = Record::read(&entry.path(RECORD))
        && known.holds(&before)
    {
        return Ok(known.seen().packed);
    }
    let digested = image::digest(
        path,
        &format!("hashing {}", path.display()),
        options.progress,
    )?;
    unchanged(path, &before)?;
    let seen = SourceDigests::unpacked(digested.clone());
    entry.write(RECORD, &Record::new(&seen, Some(before)).to_text()?)?;
    Ok(digested)
}

fn unchanged(path: &Path, before: &FileState) -> Result<()> {
    if FileState::of(path)? == *before {
        return Ok(());
    }
    let what = format!("{} changed while it was being read", path.display());
    Err(Kind::Storage.error(what, "wait until the program that writes it has finished"))
}

/// Returns the key of a local file's record, which depends on the file's full path.
fn record_key(path: &Path) -> Result<String> {
    let full = fs_err::canonicalize(path)?;
    let digest = hex::sha256(full.as_os_str().as_encoded_bytes());
    Ok(format!("local-{digest}"))
}

/// Returns the digest in `<path>.sha256`, as `sha256sum` writes it; without that file, the pin is empty.
pub(super) fn sidecar(path: &Path) -> Result<Pin> {
    let beside = with_ending(path, "sha256");
    if !fs_err::exists(&beside)? {
        return Ok(Pin::default());
    }
    let text = file::read_text(&beside)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match digest_beside(&text, &name) {
        Some(digest) => Ok(Pin::sha256(&digest)),
        None => Err(Kind::Usage.error(
            format!("{} has no SHA-256 for {name}", beside.display()),
            "it must contain one line: the digest, two spaces and the file name; or remove it",
        )),
    }
}
