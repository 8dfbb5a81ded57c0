//! The lock file of one cluster: its path, its content, and whether it still matches the description.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::document::{EtcdOrigin, Lock, LockedBase, LockedEtcd, Unreadable};
use crate::cli;
use crate::failure::Kind;
use crate::file::if_exists;
use crate::spec::{BaseChoice, Cluster, EtcdSource};

/// The name of the lock file of `cluster.toml`.
const NAME: &str = "etcd-image.lock";
/// The number of differences that an error names.
const SHOWN: usize = 3;

/// Returns the path of the lock: beside the description, or beside the state directory if there is no description. Other
/// descriptions than `cluster.toml` have a lock of their own name, so that several can share a directory.
pub fn path(description: Option<&Path>, state: &Path) -> PathBuf {
    match description {
        Some(file) if file.file_name().is_some_and(|name| name != "cluster.toml") => {
            file.with_extension("lock")
        }
        Some(file) => file.with_file_name(NAME),
        None => state.parent().unwrap_or(Path::new("")).join(NAME),
    }
}

/// Returns the path of the lock of one cluster of a fleet, beside the fleet's description.
pub fn path_in_fleet(fleet: &Path, cluster: &str) -> PathBuf {
    fleet.with_file_name(format!("{cluster}.lock"))
}

/// The lock file of a cluster, which need not exist yet.
#[derive(Debug)]
pub struct LockFile {
    path: PathBuf,
    /// The content, and its text with the line breaks that this program writes.
    found: Option<(Lock, String)>,
}

impl LockFile {
    /// Reads the lock file of that cluster.
    pub fn open(path: PathBuf, cluster: &str) -> Result<Self> {
        let Some(text) = if_exists(fs_err::read_to_string(&path))? else {
            return Ok(Self { path, found: None });
        };
        let mut found = Lock::parse(&text).map_err(|why| unreadable(&path, &why))?;
        if found.cluster != cluster {
            let what = format!(
                "{} is the lock of cluster `{}`, and this is cluster `{cluster}`",
                path.display(),
                found.cluster
            );
            let hint = "name the description that belongs to it with `--config`, or remove it to lock this cluster's inputs";
            return Err(Kind::Usage.error(what, hint));
        }
        // Earlier versions have written the login as well.
        found.base.mirror = LockedBase::named_mirror(found.base.mirror.as_deref());
        Ok(Self {
            path,
            // git may write other line breaks.
            found: Some((found, text.replace("\r\n", "\n"))),
        })
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the content, or an error if there is no lock yet.
    pub fn found(&self) -> Result<&Lock> {
        let found = self.found.as_ref().map(|(lock, _)| lock);
        found.ok_or_else(|| {
            let what = format!("{} does not exist", self.path.display());
            Kind::Usage.error(what, "run `etcd-image build` once, which writes it")
        })
    }

    /// Returns the locked base if the description still asks for it.
    pub fn base(&self, cluster: &Cluster, mirror: Option<&str>) -> Option<&LockedBase> {
        let BaseChoice::Recipe(name) = &cluster.base else {
            return None;
        };
        let locked = &self.found.as_ref()?.0.base;
        let is_same = locked.recipe.as_ref() == Some(name)
            && (locked.url.is_some()
                || locked.mirror == LockedBase::named_mirror(mirror)
                    && locked.added == cluster.additions());
        is_same.then_some(locked)
    }

    /// Refuses a base that is older than the locked one: its mirror is out of date, or somebody replays an older signed list.
    pub fn refuse_older(
        &self,
        found: &LockedBase,
        cluster: &Cluster,
        mirror: Option<&str>,
    ) -> Result<()> {
        let locked = self.base(cluster, mirror);
        let Some((what, found, locked)) = locked.and_then(|locked| locked.newer_than(found)) else {
            return Ok(());
        };
        let path = self.path.display();
        let message =
            format!("the {what} of the base is dated {found}, and that in {path} {locked}");
        let hint = "try again later or over another network; to accept an older base, remove the lock file";
        Err(Kind::Verification.error(message, hint))
    }

    /// Returns the locked etcd if the description still asks for it. If the description names no version, any locked release
    /// answers it: the default of a newer program changes nothing by itself.
    pub fn etcd(&self, cluster: &Cluster) -> Option<&LockedEtcd> {
        let locked = &self.found.as_ref()?.0.etcd;
        let is_same = match (&cluster.etcd.source, locked.origin) {
            (EtcdSource::Version(version), EtcdOrigin::Release) => {
                cluster.etcd.is_default || *version == locked.version
            }
            (EtcdSource::Debian, EtcdOrigin::Debian) => true,
            _ => false,
        };
        is_same.then_some(locked)
    }

    /// Returns an error that names the differences, unless the inputs of a build are exactly the locked ones.
    pub fn require(&self, inputs: &Lock) -> Result<()> {
        let differences = self.found()?.differences(inputs);
        if differences.is_empty() {
            return self.require_text(&inputs.to_text()?);
        }
        let shown: Vec<String> = differences
            .iter()
            .take(SHOWN)
            .map(ToString::to_string)
            .collect();
        let more = match differences.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let what = format!(
            "`--locked` is given, and the inputs differ from {}: {}{more}",
            self.path.display(),
            shown.join("; ")
        );
        Err(Kind::Verification.error(
            what,
            "leave out `--locked` to accept them, or restore what is locked",
        ))
    }

    /// Returns an error that names the first line that differs from the text that a build writes, such as a damaged comment:
    /// the provenance of the images contains the digest of that text.
    fn require_text(&self, wanted: &str) -> Result<()> {
        let found = self.found.as_ref().map_or("", |(_, text)| text);
        if found == wanted {
            return Ok(());
        }
        let same = found.lines().zip(wanted.lines());
        let line = same.take_while(|(found, wanted)| found == wanted).count() + 1;
        let what = format!(
            "`--locked` is given, and line {line} of {} is not as `build` writes it",
            self.path.display()
        );
        let hint = "restore it, for example with `git restore`, or leave out `--locked` to have it written again";
        Err(Kind::Verification.error(what, hint))
    }

    /// Writes the lock unless the file has this content, and returns one line for each changed entry.
    pub fn write(&self, inputs: &Lock) -> Result<Vec<String>> {
        let text = inputs.to_text()?;
        if self.found.as_ref().is_some_and(|(_, found)| *found == text) {
            return Ok(Vec::new());
        }
        cli::replace(&self.path, &text)
            .with_context(|| format!("writing the lock file {}", self.path.display()))?;
        let old = self.found.iter();
        let differences = old.flat_map(|(old, _)| old.differences(inputs));
        let path = self.path.display();
        Ok(differences
            .map(|difference| format!("note: {path}: {difference}"))
            .collect())
    }
}

fn unreadable(path: &Path, why: &Unreadable) -> anyhow::Error {
    let path = path.display();
    match why {
        Unreadable::Newer(format) => Kind::Usage.error(
            format!("reading {path}: a newer etcd-image wrote it, in format {format}"),
            "use that version of etcd-image, or remove the file to lock the inputs again",
        ),
        Unreadable::Damaged(why) => Kind::Usage.error(
            format!("reading {path}: {why}"),
            "restore it, for example with `git restore`, or remove it to lock the inputs again",
        ),
    }
}
