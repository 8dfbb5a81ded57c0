//! The three programs and their collection from several sources.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::failure::Kind;
use crate::shared_bytes::SharedBytes;

/// The programs that are read; everything else is ignored.
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

/// The programs by name.
pub(super) type Programs = BTreeMap<Program, SharedBytes>;

/// The content of an archive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unpacked {
    pub(super) programs: Programs,
    /// The upstream version, if the archive contains it.
    pub(super) version: Option<String>,
}

/// The content of a source.
#[derive(Debug, Default)]
pub(super) struct FoundPrograms {
    pub(super) programs: Programs,
    /// The version according to the source: the package's version or the directory's name.
    pub(super) version: Option<String>,
    pub(super) source: String,
    pub(super) sha256: String,
    /// The Debian packages in it: name, version, architecture and SHA-256.
    pub(super) packages: Vec<String>,
    /// The other files in it: name and SHA-256.
    pub(super) files: Vec<String>,
    /// Name and new text of the state file that must store the digest.
    pub(super) learned: Option<(String, String)>,
}

impl FoundPrograms {
    pub(super) fn take(&mut self, program: Program) -> Result<SharedBytes> {
        self.programs.remove(&program).ok_or_else(|| {
            let what = format!("{} has no {}", self.source, program.name());
            let hint = "give an arm64 release tarball, or Debian's server and client packages: `--etcd SERVER.deb,CLIENT.deb`";
            Kind::Usage.error(what, hint)
        })
    }

    /// Adds the content of another source; refuses a program that comes from two sources.
    pub(super) fn add(&mut self, programs: Programs, source: &str) -> Result<()> {
        for (program, bytes) in programs {
            if self.programs.insert(program, bytes).is_some() {
                let what = format!(
                    "{} is in {source} and in another of the sources given",
                    program.name()
                );
                return Err(Kind::Usage.error(what, "give one source for each program"));
            }
        }
        Ok(())
    }
}
