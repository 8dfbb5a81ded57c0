//! The format of the lock file. Reading is strict: a lock that is damaged, foreign or newer is refused.

use serde::{Deserialize, Serialize};

use crate::failure::parse_toml;
use crate::hex;
use crate::recipe::is_sha256;
use crate::secret::{FingerprintKey, Secret};
use crate::spec::{Archive, ExtraContent, ExtraFile};
use crate::without_login::without_login;

/// The version of the format; it is raised when a key changes its meaning or is removed.
const FORMAT: u32 = 1;

const HEADER: &str = "\
# What exactly the images of this cluster are made from. Written by etcd-image; commit it.
# `etcd-image update` looks for something newer.

";

/// The inputs of a cluster's images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    format: u32,
    /// The version of etcd-image.
    pub program: String,
    /// The name of the cluster.
    pub cluster: String,
    /// The SHA-256 of the overlays and of the firmware settings.
    pub overlays: String,
    /// The base image.
    pub base: LockedBase,
    /// etcd's programs.
    pub etcd: LockedEtcd,
    /// The user's own files, sorted by path and node.
    #[serde(default, rename = "file", skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<LockedFile>,
    /// The user's archives, in the order of the description.
    #[serde(default, rename = "archive", skip_serializing_if = "Vec::is_empty")]
    pub archives: Vec<LockedFile>,
}

/// A base image: published, made on this machine, or the user's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LockedBase {
    /// The recipe; `None` for the user's own image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// The address of a published image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The name of the user's own image, without its directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The mirror of a base that is made of packages, if it is not Debian's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
    /// The SHA-256 of the compressed image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The size of the compressed image in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The SHA-256 of the raw image.
    pub raw_sha256: String,
    /// The size of the raw image in bytes.
    pub raw_size: u64,
    /// The fingerprint of the key that signed the list of digests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// When the list of digests was signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<String>,
    /// The packages and the locale that the description adds to a base that is made of packages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// The date of the newest package of a base that is made of packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// The packages of a base that is made of packages: name, version, architecture and SHA-256.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
}

impl LockedBase {
    /// Returns a mirror as the lock file names it: without a login, since the file is committed.
    pub fn named_mirror(mirror: Option<&str>) -> Option<String> {
        mirror.map(without_login)
    }
}

/// Where etcd's programs come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EtcdOrigin {
    /// A release of the etcd project.
    Release,
    /// Debian's packages.
    Debian,
    /// The user's own files.
    Local,
}

/// etcd's programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedEtcd {
    /// Their source.
    pub origin: EtcdOrigin,
    /// The version, e.g. `3.6.14`.
    pub version: String,
    /// The address of a release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The SHA-256 of the archive, or of the `sha256sum` list of several files.
    pub sha256: String,
    /// Debian packages: name, version, architecture and SHA-256.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
    /// The user's own files other than packages: name and SHA-256.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// A `[[file]]` or `[[archive]]` of the description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedFile {
    /// The path on the node.
    pub path: String,
    /// The only node that receives it; `None` for every node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The SHA-256 of a file that everybody on the node may read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The keyed fingerprint of any other file: a digest would allow guessing a password. The key is in the state directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

impl LockedFile {
    /// Creates the record of a file of the description; `None` for a directory and for a link, which the description states
    /// in full.
    pub fn new(file: &ExtraFile, key: &FingerprintKey) -> Option<Self> {
        let ExtraContent::File(content) = &file.content else {
            return None;
        };
        let is_public = file.mode & 0o004 != 0;
        let fingerprint = || Secret::new(content.as_slice()).fingerprint(key);
        Some(Self {
            path: file.path.clone(),
            node: file.node.clone(),
            sha256: is_public.then(|| hex::sha256(content)),
            fingerprint: (!is_public).then(fingerprint),
        })
    }

