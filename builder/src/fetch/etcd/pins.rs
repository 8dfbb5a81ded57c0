//! Digests of etcd releases that were learned from a release's own `SHA256SUMS`, written down at first sight. From then on
//! they are as binding as those of `recipes/etcd.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Kind};
use crate::fetch::cache::{replace, storage};

const HEADER: &str = "\
# SHA-256 of etcd releases as first seen in their SHA256SUMS. A release that has another one later is refused;
# remove its line to accept that. Written by etcd-image.

";

/// The state folder's `etcd-pins.toml`.
#[derive(Debug)]
pub(super) struct Pins {
    path: PathBuf,
    text: Text,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    sha256: BTreeMap<String, String>,
}

impl Pins {
    pub(super) fn read(state: &Path) -> Result<Self> {
        let path = state.join("etcd-pins.toml");
        let text = match fs::read_to_string(&path) {
            Ok(text) => {
                toml::from_str(&text).map_err(|error| wrong(&path, error.to_string().trim_end()))?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Text::default(),
            Err(error) => return Err(storage("reading", &path, &error)),
        };
        Ok(Self { path, text })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn get(&self, version: &str) -> Option<&String> {
        self.text.sha256.get(version)
    }

    pub(super) fn write_down(&mut self, version: &str, sha256: &str) -> Result<()> {
        self.text
            .sha256
            .insert(version.to_owned(), sha256.to_owned());
        replace(
            &self.path,
            &format!("{HEADER}{}", toml::to_string(&self.text)?),
        )
    }
}

fn wrong(path: &Path, what: &str) -> anyhow::Error {
    let hint = "repair it, or remove it to learn the digests anew";
    Failure::new(
        Kind::Usage,
        format!("reading {}: {what}", path.display()),
        hint,
    )
}
