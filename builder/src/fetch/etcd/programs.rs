//! The three programs, as they are gathered.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::blob::Blob;
use crate::failure::{Failure, Kind};

/// The programs that are taken; everything else is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Program {
    Etcd,
    Etcdctl,
    Etcdutl,
}

impl Program {
    pub(super) const ALL: [Self; 3] = [Self::Etcd, Self::Etcdctl, Self::Etcdutl];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::Etcdctl => "etcdctl",
            Self::Etcdutl => "etcdutl",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|program| program.name() == name)
    }
}

/// Programs by name.
pub(super) type Programs = BTreeMap<Program, Blob>;

/// What an archive held.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unpacked {
    pub(super) programs: Programs,
    /// Upstream's version, if the archive tells.
    pub(super) version: Option<String>,
}

/// What a source held.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) programs: Programs,
    /// As the source tells it: the package's version, the folder's name.
    pub(super) version: Option<String>,
    pub(super) source: String,
    pub(super) sha256: String,
    /// File of the state folder that has to remember the digest.
    pub(super) learned: Option<(String, String)>,
}

impl Found {
    pub(super) fn bytes(&self, program: Program) -> Result<&[u8]> {
        self.programs
            .get(&program)
            .map(|bytes| &**bytes)
            .ok_or_else(|| self.missing(program))
    }

    pub(super) fn take(&mut self, program: Program) -> Result<Blob> {
        let bytes = self.programs.remove(&program);
        bytes.ok_or_else(|| self.missing(program))
    }

    /// Adds what another source held; no program may come from two.
    pub(super) fn add(&mut self, programs: Programs, source: &str) -> Result<()> {
        for (program, bytes) in programs {
            if self.programs.insert(program, bytes).is_some() {
                let what = format!(
                    "{} is in {source} and in another of the sources given",
                    program.name()
                );
                return Err(Failure::new(
                    Kind::Usage,
                    what,
                    "give one source for each program",
                ));
            }
        }
        Ok(())
    }

    fn missing(&self, program: Program) -> anyhow::Error {
        let what = format!("{} has no {}", self.source, program.name());
        let hint = "give an arm64 release tarball, or Debian's server and client packages: `--etcd SERVER.deb,CLIENT.deb`";
        Failure::new(Kind::Usage, what, hint)
    }
}
