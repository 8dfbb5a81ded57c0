//! Digests of etcd releases that were learned from a release's own `SHA256SUMS`. They are stored at first use: in the cache at
//! once, in the state directory when a build keeps it. From then on they are as binding as those of `recipes/etcd.toml`.

use std::collections::BTreeMap;

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::failure::{Kind, parse_toml};
use crate::fetch::Options;
use crate::fetch::cache::{Cache, PINS, is_ours};
use crate::fetch::record::RECORD;
use crate::file::if_exists;

const HEADER: &str = "\
# SHA-256 of etcd releases as first seen in their SHA256SUMS. A release that has another one later is refused;
# remove its line here and in the cache to accept that. Written by etcd-image.

";

/// The digests in one directory's `etcd-pins.toml`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pins {
    #[serde(skip)]
    path: PathBuf,
    sha256: BTreeMap<String, String>,
}

/// Returns the name of the file, in the cache and in the state directory.
fn pins_file_name() -> String {
    format!("{PINS}.{RECORD}")
}

impl Pins {
    /// Reads the pins of the cache directory; returns none if other users could have written them.
    pub(super) fn cached(folder: &Path) -> Result<Self> {
        match is_ours(folder, &folder.join(pins_file_name()))? {
            true => Self::read(folder),
            false => Ok(Self::default()),
        }
    }

    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(pins_file_name());
        let pins = match text(folder)? {
            Some(text) => parse_toml(&text).map_err(|what| wrong(&path, &what))?,
            None => Self::default(),
        };
        Ok(Self { path, ..pins })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn get(&self, version: &str) -> Option<&String> {
        self.sha256.get(version)
    }

    /// Returns name and text of the file with one more digest.
    pub(super) fn with(mut self, version: &str, sha256: &str) -> Result<(String, String)> {
        self.sha256.insert(version.to_owned(), sha256.to_owned());
        Ok((
            pins_file_name(),
            format!("{HEADER}{}", toml::to_string(&self)?),
        ))
    }
}

/// Returns the text of the file in a state directory or in the cache, if it exists.
pub(crate) fn text(folder: &Path) -> Result<Option<String>> {
    Ok(if_exists(fs_err::read_to_string(
        folder.join(pins_file_name()),
    ))?)
}

/// Stores a digest in the cache.
pub(super) fn remember(version: &str, sha256: &str, options: &Options<'_>) -> Result<()> {
    let entry = Cache::open(options.cache)?.entry(PINS, options.progress)?;
    let (_, text) = Pins::cached(options.cache)?.with(version, sha256)?;
    entry.write(RECORD, &text)
}

fn wrong(path: &Path, what: &str) -> anyhow::Error {
    let hint = "repair it, or remove it to record the digests again";
    Kind::Usage.error(format!("reading {}: {what}", path.display()), hint)
}
