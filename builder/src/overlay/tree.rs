//! What one node must contain: the wanted state of paths, before anyone looked at the base.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use crate::blob::Blob;
use crate::description::Role;
use crate::hex;
use crate::inspect::Place;
use crate::secret::{FingerprintKey, Secret};

/// The wanted changes of one node, in the order in which they are applied.
#[derive(Clone, Debug)]
pub struct FileTree {
    /// Node name.
    pub node: String,
    /// MBR disk signature, also written into `/etc/fstab` and `cmdline.txt`; `None` where the base's must stay.
    pub disk_id: Option<u32>,
    /// The byte before which the image must end, because data lies from there on.
    pub ends_before: Option<u64>,
    /// Seconds since 1970 given to everything written.
    pub time: i64,
    /// How the plan shows secrets.
    pub fingerprints: FingerprintKey,
    /// The wanted changes.
    pub entries: Vec<Entry>,
}

/// One wanted change.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Which partition.
    pub place: Place,
    /// Absolute path inside that partition's file system.
    pub path: String,
    /// What must be there afterwards.
    pub change: Change,
    /// What the file is for, if the node's description has to tell it apart.
    pub role: Option<Role>,
    /// Why, as the plan prints it.
    pub why: String,
}

impl FileTree {
    /// Every path a plan must know about: those named, the directories above them, the account files, and the files that
    /// name partitions.
    pub fn paths(&self) -> BTreeSet<(Place, String)> {
        let mut paths = BTreeSet::new();
        for entry in &self.entries {
            let ends = entry.path.match_indices('/').map(|(at, _)| at).skip(1);
            let above = ends.filter_map(|end| entry.path.get(..end));
            paths.extend(
                above
                    .chain([entry.path.as_str()])
                    .map(|path| (entry.place, path.to_owned())),
            );
        }
        if self.entries.iter().any(|entry| entry.place == Place::Root) {
            paths.extend(ACCOUNT_FILES.map(|path| (Place::Root, path.to_owned())));
        }
        if self.disk_id.is_some() {
            paths.insert((Place::Boot, "/cmdline.txt".to_owned()));
            paths.insert((Place::Root, "/etc/fstab".to_owned()));
        }
        paths
    }
}

/// Where Debian keeps accounts; the first three must exist.
pub const ACCOUNT_FILES: [&str; 6] = [
    "/etc/passwd",
    "/etc/group",
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/subuid",
    "/etc/subgid",
];

/// The wanted state of a path.
#[derive(Clone, Debug)]
pub enum Change {
    /// A regular file with this content, replacing whatever file or symlink was there.
    File {
        /// The bytes.
        content: Content,
        /// Permission bits.
        mode: u16,
        /// `user:group`.
        owner: Owner,
    },
    /// A folder; kept with its content if it exists.
    Folder {
        /// Permission bits.
        mode: u16,
        /// `user:group`.
        owner: Owner,
    },
    /// A symbolic link, replacing whatever file or symlink was there.
    Symlink {
        /// Its target.
        target: String,
    },
    /// The base must have it; nothing is written.
    Needed,
    /// No file and no symlink; nothing happens if there is none.
    Absent,
    /// An existing text file, changed by a rule; missing is an error unless the rule says otherwise.
    Edited(Edit),
}

/// File content.
#[derive(Clone, Debug)]
pub enum Content {
    /// Printable by `plan`.
    Plain(Blob),
    /// Printed only as its fingerprint.
    Secret(Secret),
}

impl Content {
    /// The bytes to write.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Secret(secret) => secret.reveal(),
        }
    }

    /// SHA-256 of the bytes, lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        match self {
            Self::Plain(bytes) => bytes.sha256().to_owned(),
            Self::Secret(secret) => hex::encode(&Sha256::digest(secret.reveal())),
        }
    }
}

/// Owner by name; numbers are looked up in the base's own account files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// User name or number.
    pub user: String,
    /// Group name or number.
    pub group: String,
}

impl Owner {
    /// `root:root`.
    pub fn root() -> Self {
        Self {
            user: "root".to_owned(),
            group: "root".to_owned(),
        }
    }
}

/// A rule that turns the text found in the base into the text wanted.
#[derive(Clone, Debug)]
pub enum Edit {
    /// `cmdline.txt`: kernel arguments taken away (exact, or by prefix when it ends in `*`), then added if missing; stays one line.
    KernelArguments {
        /// Arguments to remove.
        remove: Vec<String>,
        /// Arguments to append when absent.
        add: Vec<String>,
    },
    /// `config.txt`: settings ensured in the `[all]` section.
    FirmwareSettings {
        /// `key=value` lines; a line with the same key in `[all]` is replaced, except `dtoverlay`/`dtparam`, which accumulate.
        ensure: Vec<String>,
    },
    /// Every `PARTUUID=<old disk id>-` becomes the new disk id.
    DiskId,
    /// The account must exist; changes the [`ACCOUNT_FILES`] together.
    Account(Account),
}

/// An account that must exist.
#[derive(Clone, Debug)]
pub enum Account {
    /// A system user with its own group, no shell and no password, e.g. `etcd`.
    System {
        /// User and group name.
        name: String,
        /// Home folder.
        home: String,
        /// GECOS field.
        comment: String,
    },
    /// The person who logs in: UID 1000, renamed from the base's own UID 1000 user if there is one.
    Login {
        /// User and group name.
        name: String,
        /// crypt(3) hash, or none for a locked password.
        password_hash: Option<Secret>,
        /// Supplementary groups; those the base does not have are left out.
        groups: Vec<String>,
    },
}
