//! The input of `resolve`: flags and the contents of the configuration file and key files.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Everything that determines a cluster.
#[derive(Clone, Debug)]
pub struct Input {
    /// Options of the command line, which take precedence over the file.
    pub flags: Flags,
    /// Configuration file, if any.
    pub config: Option<TextFile>,
    /// Settings of one cluster of a fleet, which take precedence over the file.
    pub row: Option<FleetRow>,
    /// Public keys from the user's `~/.ssh`, used if no other key is configured.
    pub default_keys: Vec<TextFile>,
    /// The current time in seconds since 1970.
    pub now: i64,
    /// Purpose of the cluster.
    pub purpose: Purpose,
    /// Function that reads the `source` of a `[[file]]`.
    pub read: fn(&Path) -> io::Result<Vec<u8>>,
    /// Function that lists a directory with everything below it, sorted; `None` if the path is not a directory.
    pub walk: fn(&Path) -> io::Result<Option<Vec<Walked>>>,
}

/// A file, directory or symbolic link below a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walked {
    /// Path below the directory, with `/` between its parts.
    pub path: String,
    /// The file, directory or link.
    pub kind: WalkedKind,
}

/// What a path below a directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalkedKind {
    /// A directory.
    Folder,
    /// A file, which may be executable.
    File {
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A symbolic link and its target.
    Link(String),
}

/// The purpose of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Building images, which requires nodes and a way to log in to them.
    Images,
    /// Creating keys and identities, which requires nodes.
    Identities,
    /// Downloading only the base and etcd, which requires neither nodes nor keys.
    Downloads,
}

/// The options that determine a cluster.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// Number of nodes (`--nodes`).
    pub nodes: Option<u32>,
    /// Base (`--base`).
    pub base: Option<String>,
    /// etcd release or path (`--etcd`).
    pub etcd: Option<String>,
    /// Files given with `--ssh-key`.
    pub ssh_keys: Vec<TextFile>,
}

/// The settings of one cluster of a fleet.
#[derive(Clone)]
pub struct FleetRow {
    /// Where the row is written, as in `clusters.csv:7`; complaints begin with it.
    pub place: String,
    /// The settings as a configuration file with the same tables as `cluster.toml`.
    pub text: String,
}

// Like a text file, a row may contain a password.
impl fmt::Debug for FleetRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.place, self.text.len())
    }
}

/// The path and content of a text file.
#[derive(Clone)]
pub struct TextFile {
    /// Path as the user named it.
    pub path: PathBuf,
    /// Content of the file.
    pub text: String,
}

// A text may contain a Wi-Fi password or a private key given by mistake, so it is never printed.
impl fmt::Debug for TextFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.path.display(), self.text.len())
    }
}
