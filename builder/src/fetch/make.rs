//! A base that is made on this machine, kept in the cache under the digest of what it is made from.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Options;
use super::cache::Cache;
use super::image;
use super::verified::{Promise, Verified};
use crate::failure::{Failure, Kind};

/// Something that makes an image.
pub trait Maker {
    /// What it makes, in a few words for reports.
    fn describe(&self) -> String;
    /// A SHA-256 of everything that decides what is made, lower-case hexadecimal.
    fn digest(&self) -> String;
    /// Makes the image somewhere below `work_dir`, an empty folder that is removed afterwards.
    fn make(&self, work_dir: &Path, say: &dyn Fn(&str)) -> Result<PathBuf>;
}

/// The image of `maker`, made now unless it is in the cache.
pub(super) fn made(maker: &dyn Maker, options: &Options<'_>) -> Result<Verified> {
    let (digest, source) = (maker.digest(), maker.describe());
    let entry = Cache::open(options.cache)?.entry(&digest, options.progress)?;
    if let Some(verified) = image::cached(&entry, &source, &Promise::default(), options)? {
        return Ok(verified);
    }
    if options.offline {
        let what = format!("{source} is not in the cache, and --offline is given");
        return Err(Failure::new(
            Kind::Storage,
            what,
            "run `etcd-image fetch` once while online, with the same `--cache`",
        ));
    }
    let work = entry.work_folder()?;
    let image = maker.make(&work, &|line| options.progress.note(line));
    let verified = image.and_then(|image| image::adopted(&entry, &image, &source, options));
    // A failed attempt's gigabytes go as well; its own error is the one to tell.
    let cleaned = entry.remove_work_folder();
    let verified = verified?;
    cleaned.map(|()| verified)
}

/// Who makes the `debian-trixie` base. To be connected to `fetch::debian`.
pub(super) fn debian() -> Result<Box<dyn Maker>> {
    let what = "this build of etcd-image cannot make the debian-trixie base yet";
    Err(Failure::new(
        Kind::Unsupported,
        what,
        "use `--base raspios-trixie`, or the path of an image",
    ))
}
