//! etcd's programs as an image contains them.

use std::collections::BTreeMap;

use anyhow::Result;

use super::programs::{FoundPrograms, Program};
use super::{EtcdBinaries, complete_programs};
use crate::lock::EtcdOrigin;

/// The origin of programs that an image contains, as its manifest records it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InstalledOrigin<'a> {
    /// The version without the `v`.
    pub(crate) version: &'a str,
    /// The source of the build that wrote the image.
    pub(crate) source: &'a str,
    /// The SHA-256 of that source.
    pub(crate) sha256: &'a str,
}

/// Returns the programs of an image, each under its name.
pub(crate) fn installed(
    programs: BTreeMap<&str, Vec<u8>>,
    origin: InstalledOrigin<'_>,
) -> Result<EtcdBinaries> {
    let programs = programs.into_iter();
    let named = programs.filter_map(|(name, bytes)| Some((Program::named(name)?, bytes.into())));
    let found = FoundPrograms {
        programs: named.collect(),
        version: Some(origin.version.to_owned()).filter(|version| version != "unknown"),
        source: origin.source.to_owned(),
        sha256: origin.sha256.to_owned(),
        ..FoundPrograms::default()
    };
    complete_programs(found, EtcdOrigin::Local)
}