    /// Creates the record of an archive, of whose content everybody on the node may read all files or not.
    pub fn archive(archive: &Archive, sha256: &str, is_public: bool, key: &FingerprintKey) -> Self {
        Self {
            path: archive.path.clone(),
            node: archive.node.clone(),
            sha256: is_public.then(|| sha256.to_owned()),
            fingerprint: (!is_public).then(|| Secret::new(sha256).fingerprint(key)),
        }
    }
}

/// The only key that every format has.
#[derive(Deserialize)]
struct AnyFormat {
    format: u32,
}

impl Lock {
    /// Creates the lock of a cluster without archives, for this version of the program.
    pub fn new(
        cluster: &str,
        overlays: String,
        base: LockedBase,
        etcd: LockedEtcd,
        mut files: Vec<LockedFile>,
    ) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path).then_with(|| a.node.cmp(&b.node)));
        Self {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            cluster: cluster.to_owned(),
            overlays,
            base,
            etcd,
            files,
            archives: Vec::new(),
        }
    }

    /// Returns this lock with another base and etcd, for this version of the program.
    #[must_use]
    pub fn with(&self, base: &LockedBase, etcd: &LockedEtcd) -> Self {
        Self {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            base: base.clone(),
            etcd: etcd.clone(),
            ..self.clone()
        }
    }

    /// Parses a lock file; the error is one line without the path.
    pub(super) fn parse(text: &str) -> Result<Self, Unreadable> {
        let AnyFormat { format } = parse_toml(text).map_err(Unreadable::Damaged)?;
        if format > FORMAT {
            return Err(Unreadable::Newer(format));
        }
        let lock: Self = parse_toml(text).map_err(Unreadable::Damaged)?;
        match lock.fault() {
            Some(fault) => Err(Unreadable::Damaged(fault)),
            None => Ok(lock),
        }
    }

    /// Returns the text of the lock file.
    pub fn to_text(&self) -> anyhow::Result<String> {
        Ok(format!("{HEADER}{}", toml::to_string_pretty(self)?))
    }

    /// Returns the SHA-256 of the lock file.
    pub fn sha256(&self) -> anyhow::Result<String> {
        Ok(hex::sha256(self.to_text()?))
    }

    /// Returns what is wrong with the values, which become names in the cache, addresses and messages.
    fn fault(&self) -> Option<String> {
        let (base, etcd) = (&self.base, &self.etcd);
        let packages = || base.packages.iter().chain(&etcd.packages);
        let listed = packages().chain(&etcd.files);
        let of_lists = listed.map(|line| line.rsplit(' ').next().unwrap_or_default());
        let files = self.files.iter().chain(&self.archives);
        let of_files = files.flat_map(|file| &file.sha256);
        let digests = [&self.overlays, &base.raw_sha256, &etcd.sha256]
            .into_iter()
            .chain(&base.sha256)
            .chain(of_files)
            .map(String::as_str)
            .chain(of_lists);
        if let Some(wrong) = digests.into_iter().find(|digest| !is_sha256(digest)) {
            return Some(format!("`{}` is not a SHA-256", wrong.escape_default()));
        }
        if let Some(line) = packages().find(|line| line.split(' ').count() != 4) {
            let line = line.escape_default();
            return Some(format!(
                "`{line}` is not name, version, architecture and SHA-256"
            ));
        }
        let address = |url: &&String| !url.starts_with("https://") && !url.starts_with("http://");
        let mut addresses = base.url.iter().chain(&etcd.url);
        if let Some(url) = addresses.find(address) {
            return Some(format!("`{}` is not a URL", url.escape_default()));
        }
        let has_control_character = |text: &str| text.contains(char::is_control);
        let entries = self.entries().into_iter();
        let mut texts = entries.map(|(what, value)| format!("{what}{value}"));
        let wrong = texts.any(|text| has_control_character(&text));
        (wrong || has_control_character(&self.cluster))
            .then(|| "it contains a control character".to_owned())
    }
}

/// Why a lock file cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// A newer program wrote it, in this format.
    Newer(u32),
    /// It is not a lock file, in one line.
    Damaged(String),
}
