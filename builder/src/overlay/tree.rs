//! The desired state of one node's paths, independent of the content of the base image.

use std::collections::BTreeSet;

use anyhow::Context as _;

use crate::description::FileRole;
use crate::hex;
use crate::inspect::Volume;
use crate::secret::{FingerprintKey, Secret};
use crate::shared_bytes::SharedBytes;

/// The desired changes of one node, in the order in which they are applied.
#[derive(Clone, Debug)]
pub struct FileTree {
    /// Node name.
    pub node: String,
    /// MBR disk signature, also written into `/etc/fstab` and `cmdline.txt`; `None` to keep the base's signature.
    pub disk_id: Option<u32>,
    /// The path of the kernel's command line on the boot partition.
    pub command_line: String,
    /// The first byte of the data on the card, before which the image must end.
    pub ends_before: Option<u64>,
    /// Time stamp of everything written, in seconds since 1970.
    pub time: i64,
    /// Key of the fingerprints that the plan prints in place of secrets.
    pub fingerprints: FingerprintKey,
    /// The desired changes.
    pub entries: Vec<DesiredPath>,
}

/// One desired change.
#[derive(Clone, Debug)]
pub struct DesiredPath {
    /// Partition that contains the path.
    pub volume: Volume,
    /// Absolute path inside that partition's file system.
    pub path: String,
    /// Desired state of the path.
    pub change: Change,
    /// Role of the file in the node's description, if any.
    pub role: Option<FileRole>,
    /// Reason for the change, as the plan prints it.
    pub why: String,
    /// The place in `cluster.toml` that asks for the change; `None` for the program's own.
    pub origin: Option<String>,
}

impl FileTree {
    /// Returns every path that a plan depends on: the entries' own paths, their parent directories, the account files, and
    /// the files that refer to partitions.
    pub fn paths(&self) -> BTreeSet<(Volume, String)> {
        let mut paths = BTreeSet::new();
        for entry in &self.entries {
            let ends = entry.path.match_indices('/').map(|(at, _)| at).skip(1);
            let above = ends.filter_map(|end| entry.path.get(..end));
            paths.extend(
                above
                    .chain([entry.path.as_str()])
                    .map(|path| (entry.volume, path.to_owned())),
            );
        }
        let numbered = |entry: &&DesiredPath| matches!(entry.change, Change::NumberedLink { .. });
        for entry in self.entries.iter().filter(numbered) {
            paths.extend(entry.numbered().map(|path| (entry.volume, path)));
        }
        if self
            .entries
            .iter()
            .any(|entry| entry.volume == Volume::Root)
        {
            paths.extend(ACCOUNT_FILES.map(|path| (Volume::Root, path.to_owned())));
        }
        if self.disk_id.is_some() {
            paths.insert((Volume::Boot, self.command_line.clone()));
            paths.insert((Volume::Root, "/etc/fstab".to_owned()));
        }
        paths
    }
}

impl DesiredPath {
    /// Returns a change of this program's own.
    pub(super) fn new(volume: Volume, path: String, change: Change, why: &str) -> Self {
        Self {
            volume,
            path,
            change,
            role: None,
            why: why.to_owned(),
            origin: None,
        }
    }

    /// Returns the paths that a numbered link may have, in the order in which they are tried.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = String> {
        (0..MOST_NUMBERED).map(|number| format!("{}.{number}", self.path))
    }
}

/// How many numbers are tried for a link. Even two certificates with one subject are rare.
const MOST_NUMBERED: u32 = 16;

/// The files in which Debian stores accounts; the first three must exist.
pub const ACCOUNT_FILES: [&str; 6] = [
    "/etc/passwd",
    "/etc/group",
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/subuid",
    "/etc/subgid",
];

