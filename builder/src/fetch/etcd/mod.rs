//! etcd's programs for the nodes, from a release, Debian packages, or a directory. This machine never runs them.

mod archive;
pub(super) mod deb;
pub(super) mod debian_packages;
mod installed;
mod local;
mod newest;
mod pins;
mod programs;
mod release;
mod unpacked;
mod version;

use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result};

pub(crate) use self::installed::{InstalledOrigin, installed};
pub use self::newest::newest;
pub(crate) use self::pins::text as pins;
use self::programs::{FoundPrograms, Program};
use super::Options;
use super::elf::{self, Libc};
use crate::lock::{EtcdOrigin, LockedEtcd};
use crate::shared_bytes::SharedBytes;
use crate::spec::EtcdSource;

/// etcd's programs, each an ELF file for 64-bit Arm.
#[derive(Clone)]
pub struct EtcdBinaries {
    /// The version without the `v`, e.g. `3.6.14`, or `unknown` if no source contains it.
    pub version: String,
    /// The server.
    pub etcd: SharedBytes,
    /// The client.
    pub etcdctl: SharedBytes,
    /// The offline tool; releases before 3.5 have none.
    pub etcdutl: Option<SharedBytes>,
    /// The origin of the programs, for reports.
    pub source: String,
    /// The SHA-256 of their source: the archive, or the `sha256sum` list of several files.
    pub sha256: String,
    /// The server's requirements on the node's C library; `None` if it is static, as in releases.
    pub libc: Option<Libc>,
    /// Name and new text of the state file that stores a newly learned digest, if any.
    pub learned: Option<(String, String)>,
    /// The record for the lock file.
    pub locked: LockedEtcd,
}

impl EtcdBinaries {
    /// Returns whether the server starts on arm64 only with `ETCD_UNSUPPORTED_ARCH=arm64`, as every release before 3.5 does.
    pub fn needs_unsupported_arch(&self) -> bool {
        self.series() < (3, 5)
    }

    /// Returns the key of `etcd.conf.yml` and its value that make a member compare its data with the others' before it serves.
    pub fn initial_check(&self) -> (&'static str, &'static str) {
        match self.series() < (3, 6) {
            true => ("experimental-initial-corrupt-check", "true"),
            false => ("feature-gates", "InitialCorruptCheck=true"),
        }
    }

    fn series(&self) -> (u32, u32) {
        version::series(&self.version).unwrap_or_else(|| version::guess_series(&self.etcd))
    }

    /// Returns whether a cluster of this version is of a newer series than the server.
    pub fn is_older_than(&self, version: &str) -> bool {
        version::series(version).is_some_and(|series| self.series() < series)
    }

    /// Returns whether the offline tool can raise the revision of a snapshot that it restores. Early releases cannot.
    pub fn raises_revisions(&self) -> bool {
        const OPTION: &[u8] = b"mark-compacted";
        let etcdutl = self.etcdutl.as_deref().unwrap_or_default();
        version::find(etcdutl, OPTION).is_some()
    }

    /// Returns whether the server certainly ignores this key of its configuration file.
    ///
    /// A Go program contains the names of the keys as tags of its types. One without tags says nothing.
    pub(crate) fn lacks_setting(&self, key: &str) -> bool {
        let has = |key: &str| {
            let tag = |end| version::find(&self.etcd, format!("json:\"{key}{end}").as_bytes());
            tag("\"").or_else(|| tag(",")).is_some()
        };
        has("initial-cluster-token") && !has(key)
    }
}

/// Returns the programs from that source, the locked ones if a lock is given; the state directory may contain digests
/// learned before.
pub fn etcd(
    source: &EtcdSource,
    locked: Option<&LockedEtcd>,
    options: &Options<'_>,
    state: &Path,
) -> Result<EtcdBinaries> {
    let (found, context) = match (source, locked) {
        (EtcdSource::Version(_), Some(locked)) => (
            release::locked(locked, options),
            format!("fetching the locked etcd {}", locked.version),
        ),
        (EtcdSource::Version(version), None) => (
            release::release(version, options, state),
            format!("fetching etcd {version}"),
        ),
        (EtcdSource::Debian, _) => {
            let packages = debian_packages::debian_packages(locked, options);
            let source = "etcd-server and etcd-client from Debian trixie".to_owned();
            (
                packages.and_then(|packages| local::gather(source, &packages, options)),
                "taking etcd from Debian's packages".to_owned(),
            )
        }
        (EtcdSource::Paths(paths), _) => (
            local::local(paths, options),
            format!("taking etcd from {}", local::listed(paths)),
        ),
    };
    let origin = match source {
        EtcdSource::Version(_) => EtcdOrigin::Release,
        EtcdSource::Debian => EtcdOrigin::Debian,
        EtcdSource::Paths(_) => EtcdOrigin::Local,
    };
    let found = found.and_then(|found| complete_programs(found, origin));
    found.context(context)
}

/// Checks that all the programs exist and match the architecture.
fn complete_programs(mut found: FoundPrograms, origin: EtcdOrigin) -> Result<EtcdBinaries> {
    for (program, bytes) in &found.programs {
        elf::check(bytes, program.name())?;
    }
    let etcd = found.take(Program::Etcd)?;
    let version = found.version.take().or_else(|| version::of_program(&etcd));
    let version = version.unwrap_or_else(|| "unknown".to_owned());
    let is_release = origin == EtcdOrigin::Release;
    let locked = LockedEtcd {
        origin,
        version: version.clone(),
        url: is_release.then(|| found.source.clone()),
        sha256: found.sha256.clone(),
        packages: std::mem::take(&mut found.packages),
        files: std::mem::take(&mut found.files),
    };
    Ok(EtcdBinaries {
        version,
        libc: elf::check(&etcd, "etcd")?,
        etcd,
        etcdctl: found.take(Program::Etcdctl)?,
        etcdutl: found.take(Program::Etcdutl).ok(),
        source: found.source,
        sha256: found.sha256,
        learned: found.learned,
        locked,
    })
}

impl fmt::Debug for EtcdBinaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "EtcdBinaries({} from {}, SHA-256 {})",
            self.version, self.source, self.sha256
        )
    }
}

#[cfg(test)]
mod mutated;
#[cfg(test)]
mod tests;
