//! Bases that are made on this machine and cached under the digest of their inputs.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::cache::Cache;
use super::debian;
use super::download;
use super::etcd::debian_packages::{CLIENT, PACKAGES, SERVER};
use super::image;
use super::verified::{Promise, Verified};
use super::{Options, age};

/// A maker of images.
pub(super) trait Maker {
    /// Describes the image in a few words for reports.
    fn describe(&self) -> String;
    /// Returns a SHA-256 of everything that determines the image, in lower-case hexadecimal.
    fn digest(&self) -> String;
    /// Makes the image somewhere below `work_dir`, an empty directory that is removed afterwards.
    fn make(&self, work_dir: &Path, say: &dyn Fn(&str)) -> Result<Made>;
}

/// The output of a maker.
#[derive(Debug)]
pub(super) struct Made {
    /// The raw image.
    pub image: PathBuf,
    /// Files to keep beside the image, each with its extension in the cache.
    pub beside: Vec<(PathBuf, &'static str)>,
}

/// Returns the image of `maker`, making it unless the cache has it.
pub(super) fn made(maker: &dyn Maker, options: &Options<'_>) -> Result<Verified> {
    let (digest, source) = (maker.digest(), maker.describe());
    let entry = Cache::open(options.cache)?.entry(&digest, options.progress)?;
    if let Some(verified) = image::cached(&entry, &source, &Promise::default(), options)? {
        age::report("the base made on this machine", verified.path(), options);
        return Ok(verified);
    }
    if options.offline {
        return Err(download::offline(&source));
    }
    entry.in_work_folder(|work_dir| {
        let made = maker.make(work_dir, &|line| options.progress.note(line))?;
        for (path, ending) in &made.beside {
            entry.adopt(path, ending)?;
        }
        image::adopted(&entry, &made.image, &source, options)
    })
}

/// Returns the image of `maker` if the cache has it, without making anything.
pub(super) fn known(maker: &dyn Maker, options: &Options<'_>) -> Result<Option<Verified>> {
    let digest = maker.digest();
    if !options.cache.join(format!("{digest}.img")).exists() {
        return Ok(None);
    }
    let entry = Cache::open(options.cache)?.entry(&digest, options.progress)?;
    image::cached(&entry, &maker.describe(), &Promise::default(), options)
}

/// Returns the maker of the `debian-trixie` base.
pub(super) fn debian(options: &Options<'_>) -> Debian {
    Debian(debian::Inputs {
        mirror: options.mirror.map(str::to_owned),
    })
}

/// A maker that runs mmdebstrap through `fetch/debian`.
pub(super) struct Debian(debian::Inputs);

impl Maker for Debian {
    fn describe(&self) -> String {
        "Debian's packages, by mmdebstrap".to_owned()
    }

    fn digest(&self) -> String {
        self.0.digest()
    }

    fn make(&self, work_dir: &Path, say: &dyn Fn(&str)) -> Result<Made> {
        let image = debian::make(&self.0, work_dir, say)?;
        let beside = [
            ("debian-trixie.packages", PACKAGES),
            ("etcd-server.deb", SERVER),
            ("etcd-client.deb", CLIENT),
        ];
        Ok(Made {
            image,
            beside: beside
                .map(|(name, ending)| (work_dir.join(name), ending))
                .to_vec(),
        })
    }
}