/// The desired state of a path.
#[derive(Clone, Debug)]
pub enum Change {
    /// A regular file with this content, which replaces an existing file or symbolic link.
    File {
        /// The bytes.
        content: FileContent,
        /// Permission bits.
        mode: u16,
        /// `user:group`.
        owner: Owner,
    },
    /// A directory; an existing one keeps its content.
    Folder {
        /// Permission bits.
        mode: u16,
        /// `user:group`.
        owner: Owner,
    },
    /// A directory; one that the base has stays as it is.
    MissingFolder {
        /// Permission bits.
        mode: u16,
        /// `user:group`.
        owner: Owner,
    },
    /// A symbolic link, which replaces an existing file or symbolic link.
    Symlink {
        /// Its target.
        target: String,
    },
    /// A symbolic link at this path with `.` and the first number that is free, as openssl-rehash(1) names certificates.
    NumberedLink {
        /// Its target.
        target: String,
    },
    /// A path that the base must contain; nothing is written.
    Needed,
    /// A line that a text file of the base must contain; nothing is written.
    NeededLine {
        /// The line.
        line: String,
    },
    /// No file or symbolic link; an existing one is removed.
    Absent,
    /// An existing text file, changed by a rule; a missing file is an error unless the rule says otherwise.
    Edited(Edit),
}

/// File content.
#[derive(Clone, Debug)]
pub enum FileContent {
    /// Content that `plan` may print.
    Plain(SharedBytes),
    /// Content that `plan` prints only as a fingerprint.
    Secret(Secret),
}

impl FileContent {
    /// Returns the bytes to write.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Secret(secret) => secret.reveal(),
        }
    }

    /// Returns the SHA-256 of the bytes in lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        match self {
            Self::Plain(bytes) => bytes.sha256().to_owned(),
            Self::Secret(secret) => hex::sha256(secret.reveal()),
        }
    }
}

/// An owner by name; its numbers come from the base's own account files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// User name or number.
    pub user: String,
    /// Group name or number.
    pub group: String,
}

impl Owner {
    /// Reads `user:group`.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let (user, group) = text
            .split_once(':')
            .with_context(|| format!("reading owner `{text}` as user:group"))?;
        Ok(Self {
            user: user.to_owned(),
            group: group.to_owned(),
        })
    }

    /// Returns `root:root`.
    pub fn root() -> Self {
        Self {
            user: "root".to_owned(),
            group: "root".to_owned(),
        }
    }
}

/// A rule that turns the text found in the base into the desired text.
#[derive(Clone, Debug)]
pub enum Edit {
    /// Removes kernel arguments from `cmdline.txt`, then adds those that are missing; the file stays one line.
    KernelArguments {
        /// Arguments to remove; one that ends in `*` is a prefix.
        remove: Vec<String>,
        /// Arguments to append if they are missing.
        add: Vec<String>,
    },
    /// Ensures settings in the `[all]` section of `config.txt`.
    FirmwareSettings {
        /// `key=value` lines; each replaces the line with its key in `[all]`, except `dtoverlay` and `dtparam`, which accumulate.
        ensure: Vec<String>,
    },
    /// Appends a text unless the file contains it; creates a missing file.
    Appended {
        /// The lines.
        text: String,
    },
    /// Replaces the disk id in every `PARTUUID=<old disk id>-`.
    DiskId,
    /// Ensures that an account exists, changing the [`ACCOUNT_FILES`] together.
    Account(Account),
}

/// An account that must exist.
#[derive(Clone, Debug)]
pub enum Account {
    /// A system user with its own group, no shell and no password, e.g. `etcd`.
    System {
        /// User and group name.
        name: String,
        /// Home directory.
        home: String,
        /// GECOS field.
        comment: String,
    },
    /// The login user with UID 1000; an existing user with that UID is renamed.
    Login {
        /// User and group name.
        name: String,
        /// crypt(3) hash, or `None` for a locked password.
        password_hash: Option<Secret>,
        /// Supplementary groups; groups that the base does not have are skipped.
        groups: Vec<String>,
        /// Supplementary groups that must exist.
        required_groups: Vec<String>,
    },
}
